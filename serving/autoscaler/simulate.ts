/**
 * Replays a load trace through the decision: what would the autoscaler have done, second by second? Pods follow the
 * decision after a start-up time; load does not wait for them (an open system).
 */
import { Decider, DECISION_INTERVAL, type DeciderSpec } from './decider.ts';
import type { Trace } from './traces.ts';

export interface SimulationOptions {
  /** How long a pod takes to become ready, seconds. */
  readonly startup: number;
  /** Bounds of the scale; max 0 = none. */
  readonly min?: number;
  readonly max?: number;
  readonly readyAtStart?: number;
}

export interface Sample {
  /** Seconds since the start. */
  readonly second: number;
  readonly load: number;
  readonly stable: number;
  readonly panic: number;
  readonly desired: number;
  readonly ready: number;
  readonly panicking: boolean;
}

const START = 1_700_000_000_000;

export function simulate(trace: Trace, spec: DeciderSpec, options: SimulationOptions): Sample[] {
  const decider = new Decider(spec);
  const { startup, min = 0, max = 0 } = options;
  /** When each pod is ready, seconds. */
  let pods: number[] = Array.from({ length: options.readyAtStart ?? 0 }, () => 0);
  decider.hold(START, pods.length > 1 ? pods.length : 0);
  return trace.map((load, second) => {
    const now = START + second * 1000;
    const ready = () => pods.filter((at) => at <= second).length;
    decider.record(now, { concurrency: load, rps: load });
    const wakes = load > 0 && decider.desired <= 0;
    if (wakes || (second * 1000) % DECISION_INTERVAL === 0) decider.decide(now, ready());
    const wanted = Math.max(min, max === 0 ? decider.desired : Math.min(max, decider.desired));
    if (wanted >= 0) {
      pods = pods.sort((a, b) => a - b).slice(0, wanted);
      while (pods.length < wanted) pods.push(second + startup);
    }
    return { second, load, ...decider.averages, desired: wanted, ready: ready(), panicking: decider.panicking };
  });
}
