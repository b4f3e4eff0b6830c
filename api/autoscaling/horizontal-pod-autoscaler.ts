/** autoscaling/v2 HorizontalPodAutoscaler: what a PodAutoscaler of the HPA class is handed on to. */
import type { V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import type { Wire } from '../core.ts';
import type { KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

type Generated = Wire<V2HorizontalPodAutoscaler>;

export interface HorizontalPodAutoscaler extends KubeObject {
  spec: NonNullable<Generated['spec']>;
  status?: Partial<NonNullable<Generated['status']>>;
}

export const HorizontalPodAutoscaler = resourceType<HorizontalPodAutoscaler>(
  'autoscaling/v2',
  'HorizontalPodAutoscaler',
  'horizontalpodautoscalers',
);

export type HpaMetric = NonNullable<HorizontalPodAutoscaler['spec']['metrics']>[number];
