/** DELETE of an object and of a collection. Source: Kubernetes "Garbage Collection", "Finalizers", "Pod termination". */
import type { CustomResourceDefinition } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { ApiError, failure } from '../../../kube/errors.ts';
import { fromStorage, toStorage } from '../conversions.ts';
import { terminatingStatus } from '../definitions.ts';
import { badRequest, conflict, forbidden, notFound } from '../errors.ts';
import { isObject } from '../json.ts';
import { groupVersion, storageOf, type KindInfo } from '../registry.ts';
import { parseSelection } from '../selectors.ts';
import { reviewed } from '../admission/reviews.ts';
import { admissionVerdict, needsReviews } from './admit.ts';
import type { Body } from '../body.ts';
import { isTrue, keyOf, nameOf, type Answer, type Call, type Core, type Query } from './call.ts';
import { hasGeneration } from './metadata.ts';
import { isDefinition } from './rules.ts';
import { returnsDeleted } from './strategy.ts';
import { commit, current } from './write.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
const DEFAULT_GRACE = 30;
const PROTECTED: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export interface DeleteOptions {
  readonly propagation: 'Foreground' | 'Background' | 'Orphan' | undefined;
  readonly gracePeriodSeconds: number | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

export async function remove(core: Core, call: Call): Promise<Answer> {
  const options = optionsOf(call);
  const { info } = call;
  if (storageOf(info) === 'batch/jobs' && options.propagation === undefined)
    call.warnings.push(
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    );
  const { object, gone } = await removeOne(core, call, nameOf(call), call.namespace, options);
  const waits = options.propagation === 'Foreground' || options.propagation === 'Orphan';
  if (!gone) return { status: waits && call.query.orphanDependents !== undefined ? 202 : 200, body: object };
  if (returnsDeleted(info)) return { status: 200, body: object };
  return { status: 200, body: success(info, object) };
}

export async function removeCollection(core: Core, call: Call): Promise<Answer> {
  const { info, namespace, query } = call;
  const options = optionsOf(call);
  const selection = parseSelection(info, query.labelSelector, query.fieldSelector);
  const prefix = info.namespaced && namespace !== undefined ? `${namespace}/` : '';
  const chosen = [...core.store.entries(storageOf(info), prefix)].filter(([, object]) => selection.matches(object));
  const items = await Promise.all(
    chosen.map(async ([, { metadata }]) => {
      try {
        const one = { ...call, name: metadata.name, namespace: metadata.namespace };
        const removed = (under: Call) => removeOne(core, under, metadata.name, metadata.namespace, options);
        return (await (needsReviews(core, info) ? reviewed(one, removed) : removed(one))).object;
      } catch (error) {
        // Gone meanwhile: what was wanted.
        if (error instanceof ApiError && error.code === 404) return undefined;
        throw error;
      }
    }),
  );
  const body = {
    kind: info.listKind,
    apiVersion: groupVersion(info),
    metadata: { resourceVersion: String(core.store.version) },
    items: items.filter((item) => item !== undefined),
  };
  return { status: 200, body };
}

/** @returns the last state, and whether the object is gone now rather than waiting for finalizers or a grace period */
export async function removeOne(
  core: Core,
  call: Call,
  name: string,
  namespace: string | undefined,
  options: DeleteOptions,
): Promise<{ object: KubeObject; gone: boolean }> {
  const { info } = call;
  const { dryRun } = options;
  const old = current(core, info, namespace, name);
  if (old === undefined) throw notFound(info, name);
  checkDeletePreconditions(info, old, options);
  if (storageOf(info) === '/namespaces' && PROTECTED.has(name))
    throw forbidden(info, name, 'this namespace may not be deleted');
  admissionVerdict(core, dryRun === call.dryRun ? call : { ...call, dryRun }, info, 'DELETE', undefined, old);
  const marked = markDeleted(info, old, options, call.now);
  if (marked === undefined) {
    if (options.dryRun) return { object: old, gone: true };
    const removed = await core.store.remove(storageOf(info), keyOf(info, namespace, name), toStorage(info, old));
    return { object: fromStorage(info, removed), gone: true };
  }
  if (marked === old || options.dryRun) return { object: marked, gone: false };
  return { object: await commit(core, info, marked), gone: false };
}

/**
 * The object as being deleted; undefined when nothing holds it and it can go at once; the same object when it is being
 * deleted already and nothing changes.
 */
function markDeleted(info: KindInfo, old: Body, options: DeleteOptions, now: number): Body | undefined {
  const { metadata } = old;
  const finalizers = deletionFinalizers(info, old, options);
  const grace = graceOf(info, old, options);
  const isNamespace = storageOf(info) === '/namespaces';
  if (finalizers.length === 0 && grace === 0 && !(isNamespace && isHeld(old))) return undefined;
  const already = metadata.deletionTimestamp !== undefined;
  const shorter = already && grace < (metadata.deletionGracePeriodSeconds ?? 0);
  const sameFinalizers = finalizers.join() === (metadata.finalizers ?? []).join();
  if (already && !shorter && sameFinalizers) return old;
  const next: Body = { ...old, metadata: { ...metadata } };
  if (finalizers.length > 0) next.metadata.finalizers = finalizers;
  else delete next.metadata.finalizers;
  if (!already || shorter) {
    next.metadata.deletionTimestamp = timestamp(now + grace * 1000);
    next.metadata.deletionGracePeriodSeconds = grace;
  }
  if (!already && hasGeneration(info) && (metadata.generation ?? 0) > 0)
    next.metadata.generation = (metadata.generation ?? 0) + 1;
  if (isDefinition(info) && !already)
    next.status = terminatingStatus((old as unknown as CustomResourceDefinition).status, timestamp(now));
  if (isNamespace) {
    const status = isObject(old.status) ? old.status : {};
    next.status = { ...status, phase: 'Terminating' };
    delete next.metadata.deletionGracePeriodSeconds;
  }
  return next;
}

function isHeld(namespace: Body): boolean {
  const held = isObject(namespace.spec) ? namespace.spec.finalizers : undefined;
  return Array.isArray(held) && held.length > 0;
}

/** Only pods end gracefully, and only those that run somewhere. */
function graceOf(info: KindInfo, old: Body, options: DeleteOptions): number {
  if (storageOf(info) !== '/pods') return 0;
  const spec = isObject(old.spec) ? old.spec : {};
  const status = isObject(old.status) ? old.status : {};
  const own =
    typeof spec.terminationGracePeriodSeconds === 'number' ? spec.terminationGracePeriodSeconds : DEFAULT_GRACE;
  if (typeof spec.nodeName !== 'string' || spec.nodeName === '') return 0;
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return 0;
  const asked = Math.max(0, options.gracePeriodSeconds ?? own);
  const left = old.metadata.deletionGracePeriodSeconds;
  return old.metadata.deletionTimestamp === undefined ? asked : Math.min(asked, left ?? asked);
}

function deletionFinalizers(info: KindInfo, old: Body, { propagation }: DeleteOptions): string[] {
  const finalizers = old.metadata.finalizers ?? [];
  const others = finalizers.filter((one) => one !== FOREGROUND && one !== ORPHAN);
  if (propagation === 'Foreground') return [...others, FOREGROUND];
  if (propagation === 'Orphan') return [...others, ORPHAN];
  if (propagation === 'Background') return others;
  if (finalizers.length > others.length) return [...finalizers];
  const orphans = storageOf(info) === 'batch/jobs' || storageOf(info) === '/replicationcontrollers';
  return orphans ? [...others, ORPHAN] : others;
}

function checkDeletePreconditions(info: KindInfo, old: Body, { uid, resourceVersion }: DeleteOptions): void {
  const { name } = old.metadata;
  if (uid !== undefined && uid !== old.metadata.uid)
    throw conflict(
      info,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid ?? ''}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion)
    throw conflict(
      info,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion ?? ''}). The object might have been modified`,
    );
}

/** From the body, or else from the query. */
export function optionsOf(call: Call): DeleteOptions {
  const body = isObject(call.body) ? call.body : queryOptions(call.query);
  const preconditions = isObject(body.preconditions) ? body.preconditions : {};
  const grace = body.gracePeriodSeconds;
  if (grace !== undefined && grace !== null && (typeof grace !== 'number' || !Number.isInteger(grace)))
    throw badRequest(`invalid gracePeriodSeconds ${JSON.stringify(grace)}`);
  return {
    propagation: propagationOf(body.propagationPolicy, body.orphanDependents),
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    uid: typeof preconditions.uid === 'string' ? preconditions.uid : undefined,
    resourceVersion: typeof preconditions.resourceVersion === 'string' ? preconditions.resourceVersion : undefined,
    dryRun: call.dryRun || (Array.isArray(body.dryRun) && body.dryRun.includes('All')),
  };
}

function queryOptions(query: Query): Record<string, unknown> {
  const { gracePeriodSeconds: grace, propagationPolicy, orphanDependents } = query;
  return {
    gracePeriodSeconds: grace === undefined || grace === '' ? undefined : Number(grace),
    propagationPolicy,
    orphanDependents: orphanDependents === undefined ? undefined : isTrue(orphanDependents),
  };
}

function propagationOf(policy: unknown, orphan: unknown): DeleteOptions['propagation'] {
  if (policy === undefined || policy === null || policy === '')
    return orphan === true ? 'Orphan' : orphan === false ? 'Background' : undefined;
  if (policy === 'Foreground' || policy === 'Background' || policy === 'Orphan') return policy;
  throw new ApiError(
    failure(
      422,
      'Invalid',
      `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      {
        group: 'meta.k8s.io',
        kind: 'DeleteOptions',
        causes: [
          {
            reason: 'FieldValueNotSupported',
            message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
            field: 'propagationPolicy',
          },
        ],
      },
    ),
  );
}

function success(info: KindInfo, object: KubeObject) {
  const { name, uid } = object.metadata;
  const details = { name, ...(info.group === '' ? {} : { group: info.group }), kind: info.plural, uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}
