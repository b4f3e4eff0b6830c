/** Runs the probes of one running container and tells what they say. */
import type { Clock } from '../../../kube/clock.ts';
import type { ProbeResult } from './result.ts';
import { nextDelay, recordResult, startupDeadline, UNPROBED, type Probe, type ProbeKind } from './schedule.ts';

export interface ProbeEvents {
  /** The startup probe has passed, or there is none. */
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  /** The container is to be killed. */
  readonly onUnhealthy: (kind: ProbeKind, message: string, probe: Probe) => void;
  /** A look that failed, for events; not called while the container has never passed. */
  readonly onFailure: (kind: ProbeKind, message: string) => void;
  /** A look that failed before the first success: the container may listen elsewhere than expected. */
  readonly onSilence: (elapsed: number) => void;
}

export interface Probes {
  readonly startup?: Probe;
  readonly readiness?: Probe;
  readonly liveness?: Probe;
}

export class Prober {
  readonly #probes: Probes;
  readonly #attempt: (probe: Probe) => Promise<ProbeResult>;
  readonly #events: ProbeEvents;
  readonly #clock: Clock;
  readonly #cancels = new Set<() => void>();
  #stopped = false;

  constructor(probes: Probes, attempt: (probe: Probe) => Promise<ProbeResult>, events: ProbeEvents, clock: Clock) {
    this.#probes = probes;
    this.#attempt = attempt;
    this.#events = events;
    this.#clock = clock;
  }

  start(): void {
    if (this.#probes.startup === undefined) return this.#started();
    const probe = this.#probes.startup;
    const begun = this.#clock.now();
    this.#loop(probe, true, (result, elapsed) => {
      if (this.#clock.now() - begun > startupDeadline(probe) && !result.success) {
        this.#events.onUnhealthy('startup', result.message, probe);
        return 'stop';
      }
      if (!result.success) {
        this.#events.onSilence(elapsed);
        return 'eager';
      }
      this.#started();
      return 'stop';
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #started(): void {
    this.#events.onStarted();
    const { readiness, liveness } = this.#probes;
    if (readiness === undefined) this.#events.onReady(true);
    else this.#watchReadiness(readiness);
    if (liveness !== undefined) this.#watchLiveness(liveness);
  }

  #watchReadiness(probe: Probe): void {
    let state = UNPROBED;
    let everPassed = false;
    this.#loop(probe, true, (result, elapsed) => {
      const before = state.passing === true;
      state = recordResult(probe, state, result.success);
      const passes = state.passing === true;
      everPassed ||= passes;
      if (!everPassed) this.#events.onSilence(elapsed);
      else if (!result.success) this.#events.onFailure('readiness', result.message);
      if (passes !== before) this.#events.onReady(passes);
      return passes ? 'calm' : 'eager';
    });
  }

  #watchLiveness(probe: Probe): void {
    let state = UNPROBED;
    this.#loop(probe, false, (result) => {
      state = recordResult(probe, state, result.success);
      if (result.success) return 'calm';
      this.#events.onFailure('liveness', result.message);
      if (state.passing !== false) return 'calm';
      this.#events.onUnhealthy('liveness', result.message, probe);
      return 'stop';
    });
  }

  /** Looks again and again; `take` says how to go on. */
  #loop(probe: Probe, eager: boolean, take: (result: ProbeResult, elapsed: number) => 'eager' | 'calm' | 'stop'): void {
    let mode: 'eager' | 'calm' = eager ? 'eager' : 'calm';
    let attempt = 0;
    let since = this.#clock.now();
    const later = (delay: number): void => {
      const cancel = this.#clock.after(delay, () => {
        this.#cancels.delete(cancel);
        void this.#attempt(probe).then(look);
      });
      this.#cancels.add(cancel);
    };
    const look = (result: ProbeResult): void => {
      if (this.#stopped) return;
      const next = take(result, this.#clock.now() - since);
      if (next === 'stop' || this.#stopped) return;
      if (next === 'eager' && mode === 'calm') {
        attempt = 0;
        since = this.#clock.now();
      }
      mode = next;
      later(nextDelay(probe, mode === 'eager', attempt++, this.#clock.now() - since));
    };
    const initial = (probe.initialDelaySeconds ?? 0) * 1000;
    later(initial + nextDelay(probe, mode === 'eager', attempt++, 0));
  }
}
