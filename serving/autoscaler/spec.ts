/** What a decider needs, from a PodAutoscaler and config-autoscaler. Source: reference sections 4.1, 4.2, 4.3. */
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { ScalingAnnotations } from './annotations.ts';
import type { AutoscalerConfig } from './config.ts';
import type { DeciderSpec } from './decider.ts';

const SMALLEST_TARGET = 0.01;
const RPS_UTILIZATION = 0.7;
const SECOND = 1000;

/** Load per pod: what is aimed at, and what a pod can take. */
export function targetOf(
  containerConcurrency: number,
  annotations: ScalingAnnotations,
  config: AutoscalerConfig,
): { readonly target: number; readonly total: number } {
  const byConcurrency = annotations.metric === 'concurrency';
  const own = byConcurrency && containerConcurrency > 0 ? containerConcurrency : undefined;
  let total = own ?? (byConcurrency ? config.concurrencyTarget : config.rpsTarget);
  // Nobody may aim higher than a pod will take.
  if (annotations.target !== undefined) total = Math.min(annotations.target, own ?? Infinity);
  const utilization =
    annotations.targetUtilization ?? (byConcurrency ? config.concurrencyUtilization : RPS_UTILIZATION);
  return { target: Math.max(SMALLEST_TARGET, total * utilization), total };
}

/** ms. */
export function windowsOf(
  annotations: ScalingAnnotations,
  config: AutoscalerConfig,
): { readonly stable: number; readonly panic: number } {
  const stable = annotations.window ?? config.stableWindow;
  const percentage = annotations.panicWindowPercentage ?? config.panicWindowPercentage;
  return { stable, panic: Math.max(SECOND, Math.round((stable * percentage) / 100 / SECOND) * SECOND) };
}

export function initialScaleOf(annotations: ScalingAnnotations, config: AutoscalerConfig): number {
  const own = annotations.initialScale;
  return own === undefined || (own === 0 && !config.allowZeroInitialScale) ? config.initialScale : own;
}

export function targetBurstCapacityOf(annotations: ScalingAnnotations, config: AutoscalerConfig): number {
  return annotations.targetBurstCapacity ?? config.targetBurstCapacity;
}

export function deciderSpecOf(
  pa: PodAutoscaler,
  annotations: ScalingAnnotations,
  config: AutoscalerConfig,
): DeciderSpec {
  const windows = windowsOf(annotations, config);
  return {
    ...targetOf(pa.spec.containerConcurrency ?? 0, annotations, config),
    metric: annotations.metric,
    aggregation: annotations.aggregation,
    targetBurstCapacity: targetBurstCapacityOf(annotations, config),
    maxScaleUpRate: config.maxScaleUpRate,
    maxScaleDownRate: config.maxScaleDownRate,
    panicThreshold: (annotations.panicThresholdPercentage ?? config.panicThresholdPercentage) / 100,
    stableWindow: windows.stable,
    panicWindow: windows.panic,
    reachable: pa.spec.reachability !== 'Unreachable',
    activationScale: annotations.activationScale ?? 0,
    scaleDownDelay: annotations.scaleDownDelay ?? config.scaleDownDelay,
    initialScale: initialScaleOf(annotations, config),
    activatorCapacity: config.activatorCapacity,
  };
}
