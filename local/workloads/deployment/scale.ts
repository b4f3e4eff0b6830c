/**
 * A change of a Deployment's replicas, shared among its ReplicaSets.
 * Source: Kubernetes, "Proportional scaling".
 */
import type { Deployment, ReplicaSet } from '../../../api/core.ts';
import { replicasOf, sumReplicas, type Draft } from './draft.ts';
import { byAge, DESIRED_REPLICAS, MAX_REPLICAS } from './revisions.ts';
import type { RolloutSpec } from './rollout-spec.ts';

/** The wished replicas differ from those that a running ReplicaSet was last scaled for. */
export function isScalingEvent(sets: readonly ReplicaSet[], spec: RolloutSpec): boolean {
  return sets.filter(isRunning).some((set) => {
    const desired = Number(set.metadata.annotations?.[DESIRED_REPLICAS] ?? Number.NaN);
    return !Number.isNaN(desired) && desired !== spec.replicas;
  });
}

export function planScale(
  draft: Draft,
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  spec: RolloutSpec,
): void {
  const all = current === undefined ? old : [current, ...old];
  const running = all.filter(isRunning);
  if (running.length <= 1) {
    const only = running[0] ?? current ?? [...old].sort((a, b) => byAge(b, a))[0];
    if (only !== undefined) draft.scale(only, spec.replicas);
    return;
  }
  if (current !== undefined && isSaturated(current, spec)) {
    for (const set of old.filter(isRunning)) draft.scale(set, 0);
    return;
  }
  if (!spec.recreate) for (const [set, replicas] of proportions(running, deployment, spec)) draft.scale(set, replicas);
}

function proportions(
  running: readonly ReplicaSet[],
  deployment: Deployment,
  spec: RolloutSpec,
): (readonly [ReplicaSet, number])[] {
  const allowed = spec.replicas > 0 ? spec.replicas + spec.maxSurge : 0;
  const change = allowed - sumReplicas(running);
  // The largest take the most; among equals, growth favours the newest and shrinking the oldest.
  const sorted = [...running].sort((a, b) => replicasOf(b) - replicasOf(a) || (change > 0 ? byAge(b, a) : byAge(a, b)));
  let given = 0;
  const sizes = sorted.map((set): [ReplicaSet, number] => {
    const left = change - given;
    const share = fraction(set, deployment, spec);
    const part = replicasOf(set) === 0 || left === 0 ? 0 : change > 0 ? Math.min(share, left) : Math.max(share, left);
    given += part;
    return [set, replicasOf(set) + part];
  });
  const [largest] = sizes;
  if (largest !== undefined) largest[1] = Math.max(0, largest[1] + change - given);
  return sizes;
}

function fraction(set: ReplicaSet, deployment: Deployment, spec: RolloutSpec): number {
  const size = replicasOf(set);
  if (spec.replicas === 0) return -size;
  const before = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (spec.replicas + spec.maxSurge)) / before) - size;
}

function isSaturated(set: ReplicaSet, spec: RolloutSpec): boolean {
  return (
    replicasOf(set) === spec.replicas &&
    Number(set.metadata.annotations?.[DESIRED_REPLICAS]) === spec.replicas &&
    (set.status?.availableReplicas ?? 0) === spec.replicas
  );
}

function isRunning(set: ReplicaSet): boolean {
  return replicasOf(set) > 0;
}
