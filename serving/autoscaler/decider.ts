/** One revision's load and what follows from it: windows, panic, delay, and the last decision. */
import type { Aggregation, LoadWindow } from './window.ts';
import { createWindow, MaxWindow } from './window.ts';
import { CALM, decideScale, type PanicState, type ScaleSpec } from './decide.ts';

export interface DeciderSpec extends ScaleSpec {
  readonly metric: 'concurrency' | 'rps';
  readonly aggregation: Aggregation;
  /** ms. */
  readonly panicWindow: number;
  /** ms; 0 = none. */
  readonly scaleDownDelay: number;
  readonly initialScale: number;
  readonly activatorCapacity: number;
}

/** ms between two decisions about a revision with load or pods. */
export const DECISION_INTERVAL = 2000;
/** A second without a report counts as zero once the reports for it must have arrived, ms. */
const SILENCE = 2000;
/** As many as are let in (reports.ts). */
const MOST_REPORTERS = 256;

export class Decider {
  #spec: DeciderSpec;
  #stable: LoadWindow | undefined;
  #panicLoad: LoadWindow | undefined;
  #panic: PanicState = CALM;
  #delay: MaxWindow | undefined;
  #desired = -1;
  #excessBurst: number;
  /** By activator, the oldest first. */
  readonly #lastReports = new Map<string, { second: number; mean: number; count: number }>();
  #stableAverage = 0;
  #panicAverage = 0;

  constructor(spec: DeciderSpec) {
    this.#spec = spec;
    this.#delay = delayOf(spec);
    const { targetBurstCapacity: tbc, initialScale, total } = spec;
    this.#excessBurst = tbc <= 0 ? tbc : Math.trunc(initialScale * total - tbc);
  }

  get spec(): DeciderSpec {
    return this.#spec;
  }

  /** Pods; -1 until there is a decision. */
  get desired(): number {
    return this.#desired;
  }

  get excessBurst(): number {
    return this.#excessBurst;
  }

  get panicking(): boolean {
    return this.#panic.since !== undefined;
  }

  get averages(): { readonly stable: number; readonly panic: number } {
    return { stable: this.#stableAverage, panic: this.#panicAverage };
  }

  /** Takes a changed spec; what was measured is kept where it is still of use. */
  update(spec: DeciderSpec, now: number): void {
    const before = this.#spec;
    this.#spec = spec;
    if (spec.scaleDownDelay !== before.scaleDownDelay) this.#delay = delayOf(spec);
    if (spec.metric !== before.metric || spec.aggregation !== before.aggregation) {
      this.#stable = this.#panicLoad = undefined;
      this.#lastReports.clear();
      return;
    }
    if (spec.stableWindow !== before.stableWindow) this.#stable = this.#stable?.resized(spec.stableWindow, now);
    if (spec.panicWindow !== before.panicWindow) this.#panicLoad = this.#panicLoad?.resized(spec.panicWindow, now);
  }

  /**
   * Takes a report. Several of one second, from different activators, add up.
   * @param reporter whose report of a whole second it is; without it the load comes on top of what was reported
   */
  record(now: number, load: { readonly concurrency: number; readonly rps: number }, reporter?: string): void {
    const value = this.#newIn(now, load[this.#spec.metric], reporter);
    const { stable, panic } = this.#windows();
    stable.record(now, value);
    panic.record(now, value);
  }

  /**
   * Keeps at least this many pods for a stable window: what was measured before now is not known.
   * An autoscaler that has just started must not take pods away before it has seen their load. What is held already
   * is held for longer.
   */
  hold(now: number, pods: number): void {
    const maxPods = Math.max(this.#panic.maxPods, pods);
    if (maxPods > 0) this.#panic = { since: now, maxPods };
  }

  /** @returns whether something changed that the PodAutoscaler must know of */
  decide(now: number, readyPods: number): boolean {
    const spec = this.#spec;
    const windows = this.#windows();
    // Activators report what is busy; that a revision is not among it means zero.
    windows.stable.silence(now - SILENCE);
    windows.panic.silence(now - SILENCE);
    const stable = windows.stable.average(now);
    const panic = windows.panic.average(now);
    const [decision, after] = decideScale(spec, { stable, panic, readyPods }, this.#panic, now);
    this.#panic = after;
    this.#stableAverage = stable;
    this.#panicAverage = panic;
    const delay = spec.reachable ? this.#delay : undefined;
    const desired = delay?.record(now, decision.desired) ?? decision.desired;
    const changed = desired !== this.#desired || decision.excessBurst < 0 !== this.#excessBurst < 0;
    this.#desired = desired;
    this.#excessBurst = decision.excessBurst;
    return changed;
  }

  /** Nothing runs, nothing is wanted, and nothing measured can change that: no decision is due until the next report. */
  isDormant(now: number, readyPods: number): boolean {
    return readyPods === 0 && this.#desired <= 0 && !this.panicking && (this.#stable?.average(now) ?? 0) === 0;
  }

  /**
   * Two reports of one activator that arrive within a second are the same load seen twice, by timers that are not
   * exact: their mean counts. Twice the load for a second would be panic where the panic window is as short.
   */
  #newIn(now: number, value: number, reporter: string | undefined): number {
    if (reporter === undefined) return value;
    const second = Math.floor(now / 1000);
    const before = this.#lastReports.get(reporter);
    this.#lastReports.delete(reporter);
    const count = before?.second === second ? before.count + 1 : 1;
    const known = before?.second === second ? before.mean : 0;
    const mean = known + (value - known) / count;
    this.#lastReports.set(reporter, { second, mean, count });
    const oldest = this.#lastReports.size > MOST_REPORTERS ? this.#lastReports.keys().next().value : undefined;
    if (oldest !== undefined) this.#lastReports.delete(oldest);
    return mean - known;
  }

  /** Made when first needed: most revisions are idle. */
  #windows(): { stable: LoadWindow; panic: LoadWindow } {
    this.#stable ??= createWindow(this.#spec.aggregation, this.#spec.stableWindow);
    this.#panicLoad ??= createWindow(this.#spec.aggregation, this.#spec.panicWindow);
    return { stable: this.#stable, panic: this.#panicLoad };
  }
}

function delayOf(spec: DeciderSpec): MaxWindow | undefined {
  return spec.scaleDownDelay > 0 ? new MaxWindow(spec.scaleDownDelay, DECISION_INTERVAL) : undefined;
}
