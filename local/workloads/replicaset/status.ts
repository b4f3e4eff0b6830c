/** A ReplicaSet's status. Source: Kubernetes API reference, ReplicaSetStatus. */
import type { Pod, ReplicaSet } from '../../../api/core.ts';
import { availableIn, isPodReady } from '../pods.ts';
import { matchesAll } from '../../../kube/label-selector.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export type ReplicaSetStatus = NonNullable<ReplicaSet['status']>;

export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/**
 * @param active pods that count
 * @param failure why pods could not be created or deleted in this pass
 */
export function replicaSetStatus(
  set: ReplicaSet,
  active: readonly Pod[],
  failure: ReplicaFailure | undefined,
  now: number,
): ReplicaSetStatus {
  const labels = set.spec?.template?.metadata?.labels ?? {};
  const minReady = set.spec?.minReadySeconds ?? 0;
  const counts = {
    fullyLabeledReplicas: active.filter((pod) => matchesAll(labels, pod.metadata.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => availableIn(pod, minReady, now) === 0).length,
  };
  const conditions = failureConditions(set, failure, now);
  return {
    replicas: active.length,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    observedGeneration: set.metadata.generation,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

/** When the next ready pod becomes available, ms from now; undefined when none is awaited. */
export function nextAvailable(set: ReplicaSet, active: readonly Pod[], now: number): number | undefined {
  const minReady = set.spec?.minReadySeconds ?? 0;
  const waits = active.map((pod) => availableIn(pod, minReady, now)).filter((wait) => wait !== undefined && wait > 0);
  return waits.length === 0 ? undefined : Math.min(...waits.map(Number));
}

function failureConditions(set: ReplicaSet, failure: ReplicaFailure | undefined, now: number) {
  const before = set.status?.conditions ?? [];
  const others = before.filter(({ type }) => type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  const known = before.find(({ type }) => type === 'ReplicaFailure');
  if (known?.status === 'True' && known.reason === failure.reason) return before;
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(now), ...failure }];
}
