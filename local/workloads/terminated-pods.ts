/**
 * Keeps the number of pods that have run to their end within bounds, the oldest going first.
 * Source: Kubernetes, "Pod garbage collection". The bound there is 12,500 for a cluster; this is for one machine.
 */
import { Pod } from '../../api/core.ts';
import { systemClock } from '../../kube/clock.ts';
import type { ControllerOptions } from '../../kube/controller.ts';
import { keyOf } from '../../kube/informer.ts';
import { WorkQueue } from '../../kube/queue.ts';
import { isTerminal } from './pods.ts';
import { millis } from './timestamps.ts';

export const MOST_TERMINATED = 500;

/** @returns what stops it */
export function limitTerminatedPods(options: ControllerOptions, most = MOST_TERMINATED): () => Promise<void> {
  const { client, informers, log, clock = systemClock } = options;
  const ended = new Map<string, Pod>();
  const queue = new WorkQueue(trim, { workers: 1, clock });

  async function trim(): Promise<void> {
    const oldest = [...ended.values()].sort((a, b) => bornAt(a) - bornAt(b)).slice(0, Math.max(0, ended.size - most));
    for (const { metadata } of oldest) {
      try {
        await client.delete(Pod, metadata.namespace, metadata.name, { uid: metadata.uid, gracePeriodSeconds: 0 });
      } catch (error) {
        log.warn('an ended pod not removed, trying again', { pod: metadata.name, error });
        throw error;
      }
    }
  }

  informers.of(Pod).onChange((previous, current) => {
    const pod = current ?? previous;
    if (pod === undefined) return;
    const key = keyOf(pod.metadata.namespace, pod.metadata.name);
    // One that is already told to go waits for a finalizer: telling it again does not help.
    if (current === undefined || !isTerminal(current) || current.metadata.deletionTimestamp !== undefined)
      ended.delete(key);
    else {
      ended.set(key, current);
      if (ended.size > most) queue.add('');
    }
  });
  return () => queue.stop();
}

function bornAt({ metadata }: Pod): number {
  return millis(metadata.creationTimestamp);
}
