/** What a config-autoscaler must satisfy before it is stored; the autoscaler reads it itself. Reference section 5. */
import { parseAutoscalerLimits } from './autoscaler.ts';
import { formatDuration } from '../../../kube/go-duration.ts';
import { ConfigError, duration, float, type ConfigData } from './parse.ts';

const LEAST_TARGET = 0.01;
const HOUR = 3_600_000;

/** @throws ConfigError */
export function checkAutoscaler(data: ConfigData): void {
  const percentage = float(data, 70, 'container-concurrency-target-percentage');
  // Written as a percentage, or as a fraction.
  const fraction = percentage > 1 ? percentage / 100 : percentage;
  demand(
    fraction > 0 && fraction <= 1,
    `container-concurrency-target-percentage = ${fraction} is outside of valid range of (0, 100]`,
  );
  const target = fraction * float(data, 100, 'container-concurrency-target-default');
  demand(
    target >= LEAST_TARGET,
    `container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of ${target}, can't be less than ${LEAST_TARGET}`,
  );
  const rps = float(data, 200, 'requests-per-second-target-default');
  demand(rps >= LEAST_TARGET, `requests-per-second-target-default must be at least ${LEAST_TARGET}, was: ${rps}`);
  const burst = float(data, 211, 'target-burst-capacity');
  demand(
    burst >= 0 || burst === -1,
    `target-burst-capacity must be either non-negative or -1 (for unlimited), was: ${burst}`,
  );
  atLeast(data, 'activator-capacity', 100, 1);
  for (const key of ['max-scale-up-rate', 'max-scale-down-rate']) {
    const rate = float(data, key === 'max-scale-up-rate' ? 1000 : 2, key);
    demand(rate > 1, `${key} = ${rate}, must be greater than 1.0`);
  }
  const grace = duration(data, 30_000, 'scale-to-zero-grace-period');
  demand(grace > 0, `scale-to-zero-grace-period must be positive, was: ${formatDuration(grace)}`);
  for (const key of ['scale-down-delay', 'scale-to-zero-pod-retention-period']) {
    const ms = duration(data, 0, key);
    demand(ms >= 0, `${key} cannot be negative, was: ${formatDuration(ms)}`);
  }
  wholeSeconds('scale-down-delay', duration(data, 0, 'scale-down-delay'));
  const window = duration(data, 60_000, 'stable-window');
  demand(window >= 6_000 && window <= HOUR, `stable-window = ${formatDuration(window)}, must be in [6s; 1h0m0s] range`);
  wholeSeconds('stable-window', window);
  const panic = float(data, 10, 'panic-window-percentage');
  demand(panic >= 1 && panic <= 100, `panic-window-percentage = ${panic}, must be in [1, 100] interval`);
  parseAutoscalerLimits(data);
}

function atLeast(data: ConfigData, key: string, fallback: number, least: number): void {
  const value = float(data, fallback, key);
  demand(value >= least, `${key} = ${value}, must be at least ${least}`);
}

function wholeSeconds(key: string, ms: number): void {
  demand(ms % 1000 === 0, `${key} = ${formatDuration(ms)}, must be specified with at most second precision`);
}

function demand(holds: boolean, message: string): void {
  if (!holds) throw new ConfigError(message);
}
