/** Runs a Job's pods until enough have succeeded or too many failed. Source: Kubernetes, "Jobs". */
import { Job, Pod } from '../../../api/core.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { keyOf } from '../../../kube/informer.ts';
import type { Reconciler, World } from '../../../kube/reconciler.ts';
import type { Expectations } from '../expectations.ts';
import { laterEvent } from '../later-event.ts';
import { controlledBy } from '../ownership.ts';
import { slowStart } from '../slow-start.ts';
import { planJob, type JobPlan } from './plan.ts';
import { makeJobPod, TRACKING_FINALIZER } from './pod.ts';
import { messageOf } from '../../../kube/message.ts';

export interface JobDependencies {
  readonly expectations: Expectations;
  /** As for ReplicaSets. */
  place(pod: Pod): Pod;
  unplace(pod: Pod): void;
}

export function jobReconciler(dependencies: JobDependencies): Reconciler<Job> {
  return {
    name: 'job-controller',
    kind: Job,
    owns: [Pod],
    watches: [],

    async reconcile(job, world) {
      const pods = world.informer(Pod);
      const uid = job.metadata.uid ?? '';
      const settled = dependencies.expectations.satisfied(uid);
      const plan = planJob(job, controlledBy(pods, uid), settled, world.clock.now());
      await carryOut(job, plan, dependencies, world);
      for (const { type, reason, message } of plan.events) laterEvent(world, job, type, reason, message);
      return plan.expired ? {} : { status: plan.status, again: plan.again };
    },
  };
}

async function carryOut(job: Job, plan: JobPlan, dependencies: JobDependencies, world: World): Promise<void> {
  const { client } = world;
  const { namespace, name, uid } = job.metadata;
  await Promise.all(plan.release.map((pod) => releasePod(pod, world)));
  if (plan.expired) {
    await client.delete(Job, namespace, name, { uid, propagationPolicy: 'Foreground' });
    return;
  }
  await Promise.all(plan.deletes.map((pod) => remove(job, pod, dependencies.expectations, world)));
  await Promise.all(
    plan.dismissals.map(async (pod) => {
      await releasePod(pod, world);
      await remove(job, pod, dependencies.expectations, world);
    }),
  );
  const indexes = [...plan.creates];
  const failure = await slowStart(indexes.length, () => create(job, indexes.shift(), dependencies, world));
  if (failure !== undefined) throw failure;
}

async function create(
  job: Job,
  index: number | undefined,
  { expectations, place, unplace }: JobDependencies,
  world: World,
): Promise<void> {
  const owner = job.metadata.uid ?? '';
  const pod = place(makeJobPod(job, index));
  const key = keyOf(pod.metadata.namespace, pod.metadata.name);
  expectations.expectCreation(owner, key);
  try {
    await world.client.create(Pod, pod);
    laterEvent(world, job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  } catch (error) {
    expectations.created(owner, key);
    unplace(pod);
    world.event(job, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

async function remove(job: Job, pod: Pod, expectations: Expectations, world: World): Promise<void> {
  const owner = job.metadata.uid ?? '';
  const { namespace, name, uid = '' } = pod.metadata;
  expectations.expectDeletion(owner, uid);
  try {
    if (!(await world.client.delete(Pod, namespace, name, { uid }))) expectations.deleted(owner, uid);
    laterEvent(world, job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    expectations.deleted(owner, uid);
    throw error;
  }
}

/** Takes the tracking finalizer off; a pod that is gone has none. */
export async function releasePod(pod: Pod, { client }: Pick<World, 'client'>): Promise<void> {
  const { namespace, name, uid, resourceVersion, finalizers = [] } = pod.metadata;
  const kept = finalizers.filter((finalizer) => finalizer !== TRACKING_FINALIZER);
  try {
    await client.patch(Pod, namespace, name, { metadata: { uid, resourceVersion, finalizers: kept } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
