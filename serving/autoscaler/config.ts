/**
 * The ConfigMap config-autoscaler: parsed and validated as a whole.
 * Source: reference section 5; defaults are Knative's.
 */
import { parseDuration } from '../../kube/go-duration.ts';
import { ConfigError } from './errors.ts';

export interface AutoscalerConfig {
  /** Share of a pod's concurrency that is aimed at, 0 to 1. */
  readonly concurrencyUtilization: number;
  readonly concurrencyTarget: number;
  readonly rpsTarget: number;
  /** Requests; -1 = unlimited. */
  readonly targetBurstCapacity: number;
  /** ms. */
  readonly stableWindow: number;
  readonly panicWindowPercentage: number;
  readonly panicThresholdPercentage: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  readonly scaleToZero: boolean;
  /** ms. */
  readonly scaleToZeroGracePeriod: number;
  /** ms. */
  readonly podRetentionPeriod: number;
  readonly podAutoscalerClass: string;
  readonly activatorCapacity: number;
  readonly initialScale: number;
  readonly allowZeroInitialScale: boolean;
  readonly minScale: number;
  /** 0 = none. */
  readonly maxScale: number;
  readonly maxScaleLimit: number;
  /** ms. */
  readonly scaleDownDelay: number;
}

type Data = Readonly<Record<string, string>>;

const SECOND = 1000;
const SMALLEST_TARGET = 0.01;

/** @throws ConfigError naming the first key that does not make sense */
export function parseAutoscalerConfig(data: Data): AutoscalerConfig {
  const percentage = number(data, 'container-concurrency-target-percentage', 70);
  const config: AutoscalerConfig = {
    // Values up to 1 have always been read as fractions.
    concurrencyUtilization: percentage > 1 ? percentage / 100 : percentage,
    concurrencyTarget: number(data, 'container-concurrency-target-default', 100),
    rpsTarget: number(data, 'requests-per-second-target-default', 200),
    targetBurstCapacity: number(data, 'target-burst-capacity', 211),
    stableWindow: duration(data, 'stable-window', 60 * SECOND),
    panicWindowPercentage: number(data, 'panic-window-percentage', 10),
    panicThresholdPercentage: number(data, 'panic-threshold-percentage', 200),
    maxScaleUpRate: number(data, 'max-scale-up-rate', 1000),
    maxScaleDownRate: number(data, 'max-scale-down-rate', 2),
    scaleToZero: boolean(data, 'enable-scale-to-zero', true),
    scaleToZeroGracePeriod: duration(data, 'scale-to-zero-grace-period', 30 * SECOND),
    podRetentionPeriod: duration(data, 'scale-to-zero-pod-retention-period', 0),
    podAutoscalerClass: data['pod-autoscaler-class'] ?? 'kpa.autoscaling.knative.dev',
    activatorCapacity: number(data, 'activator-capacity', 100),
    initialScale: integer(data, 'initial-scale', 1),
    allowZeroInitialScale: boolean(data, 'allow-zero-initial-scale', false),
    minScale: integer(data, 'min-scale', 0),
    maxScale: integer(data, 'max-scale', 0),
    maxScaleLimit: integer(data, 'max-scale-limit', 0),
    scaleDownDelay: duration(data, 'scale-down-delay', 0),
  };
  for (const [holds, message] of rules(config)) if (!holds) throw new ConfigError(message);
  return config;
}

export const DEFAULT_CONFIG: AutoscalerConfig = parseAutoscalerConfig({});

function rules(c: AutoscalerConfig): [holds: boolean, message: string][] {
  const within = (value: number, low: number, high: number) => value >= low && value <= high;
  const wholeSeconds = (value: number) => value % SECOND === 0;
  return [
    [c.scaleToZeroGracePeriod > 0, 'scale-to-zero-grace-period must be above 0'],
    [c.scaleDownDelay >= 0, 'scale-down-delay must not be negative'],
    [wholeSeconds(c.scaleDownDelay), 'scale-down-delay must be in whole seconds'],
    [c.podRetentionPeriod >= 0, 'scale-to-zero-pod-retention-period must not be negative'],
    [c.targetBurstCapacity >= 0 || c.targetBurstCapacity === -1, 'target-burst-capacity must be -1 or at least 0'],
    [
      c.concurrencyUtilization > 0 && c.concurrencyUtilization <= 1,
      'container-concurrency-target-percentage must be above 0 and at most 100',
    ],
    [
      c.concurrencyUtilization * c.concurrencyTarget >= SMALLEST_TARGET,
      `container-concurrency-target-default times its percentage must be at least ${SMALLEST_TARGET}`,
    ],
    [c.rpsTarget >= SMALLEST_TARGET, `requests-per-second-target-default must be at least ${SMALLEST_TARGET}`],
    [c.activatorCapacity >= 1, 'activator-capacity must be at least 1'],
    [c.maxScaleUpRate > 1, 'max-scale-up-rate must be above 1'],
    [c.maxScaleDownRate > 1, 'max-scale-down-rate must be above 1'],
    [within(c.stableWindow, 6 * SECOND, 3600 * SECOND), 'stable-window must be 6s to 1h'],
    [wholeSeconds(c.stableWindow), 'stable-window must be in whole seconds'],
    [within(c.panicWindowPercentage, 1, 100), 'panic-window-percentage must be 1 to 100'],
    [
      c.initialScale >= 1 || (c.initialScale === 0 && c.allowZeroInitialScale),
      'initial-scale must be at least 1, or 0 with allow-zero-initial-scale',
    ],
    [c.minScale >= 0, 'min-scale must not be negative'],
    [c.maxScaleLimit >= 0, 'max-scale-limit must not be negative'],
    [c.maxScale >= 0, 'max-scale must not be negative'],
    [
      c.maxScaleLimit <= 0 || within(c.maxScale, 1, c.maxScaleLimit),
      `max-scale must be 1 to max-scale-limit (${c.maxScaleLimit})`,
    ],
    [c.maxScale === 0 || c.minScale <= c.maxScale, 'min-scale must not exceed max-scale'],
  ];
}

function number(data: Data, key: string, fallback: number): number {
  const text = data[key];
  if (text === undefined) return fallback;
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new ConfigError(`${key} is not a number: ${text}`);
  return value;
}

function integer(data: Data, key: string, fallback: number): number {
  const value = number(data, key, fallback);
  if (!Number.isInteger(value) || Math.abs(value) > 2 ** 31 - 1)
    throw new ConfigError(`${key} is not a 32-bit integer: ${data[key] ?? ''}`);
  return value;
}

function duration(data: Data, key: string, fallback: number): number {
  const text = data[key];
  if (text === undefined) return fallback;
  const value = parseDuration(text.trim());
  if (value === undefined) throw new ConfigError(`${key} is not a duration: ${text}`);
  return value;
}

function boolean(data: Data, key: string, fallback: boolean): boolean {
  const text = data[key];
  return text === undefined ? fallback : text.trim().toLowerCase() === 'true';
}
