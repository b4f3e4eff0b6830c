/** The object in a request's body: of the right kind, at the right address, without unknown fields. */
import type { KubeObject } from '../../../api/object.ts';
import { apiVersionOf } from '../../../api/resource.ts';
import { badRequest } from '../errors.ts';
import { changedMembers } from '../changed-members.ts';
import { isObject, type JsonObject } from '../json.ts';
import { groupVersion, type KindInfo } from '../registry.ts';
import type { Body } from '../body.ts';
import type { Call } from './call.ts';
import { checkMetadataTypes } from './metadata.ts';
import { withoutUnknownFields } from './rules.ts';

/**
 * @param old what the object was before: members that are still the same have been looked at then
 * @throws ApiError 400
 */
export function objectIn(call: Call, info: KindInfo, body: unknown = call.body, old?: KubeObject): Body {
  if (!isObject(body)) throw badRequest(`the body of the request must be a JSON object of kind ${info.kind}`);
  const apiVersion = groupVersion(info);
  const typed = withType(info, body, apiVersion);
  checkMetadataTypes(info, typed);
  const object = { ...typed, metadata: withoutNulls(typed.metadata) } as unknown as Body;
  const changed = changedMembers(object, old);
  const known = withoutUnknownFields(call, info, changed);
  return (changed === object ? known : { ...object, ...known }) as Body;
}

function withType(info: KindInfo, body: JsonObject, apiVersion: string): JsonObject {
  // Custom resources must say what they are; for built-in kinds the path says it.
  if (info.custom !== undefined) {
    if (typeof body.kind !== 'string' || body.kind === '')
      throw badRequest(`Object 'Kind' is missing in '${brief(body)}'`);
    if (typeof body.apiVersion !== 'string' || body.apiVersion === '')
      throw badRequest(`Object 'apiVersion' is missing in '${brief(body)}'`);
  }
  const kind = body.kind ?? info.kind;
  const version = body.apiVersion ?? apiVersion;
  if (kind !== info.kind)
    throw badRequest(
      `the object provided is unrecognized (must be of type ${info.kind}): ${String(version)}, Kind=${String(kind)}`,
    );
  if (version !== apiVersion)
    throw badRequest(
      `the API version in the data (${String(version)}) does not match the expected API version (${apiVersionOf(info)})`,
    );
  return { ...body, apiVersion, kind };
}

function withoutNulls(metadata: unknown): JsonObject {
  if (!isObject(metadata)) return {};
  if (!Object.values(metadata).includes(null)) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null));
}

function brief(body: unknown): string {
  return JSON.stringify(body).slice(0, 200);
}
