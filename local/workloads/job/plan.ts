/**
 * What one pass over a Job writes. Source: Kubernetes, "Jobs", "Job tracking with finalizers".
 * Left out: pod failure and success policies, per-index back-off, pod replacement policy, `managedBy`.
 */
import type { Job, Pod } from '../../../api/core.ts';
import { isPodReady } from '../pods.ts';
import { inDeletionOrder } from '../replicaset/deletion-order.ts';
import { millis } from '../timestamps.ts';
import { retryIn } from './backoff.ts';
import { countPods, type Counts } from './counts.ts';
import { formatIndexes, freeIndexes, indexOf } from './indexes.ts';
import { isTracked, outcomeOf } from './pod.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export type JobStatus = NonNullable<Job['status']>;
type JobCondition = NonNullable<JobStatus['conditions']>[number];

export interface JobPlan {
  /** One entry a pod to create: its completion index, `undefined` for a Job that is not Indexed. */
  readonly creates: readonly (number | undefined)[];
  /** Pods that end with a failed Job, and are counted as failed. */
  readonly deletes: readonly Pod[];
  /** Pods that are too many: not counted, whatever becomes of them. */
  readonly dismissals: readonly Pod[];
  /** Pods that the stored status already counts. */
  readonly release: readonly Pod[];
  readonly status: JobStatus;
  /** The Job's time is up: it goes, with its pods. */
  readonly expired: boolean;
  readonly again: number | undefined;
  readonly events: readonly { type: 'Normal' | 'Warning'; reason: string; message: string }[];
}

