/** Starts Jobs at their times. Between two of them nothing runs but one timer. Source: Kubernetes, "CronJob". */
import { CronJob, Job } from '../../../api/core.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import type { Reconciler, World } from '../../../kube/reconciler.ts';
import { controlledBy } from '../ownership.ts';
import { planCronJob, reference } from './plan.ts';

export const cronJobReconciler: Reconciler<CronJob> = {
  name: 'cronjob-controller',
  kind: CronJob,
  owns: [Job],
  watches: [],

  async reconcile(cronJob, world) {
    const jobs = controlledBy(world.informer(Job), cronJob.metadata.uid);
    const plan = planCronJob(cronJob, jobs, world.clock.now());
    for (const { metadata } of plan.deletes) {
      await world.client.delete(Job, metadata.namespace, metadata.name, { uid: metadata.uid });
    }
    const created = plan.create === undefined ? undefined : await start(cronJob, plan.create, world);
    for (const { type, reason, message } of plan.events) world.event(cronJob, type, reason, message);
    const active = created === undefined ? plan.status.active : [...(plan.status.active ?? []), reference(created)];
    return { status: active === undefined ? plan.status : { ...plan.status, active }, again: plan.again };
  },
};

/** `undefined` when it was started before. */
async function start(cronJob: CronJob, job: Job, world: World): Promise<Job | undefined> {
  try {
    const created = await world.client.create(Job, job);
    world.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return created;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return undefined;
  }
}
