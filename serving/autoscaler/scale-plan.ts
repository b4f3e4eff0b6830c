/**
 * From what the decider wants to what is written: bounds, the first scale, and the way to zero.
 * The activator is always in the path here, so the probe that Knative makes before the last pod goes always passes.
 * Source: knative/serving pkg/reconciler/autoscaling/kpa scaler (behaviour; reference section 4.5).
 */
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { ServerlessService } from '../../api/networking/serverless-service.ts';
import { conditionOf } from '../../kube/conditions.ts';
import { activityOf, ageOf } from './activity.ts';
import type { ScalingAnnotations } from './annotations.ts';
import type { AutoscalerConfig } from './config.ts';
import { initialScaleOf, windowsOf } from './spec.ts';

export interface ScaleInput {
  readonly pa: PodAutoscaler;
  readonly annotations: ScalingAnnotations;
  readonly service: ServerlessService | undefined;
  readonly config: AutoscalerConfig;
  /** Of a revision that does not choose its own, ms. */
  readonly progressDeadline: number;
  /** The decider's; -1 = no opinion. */
  readonly desired: number;
  /** ms since the epoch. */
  readonly now: number;
}

export interface ScalePlan {
  /** What the PodAutoscaler wants after all; -1 = no opinion. */
  readonly want: number;
  /** Whether `want` is to be written to the scale target. */
  readonly apply: boolean;
  /** Look again after this many ms. */
  readonly again?: number;
}

/** A pod that does not start is given this much longer than its deployment, so that its reason is seen first; ms. */
const ACTIVATION_BUFFER = 30_000;

export function planScale(input: ScaleInput): ScalePlan {
  const { pa, annotations, config, desired, now } = input;
  if (desired < 0 && activityOf(pa.status, now).state !== 'activating') return { want: desired, apply: false };
  const bounds = boundsOf(pa, annotations, config);
  const initial = initialScaleOf(annotations, config);
  const unreachable = pa.spec.reachability === 'Unreachable';
  const least =
    initial > 1 && !unreachable && conditionOf(pa.status, 'ScaleTargetInitialized')?.status !== 'True'
      ? Math.max(bounds.min, initial)
      : bounds.min;
  const bounded = clamp(desired, least, bounds.max);
  if (bounded !== 0) return { want: bounded, apply: bounded > 0 };
  return planZero(input);
}

/** Pods; max 0 = none. What no route leads to has no minimum. */
export function boundsOf(
  pa: PodAutoscaler,
  annotations: ScalingAnnotations,
  config: AutoscalerConfig,
): { readonly min: number; readonly max: number } {
  const min = pa.spec.reachability === 'Unreachable' ? 0 : (annotations.minScale ?? config.minScale);
  return { min, max: annotations.maxScale ?? config.maxScale };
}

function planZero({ pa, annotations, service, config, progressDeadline, now }: ScaleInput): ScalePlan {
  if (!config.scaleToZero) return { want: 1, apply: true };
  const activity = activityOf(pa.status, now);
  switch (activity.state) {
    case 'activating': {
      const patience = (annotations.progressDeadline ?? progressDeadline) + ACTIVATION_BUFFER;
      const since = activity.since ?? 0;
      // Given up: the target does not start.
      if (since > patience) return { want: 0, apply: true };
      return { want: -1, apply: false, again: patience - since + 1 };
    }
    case 'active': {
      const { stable } = windowsOf(annotations, config);
      // Becoming inactive comes first; the pods go in a later pass.
      if (activity.since >= stable) return { want: 0, apply: false };
      return { want: 1, apply: true, again: stable - activity.since };
    }
    case 'inactive': {
      const retention =
        pa.spec.reachability === 'Unreachable' ? 0 : (annotations.podRetentionPeriod ?? config.podRetentionPeriod);
      const grace = config.scaleToZeroGracePeriod;
      if (activity.since >= Math.max(grace, retention)) return { want: 0, apply: true };
      if (activity.since < retention) return { want: 0, apply: false, again: retention - activity.since };
      // Requests have been going to the activator for longer than the revision has been idle.
      const proxied = proxiedFor(service, now);
      if (proxied >= grace) return { want: 0, apply: true };
      return { want: 0, apply: false, again: grace - Math.max(proxied, activity.since) };
    }
  }
}

/** ms for which the activator has been in the path; 0 when it is not, or not known to be. */
function proxiedFor(service: ServerlessService | undefined, now: number): number {
  const condition = conditionOf(service?.status, 'ActivatorEndpointsPopulated');
  return condition?.status === 'True' ? ageOf(condition, now) : 0;
}

/** Bounds win over the wish, the lower one over none. */
function clamp(value: number, min: number, max: number): number {
  if (value < min) return min;
  return max !== 0 && value > max ? max : value;
}
