/** How many pods of a Job have ended, each counted once. Source: Kubernetes, "Job tracking with finalizers". */
import type { Job, Pod } from '../../../api/core.ts';
import { indexOf, parseIndexes } from './indexes.ts';
import { isTracked, outcomeOf } from './pod.ts';

export interface Counts {
  readonly succeeded: number;
  readonly failed: number;
  readonly uncountedSucceeded: number;
  readonly uncountedFailed: number;
  readonly uncounted: { succeeded?: string[]; failed?: string[] };
  /** Pods whose end is not yet in the counters. */
  readonly open: number;
  readonly release: readonly Pod[];
  readonly indexes: Set<number> | undefined;
}

/**
 * A pod that ends is first noted by uid, then loses its finalizer, then moves into the counters: no crash in between
 * counts it twice or not at all.
 */
export function countPods(job: Job, pods: readonly Pod[]): Counts {
  const { status = {} } = job;
  const before = status.uncountedTerminatedPods ?? {};
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid ?? '', pod]));
  const completions = job.spec?.completions ?? 0;
  const indexes =
    job.spec?.completionMode === 'Indexed' ? parseIndexes(status.completedIndexes, completions) : undefined;
  const pending = { succeeded: [] as string[], failed: [] as string[] };
  const moved = { succeeded: 0, failed: 0 };
  const release: Pod[] = [];
  for (const kind of ['succeeded', 'failed'] as const) {
    for (const uid of before[kind] ?? []) {
      const pod = tracked.get(uid);
      if (pod === undefined) moved[kind]++;
      else {
        pending[kind].push(uid);
        release.push(pod);
        tracked.delete(uid);
      }
    }
  }
  for (const [uid, pod] of tracked) {
    const outcome = outcomeOf(pod);
    if (outcome === undefined) continue;
    const index = indexOf(pod);
    // A second success of an index changes nothing.
    if (outcome === 'succeeded' && indexes !== undefined) {
      if (index === undefined || index >= completions) continue;
      indexes.add(index);
    }
    pending[outcome].push(uid);
  }
  const { succeeded = 0, failed = 0 } = status;
  const total = succeeded + moved.succeeded + pending.succeeded.length;
  return {
    succeeded: indexes === undefined ? total : indexes.size,
    failed: failed + moved.failed + pending.failed.length,
    uncountedSucceeded: indexes === undefined ? pending.succeeded.length : 0,
    uncountedFailed: pending.failed.length,
    uncounted: {
      ...(pending.succeeded.length > 0 ? { succeeded: pending.succeeded } : {}),
      ...(pending.failed.length > 0 ? { failed: pending.failed } : {}),
    },
    open: pending.succeeded.length + pending.failed.length,
    release,
    indexes,
  };
}