interface Verdict {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

/** @param settled whether the cache shows every pod that was created or deleted */
export function planJob(job: Job, pods: readonly Pod[], settled: boolean, now: number): JobPlan {
  const { status = {} } = job;
  const finished = condition(status, 'Complete') ?? condition(status, 'Failed');
  if (finished !== undefined) return afterwards(job, pods, now);

  const counts = countPods(job, pods);
  const active = pods.filter((pod) => outcomeOf(pod) === undefined);
  const suspended = job.spec?.suspend === true;
  const startTime = suspended ? undefined : (status.startTime ?? timestamp(now));
  const verdict = stored(status) ?? judge(job, counts, active, startTime, now);
  const missing = verdict !== undefined || suspended ? 0 : wanted(job, counts.succeeded, active.length) - active.length;
  const wait = missing > 0 ? retryIn(pods, now) : 0;
  const creates = settled && missing > 0 && wait === 0 ? indexes(job, missing, active, counts.indexes) : [];
  const dismissed = verdict?.type === 'Complete' || suspended;
  const surplus = settled && missing < 0 ? inDeletionOrder(active).slice(0, -missing) : [];

  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isEnded(pod));
  const done = verdict !== undefined && active.length === 0 && terminating.length === 0 && counts.open === 0;
  const conditions = judged(status.conditions ?? [], verdict, done, suspended, now);
  const next: JobStatus = {
    ...(startTime === undefined ? {} : { startTime }),
    ...(done && verdict.type === 'Complete' ? { completionTime: timestamp(now) } : {}),
    ...nonZero({
      active: active.length,
      succeeded: counts.succeeded - counts.uncountedSucceeded,
      failed: counts.failed - counts.uncountedFailed,
    }),
    terminating: terminating.length,
    ready: active.filter(isPodReady).length,
    uncountedTerminatedPods: counts.uncounted,
    ...(counts.indexes === undefined || counts.indexes.size === 0
      ? {}
      : { completedIndexes: formatIndexes(counts.indexes) }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
  return {
    creates,
    deletes: verdict?.type === 'Failed' ? active : [],
    dismissals: dismissed ? active : surplus,
    release: counts.release,
    status: next,
    expired: false,
    again: soonest([wait, deadlineIn(job, startTime, now)]),
    events: eventsOf(verdict, done, stored(status) === undefined),
  };
}

function eventsOf(verdict: Verdict | undefined, done: boolean, fresh: boolean): JobPlan['events'] {
  if (verdict?.type === 'Failed' && fresh)
    return [{ type: 'Warning', reason: verdict.reason, message: verdict.message }];
  if (verdict?.type === 'Complete' && done) return [{ type: 'Normal', reason: 'Completed', message: 'Job completed' }];
  return [];
}

function judge(
  job: Job,
  counts: Counts,
  active: readonly Pod[],
  startTime: string | undefined,
  now: number,
): Verdict | undefined {
  const { backoffLimit = 6, completions, template } = job.spec ?? {};
  const restarts = active
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  const inPlace = template?.spec?.restartPolicy === 'OnFailure';
  if (counts.failed > backoffLimit || (inPlace && restarts > 0 && restarts >= backoffLimit)) {
    return { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  }
  if (deadlineIn(job, startTime, now) === 0) {
    return { type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }
  const complete =
    completions === undefined ? counts.succeeded > 0 && active.length === 0 : counts.succeeded >= completions;
  if (!complete || job.spec?.suspend === true) return undefined;
  return { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
}

function wanted(job: Job, succeeded: number, active: number): number {
  const { parallelism = 1, completions } = job.spec ?? {};
  if (completions !== undefined) return Math.max(0, Math.min(parallelism, completions - succeeded));
  return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
}

function indexes(
  job: Job,
  count: number,
  active: readonly Pod[],
  completed: ReadonlySet<number> | undefined,
): (number | undefined)[] {
  if (completed === undefined) return Array.from({ length: count }, () => undefined);
  const taken = new Set([...completed, ...active.map(indexOf).filter((index) => index !== undefined)]);
  return freeIndexes(count, job.spec?.completions ?? 0, taken);
}

/** After its end a Job lets its pods go, and goes itself when it was told how long to stay. */
function afterwards(job: Job, pods: readonly Pod[], now: number): JobPlan {
  const { status = {}, spec } = job;
  const end = condition(status, 'Complete') ?? condition(status, 'Failed');
  const ttl = spec?.ttlSecondsAfterFinished;
  const left = ttl === undefined ? undefined : Math.max(0, millis(end?.lastTransitionTime) + ttl * 1000 - now);
  const again = left === 0 ? undefined : left;
  return {
    creates: [],
    deletes: [],
    dismissals: [],
    release: pods.filter(isTracked),
    status,
    expired: left === 0,
    again,
    events: [],
  };
}

/** Success or failure as decided in an earlier pass, while pods were still to go. */
function stored(status: JobStatus): Verdict | undefined {
  const failure = condition(status, 'FailureTarget');
  const success = condition(status, 'SuccessCriteriaMet');
  const { reason = '', message = '' } = failure ?? success ?? {};
  if (failure !== undefined) return { type: 'Failed', reason, message };
  return success === undefined ? undefined : { type: 'Complete', reason, message };
}

function judged(
  before: readonly JobCondition[],
  verdict: Verdict | undefined,
  done: boolean,
  suspended: boolean,
  now: number,
): JobCondition[] {
  const conditions = [...before];
  const set = (type: string, status: string, reason: string, message: string): void => {
    const at = conditions.findIndex((one) => one.type === type);
    if (conditions[at]?.status === status) return;
    const time = timestamp(now);
    const next = { type, status, reason, message, lastProbeTime: time, lastTransitionTime: time };
    if (at < 0) conditions.push(next);
    else conditions[at] = next;
  };
  if (suspended) set('Suspended', 'True', 'JobSuspended', 'Job suspended');
  else if (before.some(({ type }) => type === 'Suspended')) set('Suspended', 'False', 'JobResumed', 'Job resumed');
  if (verdict !== undefined) {
    const { type, reason, message } = verdict;
    set(type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget', 'True', reason, message);
    if (done) set(type, 'True', reason, message);
  }
  return conditions;
}

function condition(status: JobStatus, type: string): JobCondition | undefined {
  return status.conditions?.find((one) => one.type === type && one.status === 'True');
}

function isEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Ms until the Job may be active no longer; undefined without such a limit. */
function deadlineIn(job: Job, startTime: string | undefined, now: number): number | undefined {
  const limit = job.spec?.activeDeadlineSeconds;
  if (limit === undefined || startTime === undefined) return undefined;
  return Math.max(0, millis(startTime) + limit * 1000 - now);
}

function soonest(waits: readonly (number | undefined)[]): number | undefined {
  const positive = waits.filter((wait) => wait !== undefined && wait > 0).map(Number);
  return positive.length === 0 ? undefined : Math.min(...positive);
}

function nonZero(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}
