/** What belongs to a PodAutoscaler: its Metric and its ServerlessService. Source: reference sections 2.1, 4.5. */
import { Metric, PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { ServerlessService } from '../../api/networking/serverless-service.ts';
import type { KubeObject, ObjectMeta } from '../../api/object.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource.ts';
import { controllerRef } from '../../kube/reconciler.ts';
import type { ScalingAnnotations } from './annotations.ts';
import type { AutoscalerConfig } from './config.ts';
import type { DeciderSpec } from './decider.ts';
import { windowsOf } from './spec.ts';

const NS_PER_MS = 1_000_000;
const FEWEST_ACTIVATORS = 2;
const METRIC_ANNOTATION = 'autoscaling.knative.dev/metric';

export function metricOf(pa: PodAutoscaler, annotations: ScalingAnnotations, config: AutoscalerConfig): Metric {
  const { stable, panic } = windowsOf(annotations, config);
  return {
    apiVersion: apiVersionOf(Metric),
    kind: Metric.kind,
    metadata: { ...childOf(pa), annotations: pa.metadata.annotations },
    // Activators count for the pods: there is nothing to scrape.
    spec: { stableWindow: stable * NS_PER_MS, panicWindow: panic * NS_PER_MS, scrapeTarget: '' },
  };
}

export function serverlessServiceOf(
  pa: PodAutoscaler,
  mode: ServerlessService['spec']['mode'],
  numActivators: number,
): ServerlessService {
  const { [METRIC_ANNOTATION]: _, ...annotations } = pa.metadata.annotations ?? {};
  return {
    apiVersion: apiVersionOf(ServerlessService),
    kind: ServerlessService.kind,
    metadata: { ...childOf(pa), annotations },
    spec: { mode, objectRef: pa.spec.scaleTargetRef, protocolType: pa.spec.protocolType, numActivators },
  };
}

/** Traffic may go to the pods directly when there is spare room for a burst. */
export function modeOf(want: number, excessBurst: number): ServerlessService['spec']['mode'] {
  return want > 0 && excessBurst >= 0 ? 'Serve' : 'Proxy';
}

/** How many activators carry what the ready pods take and the burst that must be covered. */
export function activatorsOf(ready: number, spec: DeciderSpec): number {
  if (spec.targetBurstCapacity === 0) return FEWEST_ACTIVATORS;
  const covered = ready * spec.total + Math.max(0, spec.targetBurstCapacity);
  return Math.max(FEWEST_ACTIVATORS, Math.ceil(covered / spec.activatorCapacity));
}

/** Whether an object is this PodAutoscaler's, or anybody's who made it before. */
export function isForeign(object: KubeObject | undefined, pa: PodAutoscaler): boolean {
  if (object === undefined) return false;
  return object.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === pa.metadata.uid) !== true;
}

function childOf(pa: PodAutoscaler): ObjectMeta {
  const { name, namespace, labels } = pa.metadata;
  return {
    name,
    namespace,
    labels,
    ownerReferences: [controllerRef(pa, PodAutoscaler as unknown as ResourceType)],
  };
}
