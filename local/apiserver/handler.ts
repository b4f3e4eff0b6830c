/** One request to a resource, from its route to the verb that answers it. The same for HTTP and for the process itself. */
import type { Method, WatchHandle, Watcher } from '../../kube/transport.ts';
import { ApiError, failure } from '../../kube/errors.ts';
import { admissionCel } from './admission/cel.ts';
import { reviewed } from './admission/reviews.ts';
import { methodNotAllowed, noSuchPath } from './errors.ts';
import type { RequestLabels } from './metrics.ts';
import { groupVersion, type KindInfo } from './registry.ts';
import type { Route } from './routes.ts';
import { needsReviews } from './verbs/admit.ts';
import type { User } from './user.ts';
import { isTrue, type Answer, type Call, type Core, type Query } from './verbs/call.ts';
import { create, update } from './verbs/create.ts';
import { remove, removeCollection } from './verbs/delete.ts';
import { patch } from './verbs/patch.ts';
import { bind, evict } from './verbs/pod-actions.ts';
import { get, list } from './verbs/read.ts';
import { review } from './verbs/reviews.ts';
import { METRICS_GROUP, readUsage } from './verbs/resource-usage.ts';
import { getScale, patchScale, updateScale } from './verbs/scale.ts';
import { requestToken } from './verbs/service-account-token.ts';
import { watch } from './verbs/watch.ts';

export type ResourceRoute = Extract<Route, { type: 'resource' }>;

export interface Incoming {
  readonly method: Method;
  readonly route: ResourceRoute;
  readonly query: Query;
  readonly contentType: string | undefined;
  readonly body: unknown;
  readonly user: User;
  /** The field manager of writes that name none. */
  readonly agent: string;
  readonly defaultFieldValidation: Call['fieldValidation'];
}

/** @throws ApiError 404 when there is no such kind, or it has no such subresource */
export function kindOf(core: Core, route: ResourceRoute): KindInfo {
  const info = core.registry.find(route.group, route.version, route.plural);
  if (info === undefined) throw noSuchPath();
  if (route.namespace !== undefined && !info.namespaced) throw noSuchPath();
  if (info.namespaced && route.namespace === undefined && route.name !== undefined) throw noSuchPath();
  if (route.subresource !== undefined && !info.subresources.includes(route.subresource)) throw noSuchPath();
  return info;
}

/** @throws ApiError 400 for options that make no sense */
export function callOf(core: Core, incoming: Incoming): Call {
  const { route, query, contentType, body, user } = incoming;
  const info = kindOf(core, route);
  const warnings: string[] = [];
  const deprecation = info.custom?.deprecationWarning;
  if (deprecation !== undefined)
    warnings.push(deprecation === '' ? `${groupVersion(info)} ${info.kind} is deprecated` : deprecation);
  return {
    user,
    info,
    namespace: route.namespace,
    name: route.name,
    subresource: route.subresource,
    query,
    contentType,
    body,
    now: core.clock.now(),
    manager: query.fieldManager || incoming.agent,
    dryRun: dryRunOf(query.dryRun),
    fieldValidation: fieldValidationOf(query.fieldValidation, incoming.defaultFieldValidation),
    warnings,
  };
}

export async function handle(core: Core, method: Method, call: Call): Promise<Answer> {
  const { info, name } = call;
  if (!info.stored) {
    if (info.group === METRICS_GROUP) return readUsage(core, method, call);
    if (method !== 'POST' || name !== undefined) throw methodNotAllowed();
    return review(core, call);
  }
  if (method !== 'GET') {
    // The engine of a resource's CEL rules is loaded when the first one needs it.
    const ready = info.custom?.structural?.ready;
    if (ready !== undefined) await ready;
    if (info.group === 'admissionregistration.k8s.io') await admissionCel();
  }
  // A collection's objects are reviewed one by one.
  const isReviewed = method !== 'GET' && !(method === 'DELETE' && name === undefined) && needsReviews(core, info);
  return isReviewed ? reviewed(call, (under) => answer(core, method, under)) : answer(core, method, call);
}

