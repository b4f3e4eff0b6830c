/** Which ReplicaSet is the current template's, and the annotations that carry a Deployment's history. */
import type { Deployment, PodTemplateSpec, ReplicaSet } from '../../../api/core.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { millis } from '../timestamps.ts';
import type { RolloutSpec } from './rollout-spec.ts';
import { HASH_LABEL } from './template-hash.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** Annotations of a Deployment that are not its ReplicaSets'. */
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

/** The oldest ReplicaSet whose template is the Deployment's. */
export function currentReplicaSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const template = deployment.spec?.template;
  return [...sets].sort(byAge).find((set) => deepEqual(withoutHash(set.spec?.template), withoutHash(template)));
}

export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const difference = millis(a.metadata.creationTimestamp) - millis(b.metadata.creationTimestamp);
  return difference !== 0 ? difference : a.metadata.name < b.metadata.name ? -1 : 1;
}

export function revisionOf(set: ReplicaSet): number {
  const value = Number(set.metadata.annotations?.[REVISION] ?? 0);
  return Number.isInteger(value) ? value : 0;
}

/** The annotations a ReplicaSet should have as the current one: copies, revision and, when it is new, replica counts. */
export function currentAnnotations(
  deployment: Deployment,
  set: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  spec: RolloutSpec,
): Record<string, string> {
  const annotations: Record<string, string> = { ...set?.metadata.annotations };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!NOT_COPIED.has(key)) annotations[key] = value;
  }
  const next = Math.max(0, ...old.map(revisionOf)) + 1;
  const before = set === undefined ? 0 : revisionOf(set);
  if (before < next) {
    annotations[REVISION] = String(next);
    if (before > 0) {
      const history = annotations[REVISION_HISTORY];
      annotations[REVISION_HISTORY] = history === undefined || history === '' ? `${before}` : `${history},${before}`;
    }
  }
  return set === undefined ? { ...annotations, ...replicaAnnotations(spec) } : annotations;
}

/** What a scaled ReplicaSet remembers, so that a later change of the Deployment's replicas is seen as one. */
export function replicaAnnotations(spec: RolloutSpec): Record<string, string> {
  return { [DESIRED_REPLICAS]: String(spec.replicas), [MAX_REPLICAS]: String(spec.replicas + spec.maxSurge) };
}

/** Old ReplicaSets beyond the history limit that nothing runs any more, oldest revision first. */
export function beyondHistory(old: readonly ReplicaSet[], limit: number | undefined): ReplicaSet[] {
  if (limit === undefined) return [];
  const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined);
  const excess = alive.length - limit;
  if (excess <= 0) return [];
  return alive
    .sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b))
    .slice(0, excess)
    .filter(
      (set) =>
        (set.status?.replicas ?? 0) === 0 &&
        set.spec?.replicas === 0 &&
        (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
    );
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  const labels = template?.metadata?.labels;
  if (labels === undefined || !(HASH_LABEL in labels)) return template;
  const { [HASH_LABEL]: _, ...rest } = labels;
  return { ...template, metadata: { ...template?.metadata, labels: rest } };
}
