/**
 * The status of a PodAutoscaler of the HPA class: it mirrors its HorizontalPodAutoscaler.
 * Source: knative/serving pkg/reconciler/autoscaling/hpa (behaviour).
 */
import type { HorizontalPodAutoscaler } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { POD_AUTOSCALER_CONDITIONS, type PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import type { ServerlessService } from '../../../api/networking/serverless-service.ts';
import { Conditions, isReady } from '../../../kube/conditions.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export interface HpaStatusInput {
  readonly pa: PodAutoscaler;
  /** As stored; its status is whoever's who acts on it. */
  readonly hpa: HorizontalPodAutoscaler;
  readonly service: ServerlessService | undefined;
  /** Pods before the target counts as initialised. */
  readonly threshold: number;
  /** ms since the epoch. */
  readonly now: number;
}

/** A controller looks at each HorizontalPodAutoscaler every 15 s; one that has not by then is not there, ms. */
export const HPA_PATIENCE = 45_000;
export const NO_CONTROLLER = 'HorizontalPodAutoscalerNotServed';

export function hpaStatusOf(input: HpaStatusInput): NonNullable<PodAutoscaler['status']> {
  const { pa, hpa, service, threshold, now } = input;
  const conditions = new Conditions(POD_AUTOSCALER_CONDITIONS, pa.status?.conditions, timestamp(now));
  const { currentReplicas = 0, desiredReplicas = 0 } = hpa.status ?? {};
  const ready = service !== undefined && isReady(service);
  if (ready) conditions.markTrue('SKSReady');
  else conditions.markUnknown('SKSReady', 'NotReady', 'SKS Services are not ready yet');
  // A scale that is not known to be served is never taken for one that was reached.
  if (ready && !conditions.isTrue('ScaleTargetInitialized') && currentReplicas >= threshold)
    conditions.markTrue('ScaleTargetInitialized');
  conditions.markTrue('Active');
  if (isUnserved(hpa, now) && !conditions.isTrue('ScaleTargetInitialized'))
    conditions.markUnknown('ScaleTargetInitialized', NO_CONTROLLER, unservedMessage(hpa));
  return {
    ...pa.status,
    observedGeneration: pa.metadata.generation,
    serviceName: service?.status?.serviceName,
    metricsServiceName: service?.status?.privateServiceName,
    desiredScale: desiredReplicas,
    actualScale: currentReplicas,
    conditions: conditions.toList(),
  };
}

/** Nobody has ever written its status, although there was time. */
export function isUnserved(hpa: HorizontalPodAutoscaler, now: number): boolean {
  return hpa.status?.conditions === undefined && ageOf(hpa, now) >= HPA_PATIENCE;
}

/** ms. */
export function ageOf({ metadata }: HorizontalPodAutoscaler, now: number): number {
  const created = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(created) ? 0 : now - created;
}

export function unservedMessage({ metadata: { name } }: HorizontalPodAutoscaler): string {
  return (
    `HorizontalPodAutoscaler "${name}" has no status after ${HPA_PATIENCE / 1000} s: nothing here acts on ` +
    'HorizontalPodAutoscalers. Run a controller for them (kube-controller-manager has one), or set the annotation ' +
    'autoscaling.knative.dev/class: kpa.autoscaling.knative.dev on the revision template.'
  );
}
