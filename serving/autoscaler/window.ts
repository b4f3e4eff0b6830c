/**
 * Averages of a load over the last seconds, in buckets of one second.
 * Source: knative/serving pkg/autoscaler/aggregation (behaviour; reference section 4.3).
 */

export interface LoadWindow {
  /** Adds to the bucket of that moment. @param now ms since the epoch; older than the window is ignored */
  record(now: number, value: number): void;
  /** Nothing came up to this moment: buckets after the last write become zeros that count. */
  silence(now: number): void;
  average(now: number): number;
  /** No write within the window. */
  isEmpty(now: number): boolean;
  /** A window of another length that starts with what this one holds. @param length ms */
  resized(length: number, now: number): LoadWindow;
}

export type Aggregation = 'linear' | 'weighted-exponential';

const BUCKET = 1000;
/** The least share of the newest bucket, and what all weights together may lack of one. */
const SMALLEST_ALPHA = 0.2;
const WEIGHT_LACKING = 0.0001;

/** @param length ms */
export function createWindow(aggregation: Aggregation, length: number): LoadWindow {
  const buckets = Math.max(1, Math.ceil(length / BUCKET));
  return new BucketWindow(new Float64Array(buckets), aggregation, -1, -1);
}

class BucketWindow implements LoadWindow {
  readonly #buckets: Float64Array;
  readonly #aggregation: Aggregation;
  /** Seconds since the epoch; -1 = never. */
  #firstWrite: number;
  #lastWrite: number;

  constructor(buckets: Float64Array, aggregation: Aggregation, firstWrite: number, lastWrite: number) {
    this.#buckets = buckets;
    this.#aggregation = aggregation;
    this.#firstWrite = firstWrite;
    this.#lastWrite = lastWrite;
  }

  isEmpty(now: number): boolean {
    return this.#lastWrite < 0 || toSecond(now) - this.#lastWrite > this.#buckets.length;
  }

  record(now: number, value: number): void {
    const second = toSecond(now);
    const size = this.#buckets.length;
    if (this.#lastWrite >= 0 && second + size <= this.#lastWrite) return;
    if (this.#lastWrite < 0 || second - this.#lastWrite >= size) {
      this.#buckets.fill(0);
      this.#firstWrite = this.#lastWrite = second;
    } else {
      // Seconds that passed without a write count as zero.
      for (let passed = this.#lastWrite + 1; passed <= second; passed++) this.#set(passed, 0);
      this.#lastWrite = Math.max(this.#lastWrite, second);
      this.#firstWrite = Math.min(this.#firstWrite, second);
    }
    this.#set(second, this.#at(second) + value);
  }

  silence(now: number): void {
    if (toSecond(now) > this.#lastWrite) this.record(now, 0);
  }

  average(now: number): number {
    return this.#aggregation === 'linear' ? this.#linear(toSecond(now)) : this.#weighted(toSecond(now));
  }

  resized(length: number, now: number): LoadWindow {
    const size = Math.max(1, Math.ceil(length / BUCKET));
    if (this.isEmpty(now)) return createWindow(this.#aggregation, length);
    const buckets = new Float64Array(size);
    const kept = Math.min(size, this.#buckets.length, this.#lastWrite - this.#firstWrite + 1);
    for (let second = this.#lastWrite; second > this.#lastWrite - kept; second--)
      buckets[second % size] = this.#at(second);
    return new BucketWindow(buckets, this.#aggregation, this.#lastWrite - kept + 1, this.#lastWrite);
  }

  /** The mean of the buckets written to; the time since the last write is left out. */
  #linear(now: number): number {
    const size = this.#buckets.length;
    const silent = Math.max(0, now - this.#lastWrite);
    if (this.#lastWrite < 0 || silent >= size) return 0;
    const valid = Math.min(this.#lastWrite - this.#firstWrite + 1, size - silent);
    let sum = 0;
    for (let second = this.#lastWrite; second > this.#lastWrite - valid; second--) sum += this.#at(second);
    return Math.round((sum / valid) * 1e6) / 1e6;
  }

  /** Weights fall by the same factor from each bucket to the one before it; silence since the last write is zero. */
  #weighted(now: number): number {
    if (this.#lastWrite < 0 || now - this.#lastWrite > this.#buckets.length) return 0;
    const size = this.#buckets.length;
    const alpha = Math.max(SMALLEST_ALPHA, 1 - WEIGHT_LACKING ** (1 / size));
    const silent = Math.max(0, now - this.#lastWrite);
    let weight = alpha * (1 - alpha) ** silent;
    let sum = 0;
    for (let back = 0; back < size - silent; back++) {
      sum += this.#at(this.#lastWrite - back) * weight;
      weight *= 1 - alpha;
    }
    return sum;
  }

  #at(second: number): number {
    return this.#buckets[second % this.#buckets.length] ?? 0;
  }

  #set(second: number, value: number): void {
    this.#buckets[second % this.#buckets.length] = value;
  }
}

/** The largest of the values of the last while, in steps of one decision interval. */
export class MaxWindow {
  readonly #steps: number;
  readonly #step: number;
  /** Falling values with rising steps: the first is the largest still in the window. */
  readonly #maxima: { step: number; value: number }[] = [];

  /** @param length ms @param step ms, how often values come */
  constructor(length: number, step: number) {
    this.#steps = Math.max(1, Math.ceil(length / step));
    this.#step = step;
  }

  /** @returns the largest value of the window, this one included */
  record(now: number, value: number): number {
    const step = Math.floor(now / this.#step);
    const maxima = this.#maxima;
    while ((maxima.at(-1)?.value ?? Infinity) <= value) maxima.pop();
    while ((maxima[0]?.step ?? step) <= step - this.#steps) maxima.shift();
    // Within one step the larger one counts; it is still at the end.
    if (maxima.at(-1)?.step !== step) maxima.push({ step, value });
    return maxima[0]?.value ?? value;
  }
}

function toSecond(now: number): number {
  return Math.floor(now / BUCKET);
}
