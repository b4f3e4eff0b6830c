/**
 * The three clocks of one request, as the Revision sets them. Source: reference section 3.3.
 */
import type { Clock } from '../../kube/clock.ts';

/** Seconds; 0 or absent = off. */
export interface Limits {
  /** From arrival to the end, waiting included. */
  readonly timeoutSeconds?: number;
  /** From arrival to the first byte of the response. */
  readonly responseStartTimeoutSeconds?: number;
  /** Longest pause between two writes of the response. */
  readonly idleTimeoutSeconds?: number;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #cancel: (() => void)[] = [];
  #cancelStart: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;
  #lastWrite: number;
  #over = false;

  /** @param expired called at most once, at the first limit reached before `clear` */
  constructor(clock: Clock, limits: Limits, expired: () => void) {
    this.#clock = clock;
    this.#lastWrite = clock.now();
    const expire = (): void => {
      if (this.#over) return;
      this.clear();
      expired();
    };
    const { timeoutSeconds: total = 0, responseStartTimeoutSeconds: start = 0, idleTimeoutSeconds: idle = 0 } = limits;
    if (total > 0) this.#cancel.push(clock.after(total * 1000, expire));
    if (start > 0 && (total === 0 || start < total)) this.#cancelStart = clock.after(start * 1000, expire);
    if (idle > 0 && (total === 0 || idle < total)) this.#watchIdle(idle * 1000, idle * 1000, expire);
  }

  /** Something of the response was written. */
  wrote(): void {
    this.#cancelStart?.();
    this.#cancelStart = undefined;
    this.stirred();
  }

  /** The client sent something more: no pause, and no response either. */
  stirred(): void {
    if (this.#cancelIdle !== undefined) this.#lastWrite = this.#clock.now();
  }

  clear(): void {
    this.#over = true;
    for (const cancel of this.#cancel) cancel();
    this.#cancelStart?.();
    this.#cancelIdle?.();
  }

  /** One timer that looks, when it goes off, how long the pause really was. */
  #watchIdle(delay: number, idle: number, expire: () => void): void {
    this.#cancelIdle = this.#clock.after(delay, () => {
      const left = this.#lastWrite + idle - this.#clock.now();
      if (left <= 0) expire();
      else if (!this.#over) this.#watchIdle(left, idle, expire);
    });
  }
}
