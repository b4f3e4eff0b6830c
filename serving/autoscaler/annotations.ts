/**
 * What a revision says of its own scaling: the autoscaling annotations of its PodAutoscaler. They were validated at
 * admission; a value that makes no sense all the same is as good as absent. Source: reference section 4.1.
 */
import { parseDuration } from '../../kube/go-duration.ts';

export const KPA_CLASS = 'kpa.autoscaling.knative.dev';
/** Handed on to a HorizontalPodAutoscaler. */
export const HPA_CLASS = 'hpa.autoscaling.knative.dev';

const PREFIX = 'autoscaling.knative.dev/';

/** Each annotation with its older spelling; the first one present counts. */
const KEYS = {
  class: ['class'],
  metric: ['metric'],
  target: ['target'],
  targetUtilization: ['target-utilization-percentage', 'targetUtilizationPercentage'],
  targetBurstCapacity: ['target-burst-capacity', 'targetBurstCapacity'],
  minScale: ['min-scale', 'minScale'],
  maxScale: ['max-scale', 'maxScale'],
  initialScale: ['initial-scale', 'initialScale'],
  activationScale: ['activation-scale'],
  scaleDownDelay: ['scale-down-delay', 'scaleDownDelay'],
  podRetentionPeriod: ['scale-to-zero-pod-retention-period', 'scaleToZeroPodRetentionPeriod'],
  window: ['window'],
  panicWindowPercentage: ['panic-window-percentage', 'panicWindowPercentage'],
  panicThresholdPercentage: ['panic-threshold-percentage', 'panicThresholdPercentage'],
  aggregation: ['metric-aggregation-algorithm', 'metricAggregationAlgorithm'],
} as const;

const PROGRESS_DEADLINE = 'serving.knative.dev/progress-deadline';

export interface ScalingAnnotations {
  readonly class: string | undefined;
  /** What is counted for the KPA class. */
  readonly metric: 'concurrency' | 'rps';
  /** As it stands, or that of the class. */
  readonly metricName: string;
  readonly target: number | undefined;
  /** 0 to 1. */
  readonly targetUtilization: number | undefined;
  readonly targetBurstCapacity: number | undefined;
  readonly minScale: number | undefined;
  readonly maxScale: number | undefined;
  readonly initialScale: number | undefined;
  readonly activationScale: number | undefined;
  /** ms. */
  readonly scaleDownDelay: number | undefined;
  /** ms. */
  readonly podRetentionPeriod: number | undefined;
  /** ms, whole seconds. */
  readonly window: number | undefined;
  readonly panicWindowPercentage: number | undefined;
  readonly panicThresholdPercentage: number | undefined;
  readonly aggregation: 'linear' | 'weighted-exponential';
  /** ms. */
  readonly progressDeadline: number | undefined;
}

export function readAnnotations(annotations: Readonly<Record<string, string>> | undefined): ScalingAnnotations {
  const all = annotations ?? {};
  const text = (name: keyof typeof KEYS): string | undefined => {
    for (const key of KEYS[name]) {
      const value = all[PREFIX + key];
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const number = (name: keyof typeof KEYS): number | undefined => {
    const value = text(name);
    const parsed = value === undefined || value.trim() === '' ? NaN : Number(value);
    return Number.isFinite(parsed) ? parsed : undefined;
  };
  const integer = (name: keyof typeof KEYS): number | undefined => {
    const value = number(name);
    return Number.isInteger(value) ? value : undefined;
  };
  const duration = (value: string | undefined): number | undefined => {
    const parsed = value === undefined ? undefined : parseDuration(value);
    return parsed !== undefined && parsed >= 0 ? parsed : undefined;
  };
  const utilization = number('targetUtilization');
  const aggregation = text('aggregation');
  const window = duration(text('window'));
  return {
    class: text('class'),
    metric: text('metric') === 'rps' ? 'rps' : 'concurrency',
    metricName: text('metric') ?? (text('class') === HPA_CLASS ? 'cpu' : 'concurrency'),
    target: number('target'),
    targetUtilization: utilization === undefined ? undefined : utilization / 100,
    targetBurstCapacity: number('targetBurstCapacity'),
    minScale: integer('minScale'),
    maxScale: integer('maxScale'),
    initialScale: integer('initialScale'),
    activationScale: integer('activationScale'),
    scaleDownDelay: duration(text('scaleDownDelay')),
    podRetentionPeriod: duration(text('podRetentionPeriod')),
    // A window shorter than a bucket would never hold data.
    window: window !== undefined && window >= 1000 ? window : undefined,
    panicWindowPercentage: number('panicWindowPercentage'),
    panicThresholdPercentage: number('panicThresholdPercentage'),
    aggregation:
      aggregation === 'weighted-exponential' || aggregation === 'weightedExponential'
        ? 'weighted-exponential'
        : 'linear',
    progressDeadline: duration(all[PROGRESS_DEADLINE]),
  };
}
