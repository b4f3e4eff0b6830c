/** POSTs to a pod: `binding` (a scheduler's decision) and `eviction` (deletion that respects disruption budgets). */
import type { KubeObject } from '../../../api/object.ts';
import { badRequest, conflict, notFound, tooManyRequests } from '../errors.ts';
import { isObject } from '../json.ts';
import { admittedSubresource } from './admit.ts';
import type { Body } from '../body.ts';
import { nameOf, type Answer, type Call, type Core } from './call.ts';
import { optionsOf, removeOne } from './delete.ts';
import { matchesSelector } from './label-selector.ts';
import { commit, current } from './write.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const BINDING = { group: '', version: 'v1', kind: 'Binding' };
const EVICTION = { group: 'policy', version: 'v1', kind: 'Eviction' };

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

export async function bind(core: Core, call: Call): Promise<Answer> {
  const { info, namespace } = call;
  const name = nameOf(call);
  const target = isObject(call.body) && isObject(call.body.target) ? call.body.target.name : undefined;
  if (typeof target !== 'string' || target === '') throw badRequest('target.name: Required value');
  const pod = current(core, info, namespace, name);
  if (pod === undefined) throw notFound(info, name);
  admittedSubresource(core, call, BINDING, 'CREATE', call.body as Body, undefined);
  const spec = isObject(pod.spec) ? pod.spec : {};
  if (pod.metadata.deletionTimestamp !== undefined)
    throw conflict(info, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if (typeof spec.nodeName === 'string' && spec.nodeName !== '')
    throw conflict(info, name, `pod ${name} is already assigned to node ${JSON.stringify(spec.nodeName)}`);
  const status = isObject(pod.status) ? pod.status : {};
  const others = (Array.isArray(status.conditions) ? status.conditions : []).filter(
    (one) => isObject(one) && one.type !== 'PodScheduled',
  );
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(call.now) };
  const next: Body = {
    ...pod,
    spec: { ...spec, nodeName: target },
    status: { ...status, conditions: [...others, scheduled] },
  };
  if (!call.dryRun) await commit(core, info, next);
  return { status: 201, body: SUCCESS };
}

export async function evict(core: Core, call: Call): Promise<Answer> {
  const { info, namespace } = call;
  const name = nameOf(call);
  const pod = current(core, info, namespace, name);
  if (pod === undefined) throw notFound(info, name);
  const eviction = isObject(call.body) ? call.body : {};
  admittedSubresource(core, call, EVICTION, 'CREATE', eviction as Body, undefined);
  const budget = isOver(pod) ? undefined : exhaustedBudget(core, pod);
  if (budget !== undefined)
    throw tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10, [
      {
        reason: 'DisruptionBudget',
        message: `The disruption budget ${budget.metadata.name} does not allow it to lose a ready pod now`,
      },
    ]);
  await removeOne(core, call, name, namespace, optionsOf({ ...call, body: eviction.deleteOptions }));
  return { status: 201, body: { ...SUCCESS, code: 201 } };
}

function isOver(pod: Body): boolean {
  const status = isObject(pod.status) ? pod.status : {};
  return status.phase === 'Succeeded' || status.phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined;
}

/** The budget that one ready pod less would break. Counted from the pods there are, as no controller keeps statuses. */
function exhaustedBudget(core: Core, pod: Body): KubeObject | undefined {
  if (!isReady(pod)) return undefined;
  const prefix = `${pod.metadata.namespace ?? ''}/`;
  for (const [, budget] of core.store.entries('policy/poddisruptionbudgets', prefix)) {
    const spec = (budget as Body).spec;
    if (!isObject(spec) || !matchesSelector(spec.selector, pod)) continue;
    const pods: Body[] = [];
    for (const [, other] of core.store.entries('/pods', prefix))
      if (matchesSelector(spec.selector, other)) pods.push(other as Body);
    const healthy = pods.filter(isReady).length;
    if (healthy - 1 < leastHealthy(spec.minAvailable, spec.maxUnavailable, pods.length)) return budget;
  }
  return undefined;
}

function leastHealthy(minAvailable: unknown, maxUnavailable: unknown, total: number): number {
  if (minAvailable !== undefined) return share(minAvailable, total);
  if (maxUnavailable !== undefined) return total - share(maxUnavailable, total);
  return 0;
}

function share(value: unknown, total: number): number {
  if (typeof value === 'number') return value;
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value) : null;
  return percent === null ? 0 : Math.ceil((Number(percent[1]) * total) / 100);
}

function isReady(pod: Body): boolean {
  const conditions = isObject(pod.status) ? pod.status.conditions : undefined;
  if (pod.metadata.deletionTimestamp !== undefined || !Array.isArray(conditions)) return false;
  return conditions.some((one) => isObject(one) && one.type === 'Ready' && one.status === 'True');
}
