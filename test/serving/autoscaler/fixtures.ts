/** Objects and settings that tests start from. */
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { readAnnotations } from '../../../serving/autoscaler/annotations.ts';
import { DEFAULT_CONFIG } from '../../../serving/autoscaler/config.ts';
import type { DeciderSpec } from '../../../serving/autoscaler/decider.ts';
import { deciderSpecOf } from '../../../serving/autoscaler/spec.ts';

export function podAutoscaler(changes: {
  annotations?: Record<string, string>;
  spec?: Partial<PodAutoscaler['spec']>;
  status?: PodAutoscaler['status'];
}): PodAutoscaler {
  return {
    apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
    kind: 'PodAutoscaler',
    metadata: {
      name: 'hello-00001',
      namespace: 'default',
      uid: 'pa-uid',
      generation: 1,
      labels: { 'serving.knative.dev/revision': 'hello-00001', 'serving.knative.dev/service': 'hello' },
      annotations: changes.annotations,
    },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello-00001-deployment' },
      protocolType: 'http1',
      ...changes.spec,
    },
    status: changes.status,
  };
}

export function deciderSpec(changes: Partial<DeciderSpec> = {}): DeciderSpec {
  return { ...deciderSpecOf(podAutoscaler({}), readAnnotations({}), DEFAULT_CONFIG), ...changes };
}
