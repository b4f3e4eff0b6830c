/** POST serviceaccounts/NAME/token: a TokenRequest answered with a token. Source: Kubernetes "TokenRequest" API. */
import { badRequest, notFound } from '../errors.ts';
import { isObject } from '../json.ts';
import { DEFAULT_AUDIENCE } from '../tokens.ts';
import { nameOf, type Answer, type Call, type Core } from './call.ts';
import { current } from './write.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const DEFAULT_LIFETIME = 3600;
const SHORTEST = 600;
const LONGEST = 2 ** 32;

export function requestToken(core: Core, call: Call): Answer {
  const { info, namespace } = call;
  const name = nameOf(call);
  const account = current(core, info, namespace, name);
  if (account === undefined) throw notFound(info, name);
  const request = isObject(call.body) ? call.body : {};
  const spec = isObject(request.spec) ? request.spec : {};
  const audiences = Array.isArray(spec.audiences) ? spec.audiences.filter((one) => typeof one === 'string') : [];
  const asked = spec.expirationSeconds ?? DEFAULT_LIFETIME;
  if (typeof asked !== 'number' || asked < SHORTEST || asked > LONGEST)
    throw badRequest(
      `spec.expirationSeconds: Invalid value: ${JSON.stringify(asked)}: may not specify a duration less than 10 minutes`,
    );
  const bound = isObject(spec.boundObjectRef) ? spec.boundObjectRef : undefined;
  let pod: { name: string; uid: string } | undefined;
  if (bound?.kind === 'Pod' && typeof bound.name === 'string') {
    const found = core.store.peek('/pods', `${namespace ?? ''}/${bound.name}`);
    if (found === undefined) throw notFound({ group: '', plural: 'pods' }, bound.name);
    pod = { name: bound.name, uid: found.metadata.uid ?? '' };
  }
  const subject = {
    namespace: namespace ?? '',
    serviceAccount: name,
    uid: account.metadata.uid ?? '',
    audiences: audiences.length > 0 ? audiences : [DEFAULT_AUDIENCE],
    lifetime: asked,
    pod,
  };
  const { token, expires } = core.tokens.issue(subject, call.now);
  return {
    status: 201,
    body: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name, namespace, creationTimestamp: timestamp(call.now) },
      spec: { ...spec, audiences: subject.audiences, expirationSeconds: asked },
      status: { token, expirationTimestamp: timestamp(expires) },
    },
  };
}
