/**
 * How busy one revision was over a report interval: the time-weighted mean of requests here (waiting or running) and
 * arrivals per second. Source: reference section 4.3.
 */
export interface Load {
  readonly concurrency: number;
  readonly rps: number;
}

export class LoadMeter {
  #present = 0;
  #arrived = 0;
  /** Request-milliseconds since the interval began. */
  #area = 0;
  #since: number;
  #changed: number;
  /** Already told by a wake: left out of the next report. */
  #told = 0;

  /** @param now ms */
  constructor(now: number) {
    this.#since = this.#changed = now;
  }

  /** Requests here at this moment. */
  get present(): number {
    return this.#present;
  }

  arrive(now: number): void {
    this.#advance(now);
    this.#present++;
    this.#arrived++;
  }

  leave(now: number): void {
    this.#advance(now);
    this.#present--;
  }

  /** A wake told the autoscaler of one request. */
  told(): void {
    this.#told++;
  }

  /** The interval's load; the next interval begins at `now`. */
  take(now: number): Load {
    this.#advance(now);
    const span = now - this.#since;
    const concurrency = span > 0 ? this.#area / span : this.#present;
    const rps = span > 0 ? (this.#arrived * 1000) / span : this.#arrived;
    const told = this.#told;
    this.#since = now;
    this.#area = this.#arrived = this.#told = 0;
    return { concurrency: Math.max(0, concurrency - told), rps: Math.max(0, rps - told) };
  }

  #advance(now: number): void {
    // A clock that was set back goes on from where it is: load must not be lost until it has caught up.
    this.#area += this.#present * Math.max(0, now - this.#changed);
    this.#changed = now;
  }
}
