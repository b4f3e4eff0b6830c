/** The status of a PodAutoscaler. Source: knative/serving pkg/reconciler/autoscaling/kpa (behaviour; reference 4.6). */
import { POD_AUTOSCALER_CONDITIONS, type PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { ServerlessService } from '../../api/networking/serverless-service.ts';
import { conditionOf, Conditions, isReady } from '../../kube/conditions.ts';
import type { ScalingAnnotations } from './annotations.ts';
import type { AutoscalerConfig } from './config.ts';
import { boundsOf } from './scale-plan.ts';
import { initialScaleOf } from './spec.ts';

export interface StatusInput {
  readonly pa: PodAutoscaler;
  readonly annotations: ScalingAnnotations;
  readonly config: AutoscalerConfig;
  readonly service: ServerlessService | undefined;
  /** Pods wanted; -1 = no opinion. */
  readonly want: number;
  readonly ready: number;
  /** RFC 3339. */
  readonly now: string;
}

const NO_TRAFFIC = ['NoTraffic', 'The target is not receiving traffic.'] as const;
const QUEUED = ['Queued', 'Requests to the target are being buffered as resources are provisioned.'] as const;
const TIMED_OUT = ['TimedOut', 'The target could not be activated.'] as const;

export function statusOf(input: StatusInput): NonNullable<PodAutoscaler['status']> {
  const { pa, annotations, config, service, want, ready, now } = input;
  const conditions = new Conditions(POD_AUTOSCALER_CONDITIONS, pa.status?.conditions, now);
  const privateServiceName = service?.status?.privateServiceName;
  const serviceName = privateServiceName === undefined ? pa.status?.serviceName : service?.status?.serviceName;

  if (privateServiceName === undefined) conditions.markUnknown('SKSReady', 'NotReady', 'No Private Service Name');
  else if (service !== undefined && isReady(service)) conditions.markTrue('SKSReady');
  else conditions.markUnknown('SKSReady', 'NotReady', conditionOf(service?.status, 'Ready')?.message);

  const threshold = activeThresholdOf(pa, annotations, config);
  if (ready >= threshold && (serviceName ?? '') !== '') conditions.markTrue('ScaleTargetInitialized');
  markActive(conditions, want, ready, threshold);

  const before = pa.status?.desiredScale;
  return {
    ...pa.status,
    observedGeneration: pa.metadata.generation,
    serviceName,
    metricsServiceName: privateServiceName ?? pa.status?.metricsServiceName,
    // An autoscaler that has just started has no opinion yet; what it wanted before still stands.
    desiredScale: want === -1 && before !== undefined && before >= 0 ? before : want,
    actualScale: ready,
    conditions: conditions.toList(),
  };
}

/** Ready pods that make the target active. */
export function activeThresholdOf(
  pa: PodAutoscaler,
  annotations: ScalingAnnotations,
  config: AutoscalerConfig,
): number {
  const { min } = boundsOf(pa, annotations, config);
  const initialized = conditionOf(pa.status, 'ScaleTargetInitialized')?.status === 'True';
  return Math.max(min, initialized ? 1 : initialScaleOf(annotations, config));
}

function markActive(conditions: Conditions, want: number, ready: number, threshold: number): void {
  const inactive = conditions.isFalse('Active');
  // Why the pods went stays to be read until somebody asks for them again.
  const gaveUp = inactive && conditions.get('Active')?.reason === TIMED_OUT[0];
  if (want === 0 || threshold === 0) {
    const givesUp = threshold > 0 && (gaveUp || conditions.isUnknown('Active'));
    conditions.markFalse('Active', ...(givesUp ? TIMED_OUT : NO_TRAFFIC));
  } else if (ready < threshold) {
    if (want > 0 || !inactive) conditions.markUnknown('Active', ...QUEUED);
    else conditions.markFalse('Active', ...(gaveUp ? TIMED_OUT : NO_TRAFFIC));
  } else if (want > 0 || !inactive) conditions.markTrue('Active');
}
