/** The start and end of every pass over a Knative object's status. Source: reference section 1.3. */
import type { Condition, DuckStatus, KubeObject } from '../../api/object.ts';
import type { Clock } from '../../kube/clock.ts';
import { Conditions } from '../../kube/conditions.ts';
import { isConflict } from '../../kube/errors.ts';
import { timestamp as timestampOf } from '../../kube/timestamp.ts';
import type { Outcome } from '../../kube/reconciler.ts';

/** RFC 3339 in seconds, as Kubernetes writes times. */
export function timestamp(clock: Clock): string {
  return timestampOf(clock.now());
}

/** The conditions to start from: a generation not seen before makes Ready Unknown until something is said of it. */
export function beginPass(
  object: KubeObject & { status?: DuckStatus },
  dependents: readonly string[],
  clock: Clock,
): Conditions {
  const conditions = new Conditions(dependents, object.status?.conditions, timestamp(clock));
  if (object.status?.observedGeneration !== object.metadata.generation)
    conditions.markUnknown('Ready', 'NewObservedGenFailure', 'unsuccessfully observed a new generation');
  return conditions;
}

/** The status to write: fields that are undefined disappear. */
export function endPass<S extends DuckStatus>(object: KubeObject, status: S, conditions: Conditions): S {
  const next = { ...status, observedGeneration: object.metadata.generation, conditions: conditions.toList() };
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)) as S;
}

/**
 * Ends a pass whatever becomes of it: what was found out is written also when the rest fails, which is then tried again
 * with back-off. A conflict writes nothing: somebody was faster, and the next pass knows more.
 *
 * @param work fills `status` and `conditions`; resolves with the ms after which to come back
 */
export async function concludePass<S extends DuckStatus>(
  object: KubeObject,
  status: S,
  conditions: Conditions,
  work: () => Promise<number | undefined>,
): Promise<Outcome<S>> {
  let again: number | undefined;
  let failure: unknown;
  try {
    again = await work();
  } catch (error) {
    if (isConflict(error)) throw error;
    failure = error;
  }
  return { status: endPass(object, status, conditions), again, failure };
}

/** Makes one of our conditions say what a child's condition says; nothing when the child has none yet. */
export function mirror(conditions: Conditions, type: string, of: Condition | undefined): void {
  switch (of?.status) {
    case 'True':
      conditions.markTrue(type);
      break;
    case 'False':
      conditions.markFalse(type, of.reason, of.message);
      break;
    case 'Unknown':
      conditions.markUnknown(type, of.reason, of.message);
      break;
    case undefined:
      break;
  }
}
