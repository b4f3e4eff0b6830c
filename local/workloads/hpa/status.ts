/** The status of a HorizontalPodAutoscaler: conditions and what was measured. Source: Kubernetes, autoscaling/v2. */
import type { HorizontalPodAutoscaler } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import type { Step } from './behavior.ts';
import type { Proposal, ResourceTarget } from './replica-count.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export type HpaStatus = NonNullable<HorizontalPodAutoscaler['status']>;
type Condition = NonNullable<HpaStatus['conditions']>[number];
type MetricStatus = NonNullable<HpaStatus['currentMetrics']>[number];

const HELD: Readonly<Record<NonNullable<Step['held']>, string>> = {
  ScaleUpStabilized: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
  ScaleDownStabilized:
    'recent recommendations were higher than current one, applying the highest recent recommendation',
};
const LIMITED: Readonly<Record<NonNullable<Step['limited']>, string>> = {
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
};

/** Those that were there stay in their order. */
export class HpaConditions {
  /** RFC 3339. */
  readonly now: string;
  readonly #all: Map<string, Condition>;

  /** @param now ms since the epoch */
  constructor(before: readonly Condition[] | undefined, now: number) {
    this.now = timestamp(now);
    this.#all = new Map((before ?? []).map((condition) => [condition.type, condition]));
  }

  /** @returns whether it did not say so before */
  set(type: string, status: 'True' | 'False', reason: string, message: string): boolean {
    const before = this.#all.get(type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : this.now;
    this.#all.set(type, { type, status, lastTransitionTime, reason, message });
    return before?.status !== status || before.reason !== reason || before.message !== message;
  }

  stepped({ held, limited }: Step): void {
    if (held === undefined)
      this.set('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size');
    else this.set('AbleToScale', 'True', held, HELD[held]);
    if (limited === undefined)
      this.set('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
    else this.set('ScalingLimited', 'True', limited, LIMITED[limited]);
  }

  toList(): Condition[] {
    return [...this.#all.values()];
  }
}

export function metricName({ resource, utilization }: ResourceTarget): string {
  return utilization === undefined
    ? `${resource} resource`
    : `${resource} resource utilization (percentage of request)`;
}

export function metricStatus({ resource }: ResourceTarget, { average, utilization }: Proposal): MetricStatus {
  const averageValue = resource === 'cpu' ? `${Math.round(average * 1000)}m` : String(Math.round(average));
  const current = utilization === undefined ? { averageValue } : { averageUtilization: utilization, averageValue };
  return { type: 'Resource', resource: { name: resource, current } };
}
