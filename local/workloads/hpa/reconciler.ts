/**
 * Scales Deployments and ReplicaSets for HorizontalPodAutoscalers by what their pods use, as kube-controller-manager
 * does: every 15 seconds, and at once when the target's scale changes. Metrics of other kinds than `cpu` and `memory`
 * are said to be unknown, as on a cluster without adapters for them.
 * Source: Kubernetes, "Horizontal Pod Autoscaling".
 */
import { HorizontalPodAutoscaler, type HpaMetric } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { Deployment, Pod, ReplicaSet } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { ResourceType } from '../../../api/resource.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { keyOf } from '../../../kube/informer.ts';
import { parseQuantity } from '../../../kube/quantity.ts';
import type { ObjectKey, Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import { MERGE_PATCH } from '../../../kube/transport.ts';
import { selects } from '../../../kube/label-selector.ts';
import { NO_HISTORY, remember, stepTowards, type History } from './behavior.ts';
import { readUsage } from './pod-usage.ts';
import { MetricError, replicasFor, type Proposal, type ResourceTarget } from './replica-count.ts';
import { HpaConditions, metricName, metricStatus, type HpaStatus } from './status.ts';

type Target = Deployment | ReplicaSet;

interface Seen {
  readonly uid: string | undefined;
  readonly spec: HorizontalPodAutoscaler['spec'];
  readonly replicas: number | undefined;
  readonly at: number;
  readonly history: History;
}

const PERIOD = 15_000;
const BY_TARGET = 'hpa/target';
const TARGETS: Readonly<Record<string, ResourceType<Deployment> | ResourceType<ReplicaSet>>> = {
  Deployment,
  ReplicaSet,
};

export function hpaReconciler(): Reconciler<HorizontalPodAutoscaler> {
  const seen = new Map<string, Seen>();
  return {
    name: 'horizontal-pod-autoscaler',
    kind: HorizontalPodAutoscaler,
    owns: [],
    watches: [
      { type: Deployment, keys: (target: Deployment, world) => autoscalersOf('Deployment', target, world) },
      { type: ReplicaSet, keys: (target: ReplicaSet, world) => autoscalersOf('ReplicaSet', target, world) },
    ],
    reads: [Pod],

    async reconcile(hpa, world): Promise<Outcome<HpaStatus>> {
      const key = keyOf(hpa.metadata.namespace, hpa.metadata.name);
      const now = world.clock.now();
      const target = targetOf(hpa, world);
      const replicas = target === undefined ? undefined : (target.spec?.replicas ?? 1);
      const before = seen.get(key);
      const known = before?.uid === hpa.metadata.uid ? before : undefined;
      // Its own status and its target's are no news.
      if (known !== undefined && known.replicas === replicas && deepEqual(known.spec, hpa.spec)) {
        const left = known.at + PERIOD - now;
        if (left > 0 && left <= PERIOD) return { again: left };
      }
      forgetDeleted(seen, world);
      const { status, history, scaledTo } = await look(hpa, target, known?.history ?? NO_HISTORY, world);
      seen.set(key, { uid: hpa.metadata.uid, spec: hpa.spec, replicas: scaledTo ?? replicas, at: now, history });
      return { status, again: scaledTo === undefined ? PERIOD : 1 };
    },
  };
}

interface Look {
  readonly status: HpaStatus;
  readonly history: History;
  /** The target's new scale, when it was changed. */
  readonly scaledTo?: number;
}

async function look(
  hpa: HorizontalPodAutoscaler,
  target: Target | undefined,
  history: History,
  world: World,
): Promise<Look> {
  const now = world.clock.now();
  const conditions = new HpaConditions(hpa.status?.conditions, now);
  const { kind, name } = hpa.spec.scaleTargetRef;
  if (target === undefined) {
    const message = `the HPA controller was unable to get the target's current scale: ${kind} "${name}" not found`;
    const isNews = conditions.set('AbleToScale', 'False', 'FailedGetScale', message);
    if (isNews) world.event(hpa, 'Warning', 'FailedGetScale', message);
    return { status: { ...hpa.status, conditions: conditions.toList() }, history };
  }
  conditions.set(
    'AbleToScale',
    'True',
    'SucceededGetScale',
    "the HPA controller was able to get the target's current scale",
  );
  const current = target.spec?.replicas ?? 1;
  const min = hpa.spec.minReplicas ?? 1;
  const { maxReplicas: max } = hpa.spec;
  const done = (desired: number, metrics?: HpaStatus['currentMetrics']): Look => ({
    status: {
      ...hpa.status,
      currentReplicas: current,
      desiredReplicas: desired,
      currentMetrics: metrics ?? hpa.status?.currentMetrics,
      conditions: conditions.toList(),
    },
    history,
  });
  if (current === 0 && min !== 0) {
    const message = 'scaling is disabled since the replica count of the target is zero';
    conditions.set('ScalingActive', 'False', 'ScalingDisabled', message);
    return done(0);
  }
  if (current > max || current < min) {
    const bound = current > max ? max : min;
    const which = current > max ? 'above Spec.MaxReplicas' : 'below Spec.MinReplicas';
    await scale(hpa, target, bound, `Current number of replicas ${which}`, conditions, world);
    const after = remember(history, bound, current, bound, now);
    return { ...done(bound), history: after, scaledTo: bound };
  }

  const pods = world.informer(Pod).list(hpa.metadata.namespace);
  const own = pods.filter(({ metadata }) => selects(target.spec?.selector, metadata.labels));
  const { best, name: metric, metrics } = await propose(hpa, current, own, conditions, world);
  if (best === undefined) return done(hpa.status?.desiredReplicas ?? 0, metrics);
  const step = stepTowards(hpa.spec, current, best, history, now);
  conditions.stepped(step);
  const after = remember(history, best, current, step.replicas, now);
  if (step.replicas === current) return { ...done(current, metrics), history: after };
  const reason = step.replicas > current ? `${metric} above target` : 'All metrics below target';
  await scale(hpa, target, step.replicas, reason, conditions, world);
  const status: HpaStatus = { ...done(step.replicas, metrics).status, lastScaleTime: conditions.now };
  return { status, history: after, scaledTo: step.replicas };
}

/** The most that any of the metrics wants; undefined when none can say, or one cannot and the others want less. */
async function propose(
  hpa: HorizontalPodAutoscaler,
  current: number,
  pods: readonly Pod[],
  conditions: HpaConditions,
  world: World,
): Promise<{ best: number | undefined; name: string; metrics: HpaStatus['currentMetrics'] }> {
  const wanted = hpa.spec.metrics ?? [];
  const statuses: NonNullable<HpaStatus['currentMetrics']> = [];
  let best: number | undefined;
  let name = '';
  let failure: { readonly reason: string; readonly message: string } | undefined;
  for (const metric of wanted) {
    try {
      const target = resourceTarget(metric);
      const usage = await readUsage(world.client, hpa.metadata.namespace);
      const proposal: Proposal = replicasFor(target, current, pods, usage, world.clock.now());
      statuses.push(metricStatus(target, proposal));
      if (best === undefined || proposal.replicas > best) [best, name] = [proposal.replicas, metricName(target)];
    } catch (error) {
      if (!(error instanceof MetricError)) throw error;
      const reason = metric.type === 'Resource' ? 'FailedGetResourceMetric' : `FailedGet${metric.type}Metric`;
      failure ??= { reason, message: error.message };
    }
  }
  if (failure !== undefined && (best === undefined || best < current)) {
    const message = `the HPA was unable to compute the replica count: ${failure.message}`;
    const isNews = conditions.set('ScalingActive', 'False', failure.reason, message);
    if (isNews) world.event(hpa, 'Warning', failure.reason, failure.message);
    return { best: undefined, name, metrics: statuses };
  }
  if (best !== undefined)
    conditions.set(
      'ScalingActive',
      'True',
      'ValidMetricFound',
      `the HPA was able to successfully calculate a replica count from ${name}`,
    );
  return { best, name, metrics: statuses };
}

/** @throws MetricError for what nobody measures here */
function resourceTarget({ type, resource, pods, object, external }: HpaMetric): ResourceTarget {
  const of = resource?.name;
  if (type !== 'Resource' || (of !== 'cpu' && of !== 'memory')) {
    const what = of ?? pods?.metric.name ?? object?.metric.name ?? external?.metric.name ?? type;
    throw new MetricError(
      type === 'Resource'
        ? `failed to get ${what} usage: unable to get metrics for resource ${what}: only cpu and memory are measured`
        : `unable to get metric ${what}: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered`,
    );
  }
  const utilization = resource?.target.averageUtilization;
  if (utilization !== undefined) return { resource: of, utilization };
  return { resource: of, averageValue: parseQuantity(resource?.target.averageValue) ?? 0 };
}

async function scale(
  hpa: HorizontalPodAutoscaler,
  target: Target,
  replicas: number,
  reason: string,
  conditions: HpaConditions,
  world: World,
): Promise<void> {
  const { namespace, name } = target.metadata;
  const type = TARGETS[hpa.spec.scaleTargetRef.kind] as ResourceType;
  const options = { contentType: MERGE_PATCH, subresource: 'scale' };
  await world.client.patch(type, namespace, name, { spec: { replicas } }, options);
  const message = `the HPA controller was able to update the target scale to ${replicas}`;
  conditions.set('AbleToScale', 'True', 'SucceededRescale', message);
  world.event(hpa, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`);
}

function targetOf({ metadata, spec }: HorizontalPodAutoscaler, world: World): Target | undefined {
  const { apiVersion = 'apps/v1', kind, name } = spec.scaleTargetRef;
  const type = TARGETS[kind] as ResourceType<Target> | undefined;
  return type === undefined || apiVersion !== 'apps/v1'
    ? undefined
    : world.informer(type).get(metadata.namespace, name);
}

function autoscalersOf(kind: string, target: KubeObject, world: World): ObjectKey[] {
  const { namespace = '', name } = target.metadata;
  return world
    .informer(HorizontalPodAutoscaler)
    .index(BY_TARGET, ({ metadata, spec: { scaleTargetRef: of } }) => [
      `${metadata.namespace ?? ''}/${of.kind}/${of.name}`,
    ])
    .byIndex(BY_TARGET, `${namespace}/${kind}/${name}`)
    .map(({ metadata }) => ({ namespace, name: metadata.name }));
}

function forgetDeleted(seen: Map<string, Seen>, world: World): void {
  const all = world.informer(HorizontalPodAutoscaler);
  if (seen.size <= all.list().length) return;
  for (const [key, { uid }] of seen) {
    const [namespace = '', name = ''] = key.split('/');
    if (all.get(namespace, name)?.metadata.uid !== uid) seen.delete(key);
  }
}
