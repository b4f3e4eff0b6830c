/** PATCH: JSON patch, merge patch, strategic merge patch, server-side apply. */
import { ApiError, failure } from '../../../kube/errors.ts';
import { APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH } from '../../../kube/transport.ts';
import { badRequest, notFound, unsupportedMediaType } from '../errors.ts';
import { isObject } from '../json.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from '../patch/apply-patch.ts';
import { serverSideApply } from '../patch/managed-fields.ts';
import { groupVersion, type KindInfo } from '../registry.ts';
import { objectIn } from './body.ts';
import type { Body } from '../body.ts';
import { isTrue, nameOf, type Answer, type Call, type Core } from './call.ts';
import { checkAddress, checkPreconditions } from './metadata.ts';
import { shapeFor } from './rules.ts';
import { current, insert, replace } from './write.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const APPLY_JSON = 'application/apply-patch+json';

export async function patch(core: Core, call: Call): Promise<Answer> {
  const { info, namespace } = call;
  const name = nameOf(call);
  const type = (call.contentType ?? '').split(';')[0]?.trim() ?? '';
  if (type === APPLY_PATCH || type === APPLY_JSON) return apply(core, call);
  if (call.query.force !== undefined) throw forceForbidden();
  const old = current(core, info, namespace, name);
  if (old === undefined) {
    acceptedTypes(info, type);
    throw notFound(info, name);
  }
  const object = objectIn(call, info, patched(info, type, old, call.body), old);
  checkAddress(info, object.metadata, namespace, name);
  return { status: 200, body: await replace(core, call, object, old) };
}

/** The object with the patch applied, before anything of the server's own. */
export function patched(info: KindInfo, type: string, old: Body, change: unknown): unknown {
  acceptedTypes(info, type);
  switch (type) {
    case JSON_PATCH:
      if (!Array.isArray(change)) throw badRequest('a JSON patch is a list of operations');
      return jsonPatch(old, change);
    case STRATEGIC_PATCH:
      if (!isObject(change)) throw badRequest('a strategic merge patch is an object');
      return strategicMergePatch(old, change, shapeFor(info));
    default:
      if (!isObject(change)) throw badRequest('a merge patch is an object');
      return mergePatch(old, change);
  }
}

function acceptedTypes(info: KindInfo, type: string): void {
  const types = [JSON_PATCH, MERGE_PATCH, ...(info.custom === undefined ? [STRATEGIC_PATCH] : []), APPLY_PATCH];
  if (!types.includes(type)) throw unsupportedMediaType(types);
}

async function apply(core: Core, call: Call): Promise<Answer> {
  const { info, namespace } = call;
  const name = nameOf(call);
  if (call.query.fieldManager === undefined || call.query.fieldManager === '')
    throw new ApiError(
      failure(
        422,
        'Invalid',
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
        {
          group: 'meta.k8s.io',
          kind: 'PatchOptions',
          causes: [
            {
              reason: 'FieldValueRequired',
              message: 'Required value: is required for apply patch',
              field: 'fieldManager',
            },
          ],
        },
      ),
    );
  requireVersionNamed(info, call.body);
  const applied = objectIn(call, info, withName(call.body, name, info.namespaced ? namespace : undefined));
  checkAddress(info, applied.metadata, namespace, name);
  if ((applied.metadata.managedFields ?? []).length > 0) throw badRequest('metadata.managedFields must be nil');
  const old = current(core, info, namespace, name);
  const options = {
    manager: call.manager,
    force: call.query.force !== undefined && isTrue(call.query.force),
    time: timestamp(call.now),
    apiVersion: groupVersion(info),
    subresource: call.subresource,
  };
  if (old === undefined) {
    if (call.subresource !== undefined) throw notFound(info, name);
    checkCreatedByApply(info, applied, name);
    const object = serverSideApply(undefined, applied, options, shapeFor(info)) as Body;
    return { status: 201, body: await insert(core, call, object, 'done') };
  }
  checkPreconditions(info, applied.metadata, old.metadata);
  const object = serverSideApply(old, applied, options, shapeFor(info)) as Body;
  return { status: 200, body: await replace(core, call, object, old, 'done') };
}

/** What is applied says what it is: owners of fields are kept by version. */
function requireVersionNamed(info: KindInfo, body: unknown): void {
  const given = isObject(body) && typeof body.apiVersion === 'string' ? body.apiVersion : '';
  if (isObject(body) && given !== groupVersion(info))
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${given}, expected: ${groupVersion(info)}`,
    );
}

function checkCreatedByApply(info: KindInfo, applied: Body, name: string): void {
  if ((applied.metadata.uid ?? '') !== '' || (applied.metadata.resourceVersion ?? '') !== '')
    throw notFound(info, name);
}

function withName(body: unknown, name: string, namespace: string | undefined): unknown {
  if (!isObject(body)) return body;
  const metadata = isObject(body.metadata) ? body.metadata : {};
  return {
    ...body,
    metadata: { ...(namespace === undefined ? {} : { namespace }), ...metadata, name: metadata.name ?? name },
  };
}

function forceForbidden(): ApiError {
  return new ApiError(
    failure(
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
      {
        group: 'meta.k8s.io',
        kind: 'PatchOptions',
        causes: [
          {
            reason: 'FieldValueForbidden',
            message: 'Forbidden: may not be specified for non-apply patch',
            field: 'force',
          },
        ],
      },
    ),
  );
}
