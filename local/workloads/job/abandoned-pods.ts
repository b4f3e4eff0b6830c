/** Lets pods go whose Job is gone or going: nobody will count them, and their finalizer would hold them for ever. */
import { Job, Pod } from '../../../api/core.ts';
import { isConflict } from '../../../kube/errors.ts';
import { keyOf, splitKey } from '../../../kube/informer.ts';
import { systemClock } from '../../../kube/clock.ts';
import type { ControllerOptions } from '../../../kube/controller.ts';
import { WorkQueue } from '../../../kube/queue.ts';
import { controllerOf } from '../../../kube/reconciler.ts';
import { controlledBy } from '../ownership.ts';
import { isTracked } from './pod.ts';
import { releasePod } from './reconciler.ts';

/** Once both caches are filled. @returns what stops it */
export async function releaseAbandonedPods(options: ControllerOptions): Promise<() => Promise<void>> {
  const { client, informers, log, clock = systemClock } = options;
  const [pods, jobs] = [informers.of(Pod), informers.of(Job)];
  await Promise.all([pods.synced, jobs.synced]);

  const queue = new WorkQueue(
    async (key) => {
      const { namespace, name } = splitKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined || !isAbandoned(pod)) return;
      try {
        // The cache of Jobs may be behind that of pods.
        const owner = controllerOf(pod);
        const job = owner === undefined ? undefined : await client.find(Job, namespace, owner.name);
        if (job?.metadata.uid === owner?.uid && job !== undefined && !isGoing(job)) return;
        await releasePod(pod, { client });
      } catch (error) {
        if (!isConflict(error)) log.warn('a pod without its Job not released, trying again', { pod: key, error });
        throw error;
      }
    },
    { workers: 4, clock },
  );

  function isAbandoned(pod: Pod): boolean {
    const owner = controllerOf(pod);
    if (!isTracked(pod) || (owner !== undefined && owner.kind !== 'Job')) return false;
    const job = owner === undefined ? undefined : jobs.get(pod.metadata.namespace, owner.name);
    return job === undefined || job.metadata.uid !== owner?.uid || isGoing(job);
  }

  const look = (pod: Pod): void => {
    if (isAbandoned(pod)) queue.add(keyOf(pod.metadata.namespace, pod.metadata.name));
  };
  pods.onChange((_previous, current) => {
    if (current !== undefined) look(current);
  });
  jobs.onChange((previous, current) => {
    if (current !== undefined && !isGoing(current)) return;
    for (const pod of controlledBy(pods, (current ?? previous)?.metadata.uid)) look(pod);
  });
  return () => queue.stop();
}

function isGoing(job: Job): boolean {
  return job.metadata.deletionTimestamp !== undefined;
}
