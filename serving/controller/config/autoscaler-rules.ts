/** What a config-autoscaler must satisfy before it is stored; the autoscaler reads it itself. Reference section 5. */
import { formatDuration } from '../../../kube/go-duration.ts';
import { formatFloat64 } from '../../../kube/go-number.ts';
import { bool, ConfigError, duration, float, integer32, type ConfigData } from './parse.ts';

const LEAST_TARGET = 0.01;
const HOUR = 3_600_000;

/** Every value, as it is given or by default; durations in milliseconds. @throws ConfigError */
function parse(data: ConfigData) {
  return {
    scaleToZero: bool(data, true, 'enable-scale-to-zero'),
    allowZero: bool(data, false, 'allow-zero-initial-scale'),
    up: float(data, 1000, 'max-scale-up-rate'),
    down: float(data, 2, 'max-scale-down-rate'),
    percentage: float(data, 70, 'container-concurrency-target-percentage'),
    target: float(data, 100, 'container-concurrency-target-default'),
    rps: float(data, 200, 'requests-per-second-target-default'),
    burst: float(data, 211, 'target-burst-capacity'),
    panicWindow: float(data, 10, 'panic-window-percentage'),
    capacity: float(data, 100, 'activator-capacity'),
    panicThreshold: float(data, 200, 'panic-threshold-percentage'),
    initial: integer32(data, 1, 'initial-scale'),
    min: integer32(data, 0, 'min-scale'),
    max: integer32(data, 0, 'max-scale'),
    limit: integer32(data, 0, 'max-scale-limit'),
    window: duration(data, 60_000, 'stable-window'),
    delay: duration(data, 0, 'scale-down-delay'),
    grace: duration(data, 30_000, 'scale-to-zero-grace-period'),
    retention: duration(data, 0, 'scale-to-zero-pod-retention-period'),
  };
}

/** @throws ConfigError */
export function checkAutoscaler(data: ConfigData): void {
  const given = parsed(data);
  const { grace, delay, retention, burst, rps, capacity, up, down, window, panicWindow } = given;
  demand(grace > 0, `scale-to-zero-grace-period must be positive, was: ${formatDuration(grace)}`);
  demand(delay >= 0, `scale-down-delay cannot be negative, was: ${formatDuration(delay)}`);
  wholeSeconds('scale-down-delay', delay);
  demand(retention >= 0, `scale-to-zero-pod-retention-period cannot be negative, was: ${formatDuration(retention)}`);
  demand(
    burst >= 0 || burst === -1,
    `target-burst-capacity must be either non-negative or -1 (for unlimited), was: ${burst.toFixed(6)}`,
  );
  // Written as a percentage, or as a fraction.
  const fraction = given.percentage > 1 ? given.percentage / 100 : given.percentage;
  demand(
    fraction > 0 && fraction <= 1,
    `container-concurrency-target-percentage = ${fraction.toFixed(6)} is outside of valid range of (0, 100]`,
  );
  const target = fraction * given.target;
  demand(
    target >= LEAST_TARGET,
    `container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of ${formatFloat64(target)}, can't be less than ${LEAST_TARGET}`,
  );
  demand(
    rps >= LEAST_TARGET,
    `requests-per-second-target-default must be at least ${LEAST_TARGET}, was: ${formatFloat64(rps)}`,
  );
  demand(capacity >= 1, `activator-capacity = ${formatFloat64(capacity)}, must be at least 1`);
  demand(up > 1, `max-scale-up-rate = ${formatFloat64(up)}, must be greater than 1.0`);
  demand(down > 1, `max-scale-down-rate = ${formatFloat64(down)}, must be greater than 1.0`);
  demand(window >= 6_000 && window <= HOUR, `stable-window = ${formatDuration(window)}, must be in [6s; 1h0m0s] range`);
  wholeSeconds('stable-window', window);
  demand(
    panicWindow >= 1 && panicWindow <= 100,
    `panic-window-percentage = ${formatFloat64(panicWindow)}, must be in [1, 100] interval`,
  );
  checkScales(given);
}

function checkScales({ initial, allowZero, min, max, limit }: ReturnType<typeof parse>): void {
  demand(
    initial > 0 || (initial === 0 && allowZero),
    `initial-scale = ${initial}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)`,
  );
  demand(min >= 0, `min-scale = ${min}, must be at least 0`);
  // A limit makes sense only where a Revision that says nothing has a maximum too.
  const least = limit > 0 ? 1 : 0;
  demand(
    max >= least && (limit <= 0 || max <= limit),
    `max-scale = ${max}, must be in [${least}, max-scale-limit(${limit})] range`,
  );
  demand(limit >= 0, `max-scale-limit = ${limit}, must be at least 0`);
  demand(min <= max || max === 0, `min-scale (${min}) must be less than max-scale (${max})`);
}

function parsed(data: ConfigData): ReturnType<typeof parse> {
  try {
    return parse(data);
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`failed to parse data: ${error.message}`);
    throw error;
  }
}

function wholeSeconds(key: string, ms: number): void {
  demand(ms % 1000 === 0, `${key} = ${formatDuration(ms)}, must be specified with at most second precision`);
}

function demand(holds: boolean, message: string): void {
  if (!holds) throw new ConfigError(message);
}
