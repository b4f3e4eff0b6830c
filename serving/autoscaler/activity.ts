/** How long a PodAutoscaler has been active, inactive or on its way. Source: reference sections 4.5 and 4.6. */
import type { Condition } from '../../api/object.ts';
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { conditionOf } from '../../kube/conditions.ts';

export type Activity =
  | { readonly state: 'active' | 'inactive' | 'activating'; /** ms in that state. */ readonly since: number }
  | { readonly state: 'activating'; readonly since: undefined };

/** @param now ms */
export function activityOf(status: PodAutoscaler['status'], now: number): Activity {
  const condition = conditionOf(status, 'Active');
  if (condition === undefined) return { state: 'activating', since: undefined };
  return { state: STATES[condition.status], since: ageOf(condition, now) };
}

const STATES = { True: 'active', False: 'inactive', Unknown: 'activating' } as const;

/** ms since the last change; 0 when that is not known. */
export function ageOf(condition: Condition, now: number): number {
  const changed = Date.parse(condition.lastTransitionTime ?? '');
  return Number.isNaN(changed) ? 0 : Math.max(0, now - changed);
}
