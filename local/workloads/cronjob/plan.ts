/** What one pass over a CronJob writes. Source: Kubernetes, "CronJob". */
import { CronJob, type Job } from '../../../api/core.ts';
import { controllerRef } from '../../../kube/reconciler.ts';
import { millis } from '../timestamps.ts';
import { latest, parseSchedule, type Schedule } from './schedule.ts';
import { timestamp } from '../../../kube/timestamp.ts';
import { messageOf } from '../../../kube/message.ts';

export type CronJobStatus = NonNullable<CronJob['status']>;

export interface CronJobPlan {
  readonly create: Job | undefined;
  readonly deletes: readonly Job[];
  readonly status: CronJobStatus;
  /** Ms until the schedule's next time. */
  readonly again: number | undefined;
  readonly events: readonly { type: 'Normal' | 'Warning'; reason: string; message: string }[];
}

const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** @param jobs those that the CronJob controls */
export function planCronJob(cronJob: CronJob, jobs: readonly Job[], now: number): CronJobPlan {
  const { spec, status = {} } = cronJob;
  const active = jobs.filter((job) => endOf(job) === undefined && job.metadata.deletionTimestamp === undefined);
  const succeeded = jobs.filter((job) => endOf(job) === 'Complete');
  const lastSuccess = Math.max(
    millis(status.lastSuccessfulTime),
    ...succeeded.map(({ status }) => millis(status?.completionTime)),
  );
  const history = [
    ...beyond(succeeded, spec?.successfulJobsHistoryLimit ?? 3),
    ...beyond(
      jobs.filter((job) => endOf(job) === 'Failed'),
      spec?.failedJobsHistoryLimit ?? 1,
    ),
  ];
  const settle = (
    plan: Partial<CronJobPlan>,
    running = active,
    lastScheduleTime = status.lastScheduleTime,
  ): CronJobPlan => ({
    create: undefined,
    again: undefined,
    events: [],
    ...plan,
    deletes: [...history, ...(plan.deletes ?? [])],
    status: {
      ...(running.length > 0 ? { active: running.map(reference) } : {}),
      ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
      ...(lastSuccess > 0 ? { lastSuccessfulTime: timestamp(lastSuccess) } : {}),
    },
  });
  if (spec === undefined || spec.suspend === true) return settle({});

  let schedule: Schedule;
  try {
    schedule = parseSchedule(spec.schedule, spec.timeZone);
  } catch (error) {
    const text = messageOf(error);
    return settle({
      events: [{ type: 'Warning', reason: 'UnparseableSchedule', message: `unparseable schedule: ${text}` }],
    });
  }
  const next = schedule.after(now);
  const again = next === undefined ? undefined : next - now;
  const seen = millis(status.lastScheduleTime ?? cronJob.metadata.creationTimestamp);
  const deadline = spec.startingDeadlineSeconds;
  // What was missed for longer than the deadline is not made up for.
  const since = deadline === undefined ? seen : Math.max(seen, now - deadline * 1000);
  const due = latest(schedule, since, now);
  if (due === undefined) return settle({ again });
  const job = makeJob(cronJob, due);
  if (jobs.some(({ metadata }) => metadata.name === job.metadata.name))
    return settle({ again }, active, timestamp(due));
  if (active.length > 0 && spec.concurrencyPolicy === 'Forbid') {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    return settle({ again, events: [{ type: 'Normal', reason: 'JobAlreadyActive', message }] });
  }
  const replaced = spec.concurrencyPolicy === 'Replace' ? active : [];
  const running = active.filter((one) => !replaced.includes(one));
  return settle({ create: job, deletes: replaced, again }, running, timestamp(due));
}

/** Named after its minute, so that it is made once. */
function makeJob(cronJob: CronJob, at: number): Job {
  const { metadata, spec } = cronJob.spec?.jobTemplate ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${cronJob.metadata.name}-${Math.floor(at / 60_000)}`,
      namespace: cronJob.metadata.namespace,
      labels: metadata?.labels,
      annotations: { ...metadata?.annotations, [SCHEDULED_AT]: timestamp(at) },
      ownerReferences: [controllerRef(cronJob, CronJob)],
    },
    spec,
  };
}

export function reference({ metadata: { namespace, name, uid } }: Job) {
  return { apiVersion: 'batch/v1', kind: 'Job', namespace, name, uid };
}

function endOf(job: Job): string | undefined {
  return job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )?.type;
}

/** All but the newest `limit`. */
function beyond(jobs: readonly Job[], limit: number): Job[] {
  const started = (job: Job): number => millis(job.status?.startTime ?? job.metadata.creationTimestamp);
  return [...jobs].sort((a, b) => started(b) - started(a)).slice(limit);
}
