/** One step of a rolling update. Source: Kubernetes, "Rolling update Deployment". */
import type { ReplicaSet } from '../../../api/core.ts';
import { replicasOf, sumAvailable, sumReplicas, type Draft } from './draft.ts';
import { byAge } from './revisions.ts';
import type { RolloutSpec } from './rollout-spec.ts';

/** The size of the current ReplicaSet that surge permits now. `current` counts as 0 while it does not exist. */
export function currentSize(current: ReplicaSet | undefined, old: readonly ReplicaSet[], spec: RolloutSpec): number {
  const size = current === undefined ? 0 : replicasOf(current);
  if (size >= spec.replicas) return spec.replicas;
  const room = spec.replicas + spec.maxSurge - sumReplicas(old) - size;
  return room <= 0 ? size : size + Math.min(room, spec.replicas - size);
}

/** Takes away old pods: first those that are not available anyway, then as many as availability permits. */
export function shrinkOld(draft: Draft, current: ReplicaSet, old: readonly ReplicaSet[], spec: RolloutSpec): void {
  const running = old.filter((set) => replicasOf(set) > 0).sort(byAge);
  if (running.length === 0) return;
  const least = spec.replicas - spec.maxUnavailable;
  const unavailable = replicasOf(current) - (current.status?.availableReplicas ?? 0);
  let excess = sumReplicas([current, ...old]) - least - unavailable;
  if (excess <= 0) return;
  const sizes = new Map(running.map((set) => [set, replicasOf(set)]));
  for (const set of running) {
    const size = replicasOf(set);
    const idle = Math.min(excess, Math.max(0, size - (set.status?.availableReplicas ?? 0)));
    sizes.set(set, size - idle);
    excess -= idle;
  }
  let spare = Math.max(0, sumAvailable([current, ...old]) - least);
  for (const set of running) {
    const size = sizes.get(set) ?? 0;
    const down = Math.min(spare, size);
    sizes.set(set, size - down);
    spare -= down;
  }
  for (const [set, size] of sizes) if (size !== replicasOf(set)) draft.scale(set, size);
}
