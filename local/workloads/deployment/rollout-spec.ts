/** A Deployment's wishes as numbers. Source: Kubernetes, "Deployments", rolling update strategy. */
import type { Deployment } from '../../../api/core.ts';

export interface RolloutSpec {
  readonly replicas: number;
  readonly recreate: boolean;
  /** Pods above `replicas` that a rolling update may create. 0 for Recreate. */
  readonly maxSurge: number;
  /** Pods below `replicas` that it may leave unavailable. 0 for Recreate and without replicas. */
  readonly maxUnavailable: number;
  readonly paused: boolean;
  readonly minReadySeconds: number;
  /** Seconds; undefined when progress is not watched. */
  readonly progressDeadline: number | undefined;
  /** Old ReplicaSets to keep; undefined keeps all. */
  readonly historyLimit: number | undefined;
}

/** Kubernetes' "no deadline": the largest int32. */
const NO_DEADLINE = 2 ** 31 - 1;

export function rolloutSpec(deployment: Deployment): RolloutSpec {
  const spec = deployment.spec;
  const replicas = spec?.replicas ?? 1;
  const recreate = spec?.strategy?.type === 'Recreate';
  const rolling = spec?.strategy?.rollingUpdate;
  const surge = recreate ? 0 : portion(rolling?.maxSurge ?? '25%', replicas, Math.ceil);
  let unavailable = recreate ? 0 : portion(rolling?.maxUnavailable ?? '25%', replicas, Math.floor);
  // Neither more nor fewer pods than wished would never let a rollout move.
  if (!recreate && surge === 0 && unavailable === 0) unavailable = 1;
  const deadline = spec?.progressDeadlineSeconds;
  return {
    replicas,
    recreate,
    maxSurge: surge,
    maxUnavailable: Math.min(unavailable, replicas),
    paused: spec?.paused === true,
    minReadySeconds: spec?.minReadySeconds ?? 0,
    progressDeadline: deadline === undefined || deadline === NO_DEADLINE ? undefined : deadline,
    historyLimit: spec?.revisionHistoryLimit,
  };
}

/** An int-or-percentage of `total`; 0 for what is neither. */
function portion(value: number | string, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return Math.max(0, value);
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? 0 : round((Number(percent) * total) / 100);
}
