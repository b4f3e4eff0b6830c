/** GET of an object and LIST of a collection, paged consistently. Source: Kubernetes API concepts, "Retrieving large results sets in chunks". */
import type { KubeObject } from '../../../api/object.ts';
import { ApiError, failure } from '../../../kube/errors.ts';
import { fromStorage } from '../conversions.ts';
import { badRequest, expired, notFound } from '../errors.ts';
import { isObject } from '../json.ts';
import { groupVersion, storageOf } from '../registry.ts';
import { parseSelection } from '../selectors.ts';
import { keyOf, nameOf, type Answer, type Call, type Core, type Query } from './call.ts';

export function get(core: Core, call: Call): Answer {
  const { info, namespace } = call;
  const name = nameOf(call);
  const object = core.store.get(storageOf(info), keyOf(info, namespace, name));
  if (object === undefined) throw notFound(info, name);
  return { status: 200, body: fromStorage(info, object) };
}

export interface ListBody {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  readonly items: readonly KubeObject[];
}

/** Where a page starts: in the collection as it was at a version, or as it is now. */
interface Place {
  readonly version: number;
  readonly after: string;
}

export function list(core: Core, call: Call): Answer {
  const { info, namespace, query } = call;
  const { store } = core;
  const limit = parseLimit(query.limit);
  const selection = parseSelection(info, query.labelSelector, query.fieldSelector);
  const prefix = info.namespaced && namespace !== undefined ? `${namespace}/` : '';
  const place = placeOf(core, query);
  const now = place === undefined || place.version === store.version || place.version < 0;
  const version = now ? store.version : place.version;
  const source = now
    ? store.entries(storageOf(info), prefix, place?.after)
    : store.entriesAt(storageOf(info), version, prefix);
  if (source === undefined) throw forgotten(query, place);
  const items: KubeObject[] = [];
  let last = '';
  let remaining = 0;
  for (const [key, object] of source) {
    if (!now && place.after !== '' && key <= place.after) continue;
    if (!selection.matches(object)) continue;
    if (limit > 0 && items.length === limit) {
      // With a selector the rest is not counted, only known to exist.
      remaining = now && selection.all ? store.countAfter(storageOf(info), prefix, last) : remaining + 1;
      if (now || !selection.all) break;
      continue;
    }
    items.push(fromStorage(info, object));
    last = key;
  }
  const metadata: ListBody['metadata'] = { resourceVersion: String(version) };
  if (remaining > 0) {
    metadata.continue = encodePlace({ version: place !== undefined && place.version < 0 ? -1 : version, after: last });
    if (selection.all) metadata.remainingItemCount = remaining;
  }
  const body: ListBody = { kind: info.listKind, apiVersion: groupVersion(info), metadata, items };
  return { status: 200, body };
}

function placeOf(core: Core, query: Query): Place | undefined {
  const token = query.continue ?? '';
  const version = query.resourceVersion ?? '';
  checkVersionMatch(query);
  if (token !== '') {
    if (version !== '' && version !== '0')
      throw badRequest('specifying resource version is not allowed when using continue');
    return decodePlace(token);
  }
  if (version === '' || version === '0') return undefined;
  const number = parseVersion(version);
  if (number > core.store.version) throw tooLarge(number, core.store.version);
  return query.resourceVersionMatch === 'Exact' ? { version: number, after: '' } : undefined;
}

function checkVersionMatch(query: Query): void {
  const { resourceVersionMatch: match, resourceVersion = '' } = query;
  if (match === undefined || match === '') return;
  const refuse = (reason: string, detail: string) => {
    throw invalidOptions('resourceVersionMatch', reason, detail);
  };
  if (query.continue) refuse('FieldValueForbidden', 'resourceVersionMatch is forbidden when continue is provided');
  if (resourceVersion === '')
    refuse('FieldValueForbidden', 'resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan')
    refuse('FieldValueNotSupported', `supported values: "Exact", "NotOlderThan"`);
  if (match === 'Exact' && resourceVersion === '0')
    refuse('FieldValueForbidden', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
}

export function invalidOptions(field: string, reason: string, detail: string): ApiError {
  const title = reason === 'FieldValueForbidden' ? 'Forbidden' : 'Unsupported value';
  const message = `${title}: ${detail}`;
  return new ApiError(
    failure(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes: [{ reason, message, field }],
    }),
  );
}

/** @throws ApiError 400 */
export function parseVersion(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid resource version ${JSON.stringify(text)}`);
  return Number(text);
}

function parseLimit(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  const limit = Number(text);
  if (!Number.isInteger(limit)) throw badRequest(`invalid limit ${JSON.stringify(text)}`);
  return Math.max(0, limit);
}

function encodePlace({ version, after }: Place): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: `${after}\0` })).toString('base64url');
}

function decodePlace(token: string): Place {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (isObject(value) && typeof value.rv === 'number' && typeof value.start === 'string')
      return { version: value.rv, after: value.start.replace(/\0$/, '') };
  } catch {
    // Not ours: refused below.
  }
  throw badRequest('continue key is not valid: the token was not issued by this server');
}

function forgotten(query: Query, place: Place | undefined): ApiError {
  if (!query.continue || place === undefined) return expired('The resourceVersion for the provided list is too old.');
  const error = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to go on with what there is now.',
  );
  const token = encodePlace({ version: -1, after: place.after });
  return new ApiError({ ...error.status, metadata: { continue: token } as unknown as Record<string, never> });
}

function tooLarge(wanted: number, have: number): ApiError {
  return new ApiError(
    failure(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${have}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    }),
  );
}
