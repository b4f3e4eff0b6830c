/** Autoscaling annotations of a template. Paths start at the annotation's key. Source: reference section 4.1. */
import { invalidValue, outOfBounds, type FieldError } from '../../../api/field-error.ts';
import type { AutoscalerLimits } from '../config/autoscaler.ts';
import { formatDuration, parseDuration } from '../../../kube/go-duration.ts';
import { parseFloat64, parseInteger } from '../../../kube/go-number.ts';
import { AUTOSCALING_GROUP, INITIAL_SCALE } from '../keys.ts';
import { fieldError } from './fields.ts';

export const KPA = 'kpa.autoscaling.knative.dev';
export const HPA = 'hpa.autoscaling.knative.dev';

const MAX_INT32 = 2 ** 31 - 1;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const key = (...names: string[]) => names.map((name) => `${AUTOSCALING_GROUP}/${name}`);
const CLASS = key('class');
const METRIC = key('metric');
const ALGORITHM = key('metric-aggregation-algorithm', 'metricAggregationAlgorithm');
const MIN_SCALE = key('min-scale', 'minScale');
const MAX_SCALE = key('max-scale', 'maxScale');
const ACTIVATION_SCALE = key('activation-scale');
const WINDOW = key('window');
const SCALE_DOWN_DELAY = key('scale-down-delay', 'scaleDownDelay');
const RETENTION = key('scale-to-zero-pod-retention-period', 'scaleToZeroPodRetentionPeriod');
const PANIC_WINDOW = key('panic-window-percentage', 'panicWindowPercentage');
const PANIC_THRESHOLD = key('panic-threshold-percentage', 'panicThresholdPercentage');
const TARGET = key('target');
const UTILIZATION = key('target-utilization-percentage', 'targetUtilizationPercentage');
const BURST = key('target-burst-capacity', 'targetBurstCapacity');

/** Every annotation of autoscaling, its newer spelling first. */
export const AUTOSCALING_ANNOTATIONS: readonly (readonly string[])[] = [
  CLASS,
  METRIC,
  TARGET,
  UTILIZATION,
  BURST,
  MIN_SCALE,
  MAX_SCALE,
  INITIAL_SCALE,
  ACTIVATION_SCALE,
  SCALE_DOWN_DELAY,
  RETENTION,
  WINDOW,
  PANIC_WINDOW,
  PANIC_THRESHOLD,
  ALGORITHM,
];

type Annotations = Readonly<Record<string, string>>;
type Found = { readonly at: string; readonly value: string };

export function validateAutoscaling(annotations: Annotations = {}, limits: AutoscalerLimits): FieldError[] {
  return [
    ...validateClass(annotations),
    ...validateScales(annotations, limits),
    ...percentage(annotations, PANIC_WINDOW, 1, 100),
    ...percentage(annotations, PANIC_THRESHOLD, 110, 1000),
    ...percentage(annotations, UTILIZATION, 1, 100),
    ...validateTarget(annotations),
    ...validateBurst(annotations),
    ...validateWindow(annotations),
    ...validateDelays(annotations),
    ...validateMetric(annotations, limits),
    ...validateAlgorithm(annotations),
    ...validateInitialScale(annotations, limits),
  ];
}

function validateClass(annotations: Annotations): FieldError[] {
  const found = find(annotations, CLASS);
  if (found === undefined || !found.value.endsWith('.knative.dev') || found.value === KPA || found.value === HPA)
    return [];
  return [invalidValue(found.value, found.at)];
}

function validateScales(annotations: Annotations, limits: AutoscalerLimits): FieldError[] {
  const errors: FieldError[] = [];
  const min = scale(annotations, MIN_SCALE, errors);
  const max = scale(annotations, MAX_SCALE, errors);
  if (max !== 0 && max < min)
    errors.push(fieldError(`max-scale=${max} is less than min-scale=${min}`, [MAX_SCALE[0] ?? '', MIN_SCALE[0] ?? '']));
  const given = find(annotations, MAX_SCALE);
  const limit = limits.maxScaleLimit;
  if (given !== undefined && limit > 0) {
    if (max > limit) errors.push(outOfBounds(max, 1, limit, given.at));
    if (max === 0) errors.push(fieldError(`max-scale=0 (unlimited), must be less than ${limit}`, [given.at]));
  }
  const activation = find(annotations, ACTIVATION_SCALE);
  if (activation === undefined) return errors;
  const { at, value } = activation;
  const count = parseInteger(value);
  if (count === undefined || count < -MAX_INT32 - 1 || count > MAX_INT32) errors.push(invalidValue(value, at));
  else if (min > count) errors.push(fieldError(`min-scale=${min} is greater than activation-scale=${count}`, [at]));
  else if (max !== 0 && max < count)
    errors.push(fieldError(`max-scale=${max} is less than activation-scale=${count}`, [at]));
  else if (count < 2) errors.push(fieldError(`activation-scale=${count} must be greater than 1`, [at]));
  return errors;
}

