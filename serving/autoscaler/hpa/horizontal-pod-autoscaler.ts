/**
 * The HorizontalPodAutoscaler of a PodAutoscaler of the HPA class. Pure.
 * Source: knative/serving pkg/reconciler/autoscaling/hpa/resources (behaviour).
 */
import { HorizontalPodAutoscaler, type HpaMetric } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { apiVersionOf } from '../../../api/resource.ts';
import { controllerRef } from '../../../kube/reconciler.ts';
import type { ScalingAnnotations } from '../annotations.ts';
import type { AutoscalerConfig } from '../config.ts';
import { boundsOf } from '../scale-plan.ts';
import { binaryQuantity, decimalQuantity } from './quantities.ts';

/** As many as a 32-bit integer holds: no bound. */
const UNBOUNDED = 2 ** 31 - 1;
const MEBIBYTE = 2 ** 20;

export function horizontalPodAutoscalerOf(
  pa: PodAutoscaler,
  annotations: ScalingAnnotations,
  config: AutoscalerConfig,
): HorizontalPodAutoscaler {
  const { name, namespace, labels, annotations: all } = pa.metadata;
  const { apiVersion, kind, name: target } = pa.spec.scaleTargetRef;
  const { min, max } = boundsOf(pa, annotations, config);
  const metric = annotations.target === undefined ? undefined : metricOf(annotations.metricName, annotations.target);
  const seconds = annotations.window === undefined ? undefined : Math.trunc(annotations.window / 1000);
  return {
    apiVersion: apiVersionOf(HorizontalPodAutoscaler),
    kind: HorizontalPodAutoscaler.kind,
    metadata: { name, namespace, labels, annotations: all, ownerReferences: [controllerRef(pa, PodAutoscaler)] },
    spec: {
      scaleTargetRef: { apiVersion, kind, name: target },
      maxReplicas: max === 0 ? UNBOUNDED : max,
      ...(min > 0 ? { minReplicas: min } : {}),
      ...(metric === undefined ? {} : { metrics: [metric] }),
      ...(seconds === undefined
        ? {}
        : {
            behavior: {
              scaleDown: { stabilizationWindowSeconds: seconds },
              scaleUp: { stabilizationWindowSeconds: seconds },
            },
          }),
    },
  };
}

/** @param target percent of the request for `cpu`, MiB for `memory`, units a pod for any other metric */
function metricOf(metric: string, target: number): HpaMetric {
  switch (metric) {
    case 'cpu':
      return {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: Math.ceil(target) } },
      };
    case 'memory': {
      const averageValue = binaryQuantity(Math.trunc(target) * MEBIBYTE);
      return { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue } } };
    }
    default: {
      const averageValue = decimalQuantity(Math.trunc(target));
      return { type: 'Pods', pods: { metric: { name: metric }, target: { type: 'AverageValue', averageValue } } };
    }
  }
}
