/** A PodAutoscaler that cannot go on: it says so in its condition, in an event, and is looked at again. */
import { POD_AUTOSCALER_CONDITIONS, type PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { Conditions } from '../../kube/conditions.ts';
import { isConflict } from '../../kube/errors.ts';
import type { Outcome, World } from '../../kube/reconciler.ts';

type Blocked = Outcome<NonNullable<PodAutoscaler['status']>>;

/** Nothing wakes the PodAutoscaler when what is in its way goes, ms. */
const AGAIN = 15_000;
const SHORT: Readonly<Record<string, string>> = { ServerlessService: 'SKS', HorizontalPodAutoscaler: 'HPA' };

/** Somebody else's object has the name of one of ours. */
export function notOwned(pa: PodAutoscaler, kind: string, world: World): Blocked {
  const { name } = pa.metadata;
  world.event(
    pa,
    'Warning',
    'InternalError',
    `PodAutoscaler: "${name}" does not own ${SHORT[kind] ?? kind}: "${name}"`,
  );
  return inactive(pa, 'NotOwned', `There is an existing ${kind} "${name}" that we do not own.`, world);
}

/** The API server refused an object of ours. @throws a conflict, which the next pass mends */
export function failedCreate(pa: PodAutoscaler, kind: string, error: unknown, world: World): Blocked {
  if (isConflict(error)) throw error;
  const why = error instanceof Error ? error.message : String(error);
  world.log.warn('not created', { namespace: pa.metadata.namespace, name: pa.metadata.name, kind, error });
  world.event(pa, 'Warning', 'InternalError', `failed to create ${SHORT[kind] ?? kind}: ${why}`);
  return inactive(pa, 'FailedCreate', `Failed to create ${kind} "${pa.metadata.name}".`, world);
}

/** Seconds, as conditions carry them. @param now ms since the epoch */
export function rfc3339(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}

function inactive(pa: PodAutoscaler, reason: string, message: string, world: World): Blocked {
  const now = rfc3339(world.clock.now());
  const conditions = new Conditions(POD_AUTOSCALER_CONDITIONS, pa.status?.conditions, now);
  conditions.markFalse('Active', reason, message);
  return {
    status: { ...pa.status, observedGeneration: pa.metadata.generation, conditions: conditions.toList() },
    again: AGAIN,
  };
}
