/** autoscaling.internal.knative.dev/v1alpha1 PodAutoscaler and Metric: the contract between Revision controller and autoscaler. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

export interface PodAutoscaler extends KubeObject {
  spec: {
    containerConcurrency?: number;
    scaleTargetRef: { apiVersion: string; kind: string; name: string };
    reachability?: '' | 'Reachable' | 'Unreachable';
    protocolType: 'http1' | 'h2c';
  };
  status?: DuckStatus & {
    serviceName?: string;
    metricsServiceName?: string;
    /** -1 = unknown. */
    desiredScale?: number;
    actualScale?: number;
  };
}

export const PodAutoscaler = resourceType<PodAutoscaler>(
  'autoscaling.internal.knative.dev/v1alpha1',
  'PodAutoscaler',
  'podautoscalers',
);

export const POD_AUTOSCALER_CONDITIONS = ['Active', 'ScaleTargetInitialized', 'SKSReady'] as const;

export interface Metric extends KubeObject {
  /** Windows in nanoseconds. */
  spec: { stableWindow: number; panicWindow: number; scrapeTarget: string };
  status?: DuckStatus;
}

export const Metric = resourceType<Metric>('autoscaling.internal.knative.dev/v1alpha1', 'Metric', 'metrics');
