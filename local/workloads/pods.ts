/** What controllers ask of a pod's state. */
import type { Pod } from '../../api/core.ts';
import { millis } from './timestamps.ts';

type PodCondition = NonNullable<NonNullable<Pod['status']>['conditions']>[number];

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** Has run to its end, well or not. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Counts towards the replicas: neither at its end nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Since when the pod is ready, ms since the epoch; `undefined` while it is not. */
export function readySince(pod: Pod): number | undefined {
  const condition = podCondition(pod, 'Ready');
  return condition?.status === 'True' ? millis(condition.lastTransitionTime) : undefined;
}

/** How long until the pod has been ready for `minReadySeconds`, ms: 0 when it is available, `undefined` while not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const since = readySince(pod);
  if (since === undefined) return undefined;
  return minReadySeconds === 0 ? 0 : Math.max(0, since + minReadySeconds * 1000 - now);
}
