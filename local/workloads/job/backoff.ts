/** When failed pods of a Job are tried again. Source: Kubernetes, "Jobs", pod backoff failure policy. */
import type { Pod } from '../../../api/core.ts';
import { millis } from '../timestamps.ts';
import { isTracked, outcomeOf } from './pod.ts';

const FIRST = 10_000;
const LONGEST = 600_000;

/** Ms to wait before a new pod: 10 s after the first failure in a row, doubled with each further one. */
export function retryIn(pods: readonly Pod[], now: number): number {
  const ends = pods
    // Those that were dismissed did not fail.
    .filter((pod) => pod.metadata.deletionTimestamp === undefined || isTracked(pod))
    .map((pod) => ({ outcome: outcomeOf(pod), at: finishedAt(pod) }))
    .filter(({ outcome }) => outcome !== undefined)
    .sort((a, b) => b.at - a.at);
  const lastSuccess = ends.findIndex(({ outcome }) => outcome === 'succeeded');
  const failures = lastSuccess < 0 ? ends : ends.slice(0, lastSuccess);
  const [latest] = failures;
  if (latest === undefined) return 0;
  return Math.max(0, latest.at + Math.min(LONGEST, FIRST * 2 ** Math.min(failures.length - 1, 20)) - now);
}

/** Ms since the epoch at which the last container ended, or the pod was told to. */
export function finishedAt(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) => millis(state?.terminated?.finishedAt));
  return Math.max(0, ...ends) || millis(pod.metadata.deletionTimestamp) || millis(pod.metadata.creationTimestamp);
}
