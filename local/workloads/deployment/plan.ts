/** What one pass over a Deployment writes. Source: Kubernetes, "Deployments". */
import type { Deployment, ReplicaSet } from '../../../api/core.ts';
import { Draft, replicasOf, sumReplicas, type PlannedEvent, type ReplicaSetChange } from './draft.ts';
import { makeReplicaSet } from './replica-set.ts';
import { beyondHistory, currentAnnotations, currentReplicaSet, REVISION } from './revisions.ts';
import { currentSize, shrinkOld } from './rolling-update.ts';
import { rolloutSpec, type RolloutSpec } from './rollout-spec.ts';
import { isScalingEvent, planScale } from './scale.ts';
import {
  condition,
  countedStatus,
  isComplete,
  nextDeadline,
  pausedConditions,
  rolloutStatus,
  withCondition,
  type DeploymentCondition,
  type DeploymentStatus,
} from './status.ts';

export interface Observed {
  /** Those the Deployment controls. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Whether pods of a ReplicaSet still run, terminating ones included. Asked only for Recreate. */
  hasPods(set: ReplicaSet): boolean;
}

export interface DeploymentPlan {
  readonly create: ReplicaSet | undefined;
  readonly changes: readonly ReplicaSetChange[];
  readonly deletes: readonly ReplicaSet[];
  /** The Deployment's own revision annotation, when it must change. */
  readonly revision: string | undefined;
  /** Undefined while ReplicaSets have a size to act on: their answer brings the next pass. Pods come before paperwork. */
  readonly status: DeploymentStatus | undefined;
  readonly again: number | undefined;
  readonly events: readonly PlannedEvent[];
}

export function planDeployment(deployment: Deployment, seen: Observed, now: number): DeploymentPlan {
  const spec = rolloutSpec(deployment);
  const draft = new Draft(seen.replicaSets, spec);
  const found = currentReplicaSet(deployment, seen.replicaSets);
  const old = seen.replicaSets.filter((set) => set !== found);
  if (found !== undefined) draft.annotate(found, currentAnnotations(deployment, found, old, spec));

  const scaling = spec.paused || isScalingEvent(seen.replicaSets, spec);
  if (scaling) planScale(draft, deployment, found, old, spec);
  else if (spec.recreate) planRecreate(draft, deployment, found, old, spec, seen);
  else {
    const current = found ?? draft.create(makeReplicaSet(deployment, old, spec, currentSize(undefined, old, spec)));
    const size = currentSize(current, old, spec);
    if (found !== undefined && size !== replicasOf(found)) draft.scale(current, size);
    if (!draft.scales) shrinkOld(draft, draft.now(current), old, spec);
  }

  const current = found === undefined ? draft.created : draft.now(found);
  const outlook = { sets: draft.sets, current };
  const conditions = startingConditions(deployment, found, draft.created, spec, now);
  const status = scaling
    ? countedStatus(deployment, outlook, spec, conditions, now)
    : rolloutStatus(deployment, outlook, spec, conditions, now);
  const settled = spec.paused || (!scaling && isComplete(deployment, status, spec));
  return {
    create: draft.created,
    changes: draft.changes,
    deletes: settled && !draft.scales ? beyondHistory(old, spec.historyLimit) : [],
    revision: changedRevision(deployment, current),
    status: draft.scales || (draft.created === undefined && seen.replicaSets.some(isBehind)) ? undefined : status,
    again: spec.paused ? undefined : nextDeadline(deployment, status, spec, now),
    events: draft.events,
  };
}

/** Its controller has yet to act on what it asks for. */
function isBehind({ metadata, status }: ReplicaSet): boolean {
  return metadata.deletionTimestamp === undefined && (metadata.generation ?? 0) > (status?.observedGeneration ?? 0);
}

function planRecreate(
  draft: Draft,
  deployment: Deployment,
  found: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  spec: RolloutSpec,
  seen: Observed,
): void {
  if (sumReplicas(old) > 0) {
    for (const set of old) if (replicasOf(set) > 0) draft.scale(set, 0);
  } else if (!old.some((set) => seen.hasPods(set))) {
    if (found === undefined) draft.create(makeReplicaSet(deployment, old, spec, spec.replicas));
    else if (replicasOf(found) !== spec.replicas) draft.scale(found, spec.replicas);
  }
}

function startingConditions(
  deployment: Deployment,
  found: ReplicaSet | undefined,
  created: ReplicaSet | undefined,
  spec: RolloutSpec,
  now: number,
): readonly DeploymentCondition[] {
  const conditions = pausedConditions(deployment, spec, now);
  if (spec.progressDeadline === undefined) return conditions;
  if (created !== undefined) {
    const text = `Created new replica set "${created.metadata.name}"`;
    return withCondition(conditions, condition('Progressing', 'True', 'NewReplicaSetCreated', text, now));
  }
  if (found !== undefined && !conditions.some(({ type }) => type === 'Progressing')) {
    const text = `Found new replica set "${found.metadata.name}"`;
    return withCondition(conditions, condition('Progressing', 'True', 'FoundNewReplicaSet', text, now));
  }
  return conditions;
}

function changedRevision(deployment: Deployment, current: ReplicaSet | undefined): string | undefined {
  const revision = current?.metadata.annotations?.[REVISION];
  return revision === deployment.metadata.annotations?.[REVISION] ? undefined : revision;
}
