/**
 * A work queue of keys: a key is processed by one worker at a time, a key added meanwhile is processed once more,
 * failures come back with exponential back-off. Source: the behaviour of client-go's rate limiting work queue.
 */
import { systemClock, type Clock } from './clock.ts';

export interface QueueOptions {
  readonly workers: number;
  /** First and largest back-off, ms. */
  readonly baseDelay?: number;
  readonly maxDelay?: number;
  readonly clock?: Clock;
}

export class WorkQueue {
  readonly #ready: string[] = [];
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { at: number; cancel: () => void }>();
  readonly #idle: (() => void)[] = [];
  readonly #work: (key: string) => Promise<void>;
  readonly #options: Required<QueueOptions>;
  #stopped = false;

  /** @param work processes one key; a rejection schedules a retry and is the caller's to have logged */
  constructor(work: (key: string) => Promise<void>, options: QueueOptions) {
    this.#work = work;
    this.#options = { baseDelay: 5, maxDelay: 60_000, clock: systemClock, ...options };
  }

  /** Keys waiting to run, not counting those delayed. */
  get depth(): number {
    return this.#ready.length;
  }

  /** Will the key be processed (again) at once, after what runs of it now? */
  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  add(key: string): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    this.#waiting.add(key);
    if (this.#running.has(key)) return;
    this.#ready.push(key);
    this.#pump();
  }

  /** Adds the key after `delay` ms; an earlier pending delay wins. */
  addAfter(key: string, delay: number): void {
    if (this.#stopped) return;
    if (delay <= 0) return this.add(key);
    const at = this.#options.clock.now() + delay;
    const pending = this.#timers.get(key);
    if (pending !== undefined) {
      if (pending.at <= at) return;
      pending.cancel();
    }
    const cancel = this.#options.clock.after(delay, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { at, cancel });
  }

  /** Stops taking work and resolves when the running keys are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#ready.length = 0;
    this.#waiting.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    while (this.#running.size < this.#options.workers) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      queueMicrotask(() => void this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    try {
      await this.#work(key);
      this.#failures.delete(key);
    } catch {
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      this.addAfter(key, Math.min(this.#options.maxDelay, this.#options.baseDelay * 2 ** Math.min(failures, 30)));
    }
    this.#running.delete(key);
    if (this.#waiting.has(key)) this.#ready.push(key);
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#pump();
  }
}
