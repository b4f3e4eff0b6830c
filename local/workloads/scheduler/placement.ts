/** Which node a pod goes to, and why it goes nowhere. Source: Kubernetes, "Kubernetes Scheduler", filters. */
import type { Node, Pod } from '../../../api/core.ts';
import { hasPortConflict, matchesNode, podAffinityFailure, untolerated, type Cluster } from './affinity.ts';
import { parseQuantity } from '../../../kube/quantity.ts';
import { requestsOf, type Amounts } from './requests.ts';

export interface ClusterState extends Cluster {
  used(node: string): Amounts;
}

export type Placement =
  | { readonly node: string }
  /** Kubernetes' sentence, e.g. `0/1 nodes are available: 1 Insufficient cpu.` */
  | { readonly node: undefined; readonly message: string };

/** The first node, by name, that passes every filter. */
export function placePod(pod: Pod, cluster: ClusterState): Placement {
  if (cluster.nodes.length === 0) return { node: undefined, message: 'no nodes available to schedule pods' };
  const counts = new Map<string, number>();
  for (const node of [...cluster.nodes].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const reasons = obstacles(pod, node, cluster);
    if (reasons.length === 0) return { node: node.metadata.name };
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return { node: undefined, message: `0/${cluster.nodes.length} nodes are available: ${reasons.join(', ')}.` };
}

/** What the first filter that refuses says; empty when none does. */
function obstacles(pod: Pod, node: Node, cluster: ClusterState): string[] {
  const { name } = node.metadata;
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (node.spec?.unschedulable === true) return ['node(s) were unschedulable'];
  if (ready !== undefined && ready.status !== 'True') return ['node(s) were not ready'];
  const taint = untolerated(pod, node);
  if (taint !== undefined) return [`node(s) had untolerated taint {${taint.key}: ${taint.value}}`];
  if (!matchesNode(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  if (hasPortConflict(pod, cluster.podsOn(name))) return ["node(s) didn't have free ports for the requested pod ports"];
  const short = shortages(pod, node, cluster.used(name));
  if (short.length > 0) return short;
  const apart = podAffinityFailure(pod, node, cluster);
  return apart === undefined ? [] : [`node(s) ${apart}`];
}

/** Resources the node does not have left. One that the node does not speak of is not there, pods excepted. */
function shortages(pod: Pod, node: Node, used: Amounts): string[] {
  const allocatable = node.status?.allocatable ?? node.status?.capacity ?? {};
  const short: string[] = [];
  for (const [name, amount] of requestsOf(pod)) {
    if (amount === 0 || (name === 'pods' && allocatable.pods === undefined)) continue;
    const free = (parseQuantity(allocatable[name]) ?? 0) - (used.get(name) ?? 0);
    if (amount > free + 1e-9) short.push(name === 'pods' ? 'Too many pods' : `Insufficient ${name}`);
  }
  return short;
}
