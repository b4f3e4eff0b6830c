/** What came of all requests, and of all changes made meanwhile. */
import { percentile } from '../figure.ts';
import { messageOf } from '../../kube/message.ts';

export interface Failure {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly what: string;
  readonly why: string;
}

const KEPT = 50;

export class Tally {
  readonly #began = performance.now();
  readonly #times = new Map<string, number[]>();
  readonly #failures: Failure[] = [];
  readonly #failed = new Map<string, number>();
  #explained = 0;
  /** Faults are injected: what fails until then is explained by them. */
  #excusedUntil = 0;

  /** @param took ms */
  done(what: string, took: number): void {
    const times = this.#times.get(what);
    if (times === undefined) this.#times.set(what, [took]);
    else times.push(took);
  }

  failed(what: string, error: unknown): void {
    const now = performance.now();
    if (now < this.#excusedUntil) {
      this.#explained++;
      return;
    }
    this.#failed.set(what, (this.#failed.get(what) ?? 0) + 1);
    const why = messageOf(error);
    if (this.#failures.length < KEPT) this.#failures.push({ at: now - this.#began, what, why });
  }

  excuse(milliseconds: number): void {
    this.#excusedUntil = performance.now() + milliseconds;
  }

  /** How many of a name that starts so failed. */
  failures(prefix: string): number {
    let sum = 0;
    for (const [what, count] of this.#failed) if (what.startsWith(prefix)) sum += count;
    return sum;
  }

  get explained(): number {
    return this.#explained;
  }

  get firstFailures(): readonly Failure[] {
    return this.#failures;
  }

  /** How many of a name that starts so were done. */
  count(prefix: string): number {
    let sum = 0;
    for (const [what, times] of this.#times) if (what.startsWith(prefix)) sum += times.length;
    return sum;
  }

  /** @returns a line each: how often, and how long it took */
  lines(): string[] {
    return [...this.#times]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, times]) => {
        const [p50, p99, most] = [50, 99, 100].map((percent) => percentile(times, percent).toFixed(1).padStart(9));
        return `${what.padEnd(34)} ${String(times.length).padStart(7)}  p50 ${p50}  p99 ${p99}  max ${most} ms`;
      });
  }
}
