/** How the pods of a revision are doing. Source: knative/serving pkg/resources pod counting (behaviour). */
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { Pod } from '../../api/core.ts';
import { conditionOf } from '../../kube/conditions.ts';
import { keyOf, type Informer } from '../../kube/informer.ts';

export interface PodCounts {
  readonly ready: number;
  /** Running, but not ready. */
  readonly notReady: number;
  readonly pending: number;
  readonly terminating: number;
}

const REVISION_LABEL = 'serving.knative.dev/revision';
const INDEX = 'autoscaler/revision';

/** `NAMESPACE/REVISION` of a pod, or of anything that carries the labels of a revision. */
export function revisionKeyOf(object: {
  metadata: { namespace?: string; labels?: Record<string, string> };
}): string | undefined {
  const revision = object.metadata.labels?.[REVISION_LABEL];
  return revision === undefined ? undefined : keyOf(object.metadata.namespace, revision);
}

/** Prepares the cache to be asked by revision. */
export function indexPods(pods: Informer<Pod>): Informer<Pod> {
  return pods.index(INDEX, (pod) => {
    const key = revisionKeyOf(pod);
    return key === undefined ? [] : [key];
  });
}

export function readyPods(pods: Informer<Pod>, key: string): number {
  return listReady(pods, key).length;
}

export function listReady(pods: Informer<Pod>, key: string): Pod[] {
  return pods.byIndex(INDEX, key).filter((pod) => stateOf(pod) === 'ready');
}

export function countPods(pods: Informer<Pod>, key: string): PodCounts {
  const counts = { ready: 0, notReady: 0, pending: 0, terminating: 0 };
  for (const pod of pods.byIndex(INDEX, key)) {
    const state = stateOf(pod);
    if (state !== 'gone') counts[state]++;
  }
  return counts;
}

/**
 * Pods that a revision had when an autoscaler last looked at it; after a restart of the machine none of them is ready
 * yet. Those of a revision that is new, idle or only just asked for are nobody's to keep.
 * @param asked what its scale target is asked for
 */
export function podsBefore(pa: PodAutoscaler, asked: number | undefined): number {
  const was = (type: string) => conditionOf(pa.status, type)?.status === 'True';
  return was('Active') && was('ScaleTargetInitialized') ? (asked ?? 0) : 0;
}

function stateOf(pod: Pod): keyof PodCounts | 'gone' {
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') return 'gone';
  if (pod.metadata.deletionTimestamp !== undefined) return 'terminating';
  if (phase !== 'Running') return 'pending';
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready ? 'ready' : 'notReady';
}
