/**
 * The deciders of all revisions and their clockwork: a report of load for a revision that is wanted at zero leads to a
 * decision at once; the others are decided every two seconds while they have load or pods, and cost nothing otherwise.
 */
import type { Clock } from '../../kube/clock.ts';
import { deepEqual } from '../../kube/equal.ts';
import { Decider, DECISION_INTERVAL, type DeciderSpec } from './decider.ts';

export interface DecidersOptions {
  readonly clock: Clock;
  /** Ready pods of a revision now. */
  readyPods(key: string): number;
  /** Called in the same tick as the report or timer that led to it. @param urgent a report for a revision at zero */
  onDecision(key: string, decider: Decider, urgent: boolean): void;
  /** Called after every decision, changed or not. */
  onMeasure?(key: string, decider: Decider): void;
}

export class Deciders {
  readonly #options: DecidersOptions;
  readonly #all = new Map<string, Decider>();
  /** Those due at the next tick. */
  readonly #awake = new Set<string>();
  #cancelTick: (() => void) | undefined;
  #observing = false;
  #stopped = false;

  constructor(options: DecidersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Deciders that are looked at every two seconds. */
  get awake(): number {
    return this.#awake.size;
  }

  get(key: string): Decider | undefined {
    return this.#all.get(key);
  }

  /**
   * Creates the decider of a revision or gives it a changed spec.
   * @param had pods that it had when it was last looked at, by an autoscaler before this one; they may be on their way
   *   back up, and are kept as those that are ready
   */
  ensure(key: string, spec: DeciderSpec, had = 0): Decider {
    const known = this.#all.get(key);
    if (known !== undefined) {
      if (!deepEqual(known.spec, spec)) known.update(spec, this.#options.clock.now());
      return known;
    }
    const decider = new Decider(spec);
    this.#all.set(key, decider);
    const pods = this.#options.readyPods(key);
    decider.hold(this.#options.clock.now(), Math.max(pods, had));
    if (pods > 0) this.#wake(key);
    return decider;
  }

  remove(key: string): void {
    this.#all.delete(key);
    this.#awake.delete(key);
  }

  /** The pods of a revision changed: it is looked at from now on, until nothing runs and nothing is wanted. */
  touch(key: string): void {
    const decider = this.#all.get(key);
    if (decider === undefined) return;
    this.#wake(key);
    // The first opinion comes with the first ready pod, not a tick later: one write of status less.
    if (this.#observing && decider.desired < 0 && this.#options.readyPods(key) > 0) this.#decide(key, decider, false);
  }

  /**
   * Load of one revision. Unknown revisions are left out: their activator reports again.
   * @param reporter the activator whose report of a second it is; undefined for a wake
   */
  record(key: string, load: { readonly concurrency: number; readonly rps: number }, reporter?: string): void {
    const decider = this.#all.get(key);
    if (decider === undefined) return;
    decider.record(this.#options.clock.now(), load, reporter);
    this.#wake(key);
    if (decider.desired <= 0 && (load.concurrency > 0 || load.rps > 0)) this.#decide(key, decider, true);
  }

  /**
   * Whether any activator reports. While none does, silence means nothing and no decision is made; when one is back,
   * every revision keeps its pods until a stable window has been seen.
   */
  observe(reporting: boolean): void {
    if (reporting === this.#observing) return;
    this.#observing = reporting;
    if (!reporting) return;
    const now = this.#options.clock.now();
    for (const [key, decider] of this.#all) {
      const pods = this.#options.readyPods(key);
      decider.hold(now, pods);
      if (pods > 0) this.#wake(key);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick?.();
  }

  #wake(key: string): void {
    this.#awake.add(key);
    this.#arm();
  }

  #arm(): void {
    if (this.#cancelTick !== undefined || this.#stopped) return;
    this.#cancelTick = this.#options.clock.after(DECISION_INTERVAL, () => {
      this.#cancelTick = undefined;
      this.#tick();
      if (this.#awake.size > 0) this.#arm();
    });
  }

  #tick(): void {
    if (!this.#observing) return;
    const now = this.#options.clock.now();
    for (const key of this.#awake) {
      const decider = this.#all.get(key);
      if (decider !== undefined) this.#decide(key, decider, false);
      if (decider?.isDormant(now, this.#options.readyPods(key)) !== false) this.#awake.delete(key);
    }
  }

  #decide(key: string, decider: Decider, urgent: boolean): void {
    const changed = decider.decide(this.#options.clock.now(), this.#options.readyPods(key));
    this.#options.onMeasure?.(key, decider);
    if (changed) this.#options.onDecision(key, decider, urgent);
  }
}
