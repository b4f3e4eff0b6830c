/**
 * When a container is probed and what the results mean; pure. Until its first success a container is asked at short,
 * growing intervals instead of on the grid of `periodSeconds`, so that the time from listening to ready is a
 * millisecond or two; failures are counted by that grid all the same. Source: Kubernetes "Probes"; Knative's
 * `periodSeconds: 0`.
 */
import type { Container } from '../../../api/core.ts';

export type Probe = NonNullable<Container['readinessProbe']>;
export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProbeState {
  readonly successes: number;
  readonly failures: number;
  /** The outcome in force: undefined until a threshold is met for the first time. */
  readonly passing: boolean | undefined;
}

export const UNPROBED: ProbeState = { successes: 0, failures: 0, passing: undefined };

export function recordResult(probe: Probe, state: ProbeState, success: boolean): ProbeState {
  if (success) {
    const successes = state.successes + 1;
    // The first success counts at once: a threshold is against flapping, and nothing has flapped.
    const passing = successes >= (probe.successThreshold ?? 1) || state.passing === undefined ? true : state.passing;
    return { successes, failures: 0, passing };
  }
  const failures = state.failures + 1;
  return { successes: 0, failures, passing: failures >= (probe.failureThreshold ?? 3) ? false : state.passing };
}

/** Milliseconds between looks before the first success; the last goes on for a while. */
const EAGER = [1, 2, 3, 5, 8, 13, 21, 34, 50];
/** A command costs a process each time. */
const EAGER_EXEC = [1, 20, 40, 80, 160, 320, 500];
const EAGER_FOR = 30_000;
const PATIENT = 250;

const DEFAULT_PERIOD = 10;

/** 0 is Knative's for "eagerly at first"; after that it means the default. */
const periodOf = (probe: Probe): number => (probe.periodSeconds || DEFAULT_PERIOD) * 1000;

/**
 * Milliseconds until the next look.
 * @param attempt looks since the container has started or last turned unready
 * @param elapsed milliseconds since then
 */
export function nextDelay(probe: Probe, eager: boolean, attempt: number, elapsed: number): number {
  const period = periodOf(probe);
  if (!eager) return period;
  const steps = probe.exec === undefined ? EAGER : EAGER_EXEC;
  const step = steps[Math.min(attempt, steps.length - 1)] ?? PATIENT;
  const delay = elapsed < EAGER_FOR ? step : Math.max(step, PATIENT);
  return Math.min(delay, period);
}

/** Milliseconds after its start at which a container that has never passed is given up. */
export function startupDeadline(probe: Probe): number {
  return (probe.initialDelaySeconds ?? 0) * 1000 + periodOf(probe) * (probe.failureThreshold ?? 3);
}
