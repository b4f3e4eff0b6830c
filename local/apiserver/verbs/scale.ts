/** The `scale` subresource: one object's replicas as an autoscaling/v1 Scale. */
import { ApiError, failure } from '../../../kube/errors.ts';
import { badRequest, noSuchPath, notFound } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { KindInfo, ScalePaths } from '../registry.ts';
import { admittedSubresource } from './admit.ts';
import type { Body } from '../body.ts';
import { nameOf, type Answer, type Call, type Core } from './call.ts';
import { patched } from './patch.ts';
import { current, replace } from './write.ts';

const BUILTIN_PATHS: ScalePaths = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };

/** What a Scale is to the patch types: a built-in kind of its own. */
const SCALE: KindInfo = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  listKind: 'ScaleList',
  plural: 'scales',
  singular: 'scale',
  shortNames: [],
  categories: [],
  namespaced: true,
  subresources: [],
  verbs: [],
  stored: false,
  storageVersion: 'v1',
};

export function getScale(core: Core, call: Call): Answer {
  return { status: 200, body: scaleOf(call.info, target(core, call)) };
}

export async function updateScale(core: Core, call: Call): Promise<Answer> {
  return write(core, call, target(core, call), call.body);
}

export async function patchScale(core: Core, call: Call): Promise<Answer> {
  const old = target(core, call);
  const type = (call.contentType ?? '').split(';')[0]?.trim() ?? '';
  const before = scaleOf(call.info, old) as unknown as Body;
  const change = type.startsWith('application/apply-patch') ? call.body : patched(SCALE, type, before, call.body);
  return write(core, call, old, change);
}

async function write(core: Core, call: Call, old: Body, scale: unknown): Promise<Answer> {
  const { info } = call;
  if (!isObject(scale) || !isObject(scale.spec ?? {})) throw badRequest('the body must be an autoscaling/v1 Scale');
  const spec = isObject(scale.spec) ? scale.spec : {};
  const replicas = spec.replicas ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) throw badRequest('spec.replicas must be an integer');
  if (replicas < 0) throw negative(old.metadata.name, replicas);
  const metadata = isObject(scale.metadata) ? scale.metadata : {};
  const version = typeof metadata.resourceVersion === 'string' ? metadata.resourceVersion : undefined;
  const uid = typeof metadata.uid === 'string' ? metadata.uid : undefined;
  const asked = withPath(old, pathsOf(info).specReplicasPath, replicas) as Body;
  const before = scaleOf(info, old) as unknown as Body;
  const reviewed = admittedSubresource(core, call, SCALE, 'UPDATE', scaleOf(info, asked) as unknown as Body, before);
  const wanted = numberAt(reviewed, 'spec.replicas') ?? 0;
  const next = withPath(asked, pathsOf(info).specReplicasPath, wanted) as Body;
  const given: Body = {
    ...next,
    metadata: { ...old.metadata, resourceVersion: version, uid: uid ?? old.metadata.uid },
  };
  const stored = (await replace(core, call, given, old)) as Body;
  return { status: 200, body: scaleOf(info, stored) };
}

function target(core: Core, call: Call): Body {
  const { info, namespace } = call;
  const name = nameOf(call);
  const object = current(core, info, namespace, name);
  if (object === undefined) throw notFound(info, name);
  return object;
}

function pathsOf(info: KindInfo): ScalePaths {
  if (info.custom === undefined) return BUILTIN_PATHS;
  if (info.custom.scale === undefined) throw noSuchPath();
  return info.custom.scale;
}

function scaleOf(info: KindInfo, object: Body): JsonObject {
  const paths = pathsOf(info);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberAt(object, paths.specReplicasPath);
  const status: JsonObject = { replicas: numberAt(object, paths.statusReplicasPath) ?? 0 };
  const selector = selectorText(info, object, paths);
  if (selector !== undefined) status.selector = selector;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === undefined ? {} : { replicas },
    status,
  };
}

function selectorText(info: KindInfo, object: Body, paths: ScalePaths): string | undefined {
  if (info.custom !== undefined) {
    if (paths.labelSelectorPath === undefined) return undefined;
    const text = valueAt(object, paths.labelSelectorPath);
    return typeof text === 'string' ? text : undefined;
  }
  const selector = valueAt(object, '.spec.selector');
  if (!isObject(selector)) return undefined;
  // A ReplicationController's selector is the map itself.
  const labels =
    isObject(selector.matchLabels) || Array.isArray(selector.matchExpressions) ? selector.matchLabels : selector;
  const parts = Object.entries(isObject(labels) ? labels : {}).map(([key, value]) => `${key}=${String(value)}`);
  for (const one of Array.isArray(selector.matchExpressions) ? selector.matchExpressions : []) {
    if (!isObject(one)) continue;
    const values = Array.isArray(one.values) ? one.values.join(',') : '';
    const key = String(one.key);
    if (one.operator === 'In') parts.push(`${key} in (${values})`);
    else if (one.operator === 'NotIn') parts.push(`${key} notin (${values})`);
    else if (one.operator === 'Exists') parts.push(key);
    else if (one.operator === 'DoesNotExist') parts.push(`!${key}`);
  }
  return parts.sort().join(',');
}

function steps(path: string): string[] {
  return path.split('.').filter((step) => step !== '');
}

function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const step of steps(path)) value = isObject(value) ? value[step] : undefined;
  return value;
}

function numberAt(object: unknown, path: string): number | undefined {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : undefined;
}

function withPath(object: unknown, path: string, value: unknown): unknown {
  const [step, ...rest] = steps(path);
  if (step === undefined) return value;
  const base = isObject(object) ? object : {};
  return { ...base, [step]: withPath(base[step], rest.join('.'), value) };
}

function negative(name: string, replicas: number): ApiError {
  const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
  return new ApiError(
    failure(422, 'Invalid', `Scale.autoscaling ${JSON.stringify(name)} is invalid: spec.replicas: ${message}`, {
      name,
      group: 'autoscaling',
      kind: 'Scale',
      causes: [{ reason: 'FieldValueInvalid', message, field: 'spec.replicas' }],
    }),
  );
}
