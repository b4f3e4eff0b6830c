/** POST to a collection, PUT to an object. */
import { notFound, versionOfNothing } from '../errors.ts';
import { objectIn } from './body.ts';
import { nameOf, type Answer, type Call, type Core } from './call.ts';
import { checkAddress } from './metadata.ts';
import { createsOnUpdate } from './strategy.ts';
import { current, insert, replace, requireVersion } from './write.ts';

export async function create(core: Core, call: Call): Promise<Answer> {
  const object = objectIn(call, call.info);
  checkAddress(call.info, object.metadata, call.namespace, call.name);
  // What was exported from a cluster is no longer what the cluster has: taking it silently would hide that.
  if ((object.metadata.resourceVersion ?? '') !== '') throw versionOfNothing();
  return { status: 201, body: await insert(core, call, object) };
}

/** Also of the `status` and `finalize` subresources. */
export async function update(core: Core, call: Call): Promise<Answer> {
  const { info, namespace } = call;
  const name = nameOf(call);
  const old = current(core, info, namespace, name);
  const given = objectIn(call, info, call.body, old);
  const object = given.metadata.name === undefined ? { ...given, metadata: { ...given.metadata, name } } : given;
  checkAddress(info, object.metadata, namespace, name);
  if (old === undefined) {
    const { resourceVersion, uid } = object.metadata;
    const named = (resourceVersion ?? '') !== '' || (uid ?? '') !== '';
    if (call.subresource !== undefined || named || !createsOnUpdate(info)) throw notFound(info, name);
    return { status: 201, body: await insert(core, call, object) };
  }
  requireVersion(info, object);
  return { status: 200, body: await replace(core, call, object, old) };
}