/** @returns 0 for an absent or bad value, the latter reported */
function scale(annotations: Annotations, keys: readonly string[], errors: FieldError[]): number {
  const found = find(annotations, keys);
  if (found === undefined) return 0;
  const count = parseInteger(found.value);
  if (count === undefined) errors.push(invalidValue(found.value, found.at));
  else if (count < 0 || count > MAX_INT32) errors.push(outOfBounds(found.value, 0, MAX_INT32, found.at));
  else return count;
  return 0;
}

function percentage(annotations: Annotations, keys: readonly string[], low: number, high: number): FieldError[] {
  const found = find(annotations, keys);
  if (found === undefined) return [];
  const number = parseFloat64(found.value);
  if (number === undefined) return [invalidValue(found.value, found.at)];
  return number < low || number > high ? [outOfBounds(found.value, low, high, found.at)] : [];
}

function validateTarget(annotations: Annotations): FieldError[] {
  const found = find(annotations, TARGET);
  if (found === undefined) return [];
  const number = parseFloat64(found.value);
  if (number === undefined) return [invalidValue(found.value, found.at)];
  return number < 0.01 ? [fieldError(`target ${found.value} should be at least 0.01`, [found.at])] : [];
}

function validateBurst(annotations: Annotations): FieldError[] {
  const found = find(annotations, BURST);
  if (found === undefined) return [];
  const number = parseFloat64(found.value);
  return number === undefined || (number < 0 && number !== -1) ? [invalidValue(found.value, found.at)] : [];
}

function validateWindow(annotations: Annotations): FieldError[] {
  const found = find(annotations, WINDOW);
  return found === undefined ? [] : duration(found, 6_000, HOUR, true);
}

function validateDelays(annotations: Annotations): FieldError[] {
  const delay = find(annotations, SCALE_DOWN_DELAY);
  const retention = find(annotations, RETENTION);
  return [
    ...(delay === undefined ? [] : duration(delay, 0, HOUR, true)),
    ...(retention === undefined ? [] : duration(retention, 0, HOUR, false)),
  ];
}

function duration({ at, value }: Found, low: number, high: number, whole: boolean): FieldError[] {
  const ms = parseDuration(value);
  if (ms === undefined) return [invalidValue(value, at)];
  if (ms < low || ms > high) return [outOfBounds(value, formatDuration(low), formatDuration(high), at)];
  return whole && ms % 1000 !== 0 ? [fieldError('must be specified with at most second precision', [at])] : [];
}

function validateMetric(annotations: Annotations, limits: AutoscalerLimits): FieldError[] {
  const found = find(annotations, METRIC);
  if (found === undefined) return [];
  const scaler = find(annotations, CLASS)?.value ?? limits.podAutoscalerClass;
  const valid =
    scaler === KPA ? ['concurrency', 'rps'].includes(found.value) : scaler === HPA ? found.value !== '' : true;
  return valid ? [] : [invalidValue(found.value, found.at)];
}

/** Other autoscalers may have algorithms of their own. */
function validateAlgorithm(annotations: Annotations): FieldError[] {
  const found = find(annotations, ALGORITHM);
  if (find(annotations, CLASS)?.value !== KPA || found === undefined || found.value === '') return [];
  return ['linear', 'weighted-exponential', 'weightedExponential'].includes(found.value)
    ? []
    : [invalidValue(found.value, found.at)];
}

function validateInitialScale(annotations: Annotations, limits: AutoscalerLimits): FieldError[] {
  const found = find(annotations, INITIAL_SCALE);
  if (found === undefined) return [];
  const count = parseInteger(found.value);
  if (count === undefined) return [invalidValue(found.value, found.at)];
  if (count < 0) return [invalidValue(found.value, `${found.at} must be greater than 0`)];
  if (count === 0 && !limits.allowZeroInitialScale)
    return [invalidValue(found.value, `${found.at}=0 not allowed by cluster`)];
  return [];
}

function find(annotations: Annotations, keys: readonly string[]): Found | undefined {
  for (const at of keys) {
    const value = annotations[at];
    if (value !== undefined) return { at, value };
  }
  return undefined;
}
