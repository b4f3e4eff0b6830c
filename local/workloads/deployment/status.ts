/** A Deployment's status and conditions. Source: Kubernetes, "Deployment status". */
import type { Deployment, ReplicaSet } from '../../../api/core.ts';
import { millis } from '../timestamps.ts';
import type { RolloutSpec } from './rollout-spec.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export type DeploymentStatus = NonNullable<Deployment['status']>;
export type DeploymentCondition = NonNullable<DeploymentStatus['conditions']>[number];
type Conditions = readonly DeploymentCondition[];

/** The ReplicaSets as they are after the plan, with the current one named. */
export interface Outlook {
  readonly sets: readonly ReplicaSet[];
  readonly current: ReplicaSet | undefined;
}

/** Counts and availability; conditions of progress are left as `before` has them. */
export function countedStatus(
  deployment: Deployment,
  { sets, current }: Outlook,
  spec: RolloutSpec,
  before: Conditions,
  now: number,
): DeploymentStatus {
  const total = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((sum, set) => sum + (count(set) ?? 0), 0);
  const available = total((set) => set.status?.availableReplicas);
  const enough = available >= spec.replicas - spec.maxUnavailable;
  const conditions = withCondition(
    before,
    enough
      ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
      : condition(
          'Available',
          'False',
          'MinimumReplicasUnavailable',
          'Deployment does not have minimum availability.',
          now,
        ),
  );
  return {
    observedGeneration: deployment.metadata.generation,
    ...nonZero({
      replicas: total((set) => set.status?.replicas),
      updatedReplicas: current?.status?.replicas ?? 0,
      readyReplicas: total((set) => set.status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, total((set) => set.spec?.replicas) - available),
      collisionCount: deployment.status?.collisionCount ?? 0,
    }),
    conditions: [...conditions],
  };
}

/** Counted status with Progressing and ReplicaFailure judged anew. */
export function rolloutStatus(
  deployment: Deployment,
  outlook: Outlook,
  spec: RolloutSpec,
  before: Conditions,
  now: number,
): DeploymentStatus {
  const status = countedStatus(deployment, outlook, spec, before, now);
  let conditions: Conditions = status.conditions ?? [];
  const progress = find(conditions, 'Progressing');
  const settled = status.replicas === status.updatedReplicas && progress?.reason === 'NewReplicaSetAvailable';
  const subject =
    outlook.current === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${outlook.current.metadata.name}"`;
  if (spec.progressDeadline === undefined) conditions = conditions.filter(({ type }) => type !== 'Progressing');
  else if (!settled) {
    if (isComplete(deployment, status, spec)) {
      const text = `${subject} has successfully progressed.`;
      conditions = withCondition(conditions, condition('Progressing', 'True', 'NewReplicaSetAvailable', text, now));
    } else if (hasProgressed(deployment.status, status)) {
      const next = condition('Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`, now);
      // Set even when status and reason stay: the deadline counts from the last step.
      const since = progress?.status === 'True' ? progress.lastTransitionTime : next.lastTransitionTime;
      conditions = replaced(conditions, { ...next, lastTransitionTime: since });
    } else if (deadlineIn(progress, spec, now) === 0) {
      const text = `${subject} has timed out progressing.`;
      conditions = withCondition(conditions, condition('Progressing', 'False', 'ProgressDeadlineExceeded', text, now));
    }
  }
  const failure = replicaFailure(outlook);
  conditions =
    failure === undefined
      ? conditions.filter(({ type }) => type !== 'ReplicaFailure')
      : withCondition(conditions, condition('ReplicaFailure', failure.status, failure.reason, failure.message, now));
  return { ...status, conditions: [...conditions] };
}

/** The pause and its end, as Progressing shows them; a deadline that was exceeded stays. */
export function pausedConditions(deployment: Deployment, spec: RolloutSpec, now: number): Conditions {
  const conditions = deployment.status?.conditions ?? [];
  const progress = find(conditions, 'Progressing');
  if (spec.progressDeadline === undefined || progress?.reason === 'ProgressDeadlineExceeded') return conditions;
  const shown = progress?.reason === 'DeploymentPaused';
  if (spec.paused && !shown) {
    return withCondition(
      conditions,
      condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', now),
    );
  }
  if (!spec.paused && shown) {
    return withCondition(
      conditions,
      condition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now),
    );
  }
  return conditions;
}

/** Every wished pod is of the current template and available, and no other is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus, spec: RolloutSpec): boolean {
  return (
    (status.updatedReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas &&
    (status.availableReplicas ?? 0) === spec.replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** When to look again for a rollout that stands still, ms from now; undefined when nothing is waited for. */
export function nextDeadline(
  deployment: Deployment,
  status: DeploymentStatus,
  spec: RolloutSpec,
  now: number,
): number | undefined {
  const progress = find(status.conditions ?? [], 'Progressing');
  if (isComplete(deployment, status, spec) || progress?.reason === 'ProgressDeadlineExceeded') return undefined;
  const left = deadlineIn(progress, spec, now);
  return left === undefined ? undefined : left + 1000;
}

export function condition(
  type: string,
  status: string,
  reason: string | undefined,
  message: string | undefined,
  now: number,
): DeploymentCondition {
  const time = timestamp(now);
  return { type, status, reason, message, lastUpdateTime: time, lastTransitionTime: time };
}

/** Sets a condition unless status and reason are already so; the transition time changes with the status only. */
export function withCondition(conditions: Conditions, next: DeploymentCondition): Conditions {
  const before = find(conditions, next.type);
  if (before !== undefined && before.status === next.status && before.reason === next.reason) return conditions;
  const since = before?.status === next.status ? before.lastTransitionTime : next.lastTransitionTime;
  return replaced(conditions, { ...next, lastTransitionTime: since });
}

function replaced(conditions: Conditions, next: DeploymentCondition): Conditions {
  return [...conditions.filter(({ type }) => type !== next.type), next];
}

function find(conditions: Conditions, type: string): DeploymentCondition | undefined {
  return conditions.find((one) => one.type === type);
}

function hasProgressed(before: DeploymentStatus | undefined, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined): number =>
    (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
  );
}

/** Ms until progress is overdue, 0 when it is; undefined when none is awaited. */
function deadlineIn(progress: DeploymentCondition | undefined, spec: RolloutSpec, now: number): number | undefined {
  if (progress === undefined || spec.progressDeadline === undefined) return undefined;
  if (progress.reason === 'NewReplicaSetAvailable') return undefined;
  if (progress.reason === 'ProgressDeadlineExceeded') return 0;
  return Math.max(0, millis(progress.lastUpdateTime) + spec.progressDeadline * 1000 - now);
}

function replicaFailure({ sets, current }: Outlook) {
  const failing = (set: ReplicaSet | undefined) =>
    set?.status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return failing(current) ?? sets.map(failing).find((one) => one !== undefined);
}

function nonZero(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}
