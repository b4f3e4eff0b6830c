/** Where a pod may stand by labels: node selectors and affinity, taints, and the pods already there. */
import type { Node, Pod } from '../../../api/core.ts';
import { matchesAll, selects } from '../../../kube/label-selector.ts';

type PodAffinityTerm = NonNullable<
  NonNullable<
    NonNullable<
      NonNullable<NonNullable<Pod['spec']>['affinity']>['podAffinity']
    >['requiredDuringSchedulingIgnoredDuringExecution']
  >
>[number];
type NodeSelectorTerm = NonNullable<
  NonNullable<
    NonNullable<
      NonNullable<NonNullable<Pod['spec']>['affinity']>['nodeAffinity']
    >['requiredDuringSchedulingIgnoredDuringExecution']
  >
>['nodeSelectorTerms'][number];

/** Nodes and the pods that count as standing on them. */
export interface Cluster {
  readonly nodes: readonly Node[];
  podsOn(node: string): readonly Pod[];
}

/** Node selector and required node affinity. */
export function matchesNode(pod: Pod, node: Node): boolean {
  if (!matchesAll(pod.spec?.nodeSelector ?? {}, node.metadata.labels)) return false;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** The first taint that keeps the pod away, `undefined` when it tolerates all. */
export function untolerated(pod: Pod, node: Node): { key: string; value: string } | undefined {
  const taint = (node.spec?.taints ?? []).find(
    ({ key, value = '', effect }) =>
      effect !== 'PreferNoSchedule' &&
      !(pod.spec?.tolerations ?? []).some(
        (toleration) =>
          (toleration.effect === undefined || toleration.effect === '' || toleration.effect === effect) &&
          (toleration.key === undefined || toleration.key === '' || toleration.key === key) &&
          (toleration.operator === 'Exists' || (toleration.value ?? '') === value),
      ),
  );
  return taint === undefined ? undefined : { key: taint.key, value: taint.value ?? '' };
}

/** Required affinity and anti-affinity to pods; why the node does not do, `undefined` when it does. */
export function podAffinityFailure(pod: Pod, node: Node, cluster: Cluster): string | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  for (const term of podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (inDomain(term.topologyKey, node, cluster).some((other) => matchesPod(term, pod, other))) continue;
    // The first of a group that wants to be together must be let in.
    const anywhere = cluster.nodes.flatMap(({ metadata }) => cluster.podsOn(metadata.name));
    const first = matchesPod(term, pod, pod) && !anywhere.some((other) => matchesPod(term, pod, other));
    if (!first || node.metadata.labels?.[term.topologyKey] === undefined) return "didn't match pod affinity rules";
  }
  for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (inDomain(term.topologyKey, node, cluster).some((other) => matchesPod(term, pod, other)))
      return "didn't match pod anti-affinity rules";
  }
  for (const other of cluster.nodes.flatMap(({ metadata }) => cluster.podsOn(metadata.name))) {
    for (const term of other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (matchesPod(term, other, pod) && inDomain(term.topologyKey, node, cluster).includes(other))
        return "didn't satisfy existing pods anti-affinity rules";
    }
  }
  return undefined;
}

/** Ports of the host that the pod wants and another one there has. */
export function hasPortConflict(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPorts(pod);
  return wanted.length > 0 && others.some((other) => hostPorts(other).some((port) => wanted.includes(port)));
}

/** Whether what the pod asks for depends on the pods already there. */
export function looksAtPods(pod: Pod): boolean {
  return (
    pod.spec?.affinity?.podAffinity !== undefined ||
    pod.spec?.affinity?.podAntiAffinity !== undefined ||
    hostPorts(pod).length > 0
  );
}

function hostPorts(pod: Pod): string[] {
  return (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, protocol = 'TCP' }) => (hostPort ? [`${protocol}/${hostPort}`] : [])),
  );
}

function inDomain(topologyKey: string, node: Node, cluster: Cluster): Pod[] {
  const domain = node.metadata.labels?.[topologyKey];
  if (domain === undefined) return [];
  return cluster.nodes
    .filter((other) => other.metadata.labels?.[topologyKey] === domain)
    .flatMap(({ metadata }) => cluster.podsOn(metadata.name));
}

/** @param holder the pod whose term it is: its namespace is meant when the term names none */
function matchesPod(term: PodAffinityTerm, holder: Pod, other: Pod): boolean {
  const { namespaces = [], namespaceSelector, labelSelector } = term;
  // Namespaces are not looked up here: a selector for them stands for all when empty and for none otherwise.
  const everywhere = namespaceSelector !== undefined && Object.keys(namespaceSelector).length === 0;
  const meant = namespaces.length > 0 ? namespaces : [holder.metadata.namespace];
  return (
    (everywhere || meant.includes(other.metadata.namespace ?? '')) && selects(labelSelector, other.metadata.labels)
  );
}

function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = { 'metadata.name': node.metadata.name };
  return (
    matchExpressions.every((expression) => holds(expression, node.metadata.labels ?? {})) &&
    matchFields.every((expression) => holds(expression, fields))
  );
}

function holds(
  expression: { key: string; operator: string; values?: readonly string[] },
  labels: Readonly<Record<string, string>>,
): boolean {
  const { key, operator, values = [] } = expression;
  if (operator !== 'Gt' && operator !== 'Lt') return selects({ matchExpressions: [expression] }, labels);
  const [value, bound] = [Number(labels[key] ?? Number.NaN), Number(values[0] ?? Number.NaN)];
  return operator === 'Gt' ? value > bound : value < bound;
}
