/**
 * Passes over a PodAutoscaler that cannot go on: what its condition and its event say. They are tried again with
 * back-off. Source: knative/serving pkg/reconciler/autoscaling (behaviour).
 */
import { POD_AUTOSCALER_CONDITIONS, type PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { Conditions } from '../../kube/conditions.ts';
import { isConflict } from '../../kube/errors.ts';
import type { Outcome } from '../../kube/reconciler.ts';
import { timestamp } from '../../kube/timestamp.ts';
import { messageOf } from '../../kube/message.ts';

type Blocked = Outcome<NonNullable<PodAutoscaler['status']>>;

/** Somebody else's object has the name of one of ours. @param now ms since the epoch */
export function notOwned(pa: PodAutoscaler, kind: string, now: number): Blocked {
  const { name } = pa.metadata;
  const failure = new Error(
    kind === 'HorizontalPodAutoscaler'
      ? `PodAutoscaler: "${name}" does not own HPA: "${name}"`
      : `error reconciling ${shortOf(kind)}: PA: ${name} does not own ${shortOf(kind)}: ${name}`,
  );
  const message = `There is an existing ${kind} "${name}" that we do not own.`;
  return { status: inactive(pa, 'NotOwned', message, now), failure };
}

/** The API server did not take an object of ours. @param now ms since the epoch */
export function failedCreate(pa: PodAutoscaler, kind: string, error: unknown, now: number): Blocked {
  const failure = told(`failed to create ${shortOf(kind)}`, error);
  if (isConflict(failure)) return { failure };
  return { status: inactive(pa, 'FailedCreate', `Failed to create ${kind} "${pa.metadata.name}".`, now), failure };
}

/** An error that says what was being done. A conflict stays what it is: the next pass mends it. */
export function told(what: string, error: unknown): unknown {
  if (isConflict(error)) return error;
  return new Error(`${what}: ${messageOf(error)}`, { cause: error });
}

function shortOf(kind: string): string {
  return { ServerlessService: 'SKS', HorizontalPodAutoscaler: 'HPA' }[kind] ?? kind;
}

function inactive(
  pa: PodAutoscaler,
  reason: string,
  message: string,
  now: number,
): NonNullable<PodAutoscaler['status']> {
  const conditions = new Conditions(POD_AUTOSCALER_CONDITIONS, pa.status?.conditions, timestamp(now));
  conditions.markFalse('Active', reason, message);
  return { ...pa.status, observedGeneration: pa.metadata.generation, conditions: conditions.toList() };
}
