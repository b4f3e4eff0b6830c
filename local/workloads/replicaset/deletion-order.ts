/**
 * Which pods go first when a ReplicaSet shrinks: those that are missed least.
 * Source: Kubernetes, "ReplicaSet", scaling a ReplicaSet. Ages are compared exactly, not by order of magnitude.
 */
import type { Pod } from '../../../api/core.ts';
import { readySince } from '../pods.ts';
import { millis } from '../timestamps.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASES = ['Pending', 'Unknown', 'Running'];

/** The pods to delete first come first. */
export function inDeletionOrder(pods: readonly Pod[]): Pod[] {
  const crowd = new Map<string, number>();
  for (const { spec } of pods) {
    const node = spec?.nodeName ?? '';
    crowd.set(node, (crowd.get(node) ?? 0) + 1);
  }
  return pods
    .map((pod) => ({ pod, rank: rank(pod, crowd) }))
    .sort((a, b) => compare(a.rank, b.rank))
    .map(({ pod }) => pod);
}

/** Smaller goes first, compared from the left. */
function rank(pod: Pod, crowd: ReadonlyMap<string, number>): (number | string)[] {
  const node = pod.spec?.nodeName ?? '';
  const since = readySince(pod);
  return [
    node === '' ? 0 : 1,
    Math.max(0, PHASES.indexOf(pod.status?.phase ?? 'Pending')),
    since === undefined ? 0 : 1,
    deletionCost(pod),
    node === '' ? 0 : -(crowd.get(node) ?? 0),
    since === undefined ? 0 : -since,
    -Math.max(0, ...(pod.status?.containerStatuses ?? []).map((container) => container.restartCount)),
    -millis(pod.metadata.creationTimestamp),
    pod.metadata.name,
  ];
}

function compare(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (let i = 0; i < a.length; i++) {
    const [left = 0, right = 0] = [a[i], b[i]];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function deletionCost(pod: Pod): number {
  const value = pod.metadata.annotations?.[DELETION_COST] ?? '0';
  return /^-?\d{1,10}$/.test(value) ? Number(value) : 0;
}