async function answer(core: Core, method: Method, call: Call): Promise<Answer> {
  const { info, name, subresource } = call;
  if (subresource !== undefined) return handleSubresource(core, method, call);
  switch (method) {
    case 'GET':
      return name === undefined ? list(core, call) : get(core, call);
    case 'POST':
      // A namespaced kind is created in a namespace, and nothing is POSTed to an object.
      if (name !== undefined || (info.namespaced && call.namespace === undefined)) throw methodNotAllowed();
      return create(core, call);
    case 'PUT':
      if (name === undefined) throw methodNotAllowed();
      return update(core, call);
    case 'PATCH':
      if (name === undefined) throw methodNotAllowed();
      return patch(core, call);
    case 'DELETE':
      if (name !== undefined) return remove(core, call);
      if (info.namespaced && call.namespace === undefined) throw methodNotAllowed();
      return removeCollection(core, call);
    default:
      throw methodNotAllowed();
  }
}

async function handleSubresource(core: Core, method: Method, call: Call): Promise<Answer> {
  switch (`${method} ${call.subresource ?? ''}`) {
    case 'GET status':
      return get(core, call);
    case 'PUT status':
    case 'PUT finalize':
      return update(core, call);
    case 'PATCH status':
      return patch(core, call);
    case 'GET scale':
      return getScale(core, call);
    case 'PUT scale':
      return updateScale(core, call);
    case 'PATCH scale':
      return patchScale(core, call);
    case 'POST binding':
      return bind(core, call);
    case 'POST eviction':
      return evict(core, call);
    case 'POST token':
      return requestToken(core, call);
    default:
      throw methodNotAllowed();
  }
}

/** @throws ApiError for options that make no sense */
export function handleWatch(core: Core, call: Call, watcher: Watcher): WatchHandle {
  if (!call.info.stored || call.subresource !== undefined) throw methodNotAllowed();
  return watch(core, call, watcher);
}

export function isWatch(method: string, route: ResourceRoute, query: Query): boolean {
  if (method !== 'GET' || route.subresource !== undefined) return false;
  return route.watch || (query.watch !== undefined && isTrue(query.watch));
}

/** The verb Kubernetes' rules name for a request to a resource. */
export function verbOf(method: string, route: ResourceRoute, isWatch: boolean): string {
  if (isWatch) return 'watch';
  const collection = route.name === undefined;
  switch (method) {
    case 'GET':
      return collection ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return collection ? 'deletecollection' : 'delete';
    default:
      return method.toLowerCase();
  }
}

/** What a request is counted under; a kind that is not served is `other`, so that nobody can invent labels. */
export function labelsOf(
  core: Core,
  { group, version, plural, subresource = '' }: ResourceRoute,
  verb: string,
): RequestLabels {
  const info = core.registry.find(group, version, plural);
  if (info === undefined) return { verb, group: 'other', resource: 'other', subresource: '' };
  return { verb, group, resource: plural, subresource: info.subresources.includes(subresource) ? subresource : '' };
}

function dryRunOf(value: string | undefined): boolean {
  if (value === undefined || value === '') return false;
  if (value === 'All') return true;
  throw invalidOption('dryRun', `Unsupported value: ${JSON.stringify(value)}: supported values: "All"`);
}

function fieldValidationOf(value: string | undefined, fallback: Call['fieldValidation']): Call['fieldValidation'] {
  if (value === undefined || value === '') return fallback;
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw invalidOption(
    'fieldValidation',
    `Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

function invalidOption(field: string, message: string): ApiError {
  return new ApiError(
    failure(422, 'Invalid', `CreateOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
      group: 'meta.k8s.io',
      kind: 'CreateOptions',
      causes: [{ reason: 'FieldValueNotSupported', message, field }],
    }),
  );
}
