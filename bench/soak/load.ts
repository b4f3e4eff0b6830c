/** Constant load on one Service: requests at a steady rate, over kept connections, new ones, and with bodies. */
import http from 'node:http';
import { ask, type Ask, type Target } from './request.ts';
import type { Tally } from './tally.ts';

/** What the program says of a request. */
export interface Told {
  readonly version: string;
  readonly received: number;
  /** Most requests it ever had at once. */
  readonly most: number;
}

export interface LoadOptions {
  readonly name: string;
  readonly target: Target;
  /** Requests a second. */
  readonly rate: number;
  /** The program takes up to so long to answer, ms. */
  readonly upTo: number;
  /** `containerConcurrency`; 0 = no limit. */
  readonly limit: number;
  readonly tally: Tally;
}

const BODY = 'x'.repeat(4_096);

export class Load {
  readonly #options: LoadOptions;
  readonly #agent = new http.Agent({ keepAlive: true, maxFreeSockets: 32 });
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): this {
    const began = performance.now() - (this.#sent / this.#options.rate) * 1000;
    // Late turns of a busy machine are made up for: the rate is what it is said to be.
    this.#timer = setInterval(() => {
      const due = ((performance.now() - began) / 1000) * this.#options.rate;
      for (; this.#sent < due; this.#sent++) this.#send(this.#sent);
    }, 5);
    return this;
  }

  pause(): void {
    clearInterval(this.#timer);
  }

  /** Ends the load and waits for what is under way. */
  async stop(): Promise<void> {
    this.pause();
    await Promise.all(this.#underWay);
    this.#agent.destroy();
  }

  #send(number: number): void {
    const { name, upTo } = this.#options;
    const path = `/?ms=${(number * 7) % (upTo + 1)}`;
    const kind = number % 10;
    if (kind === 0) this.#track(`request ${name}, with a body`, { path, body: BODY, agent: this.#agent });
    else if (kind < 3) this.#track(`request ${name}, new connection`, { path });
    else this.#track(`request ${name}`, { path, agent: this.#agent });
  }

  #track(what: string, request: Ask): void {
    const { target, limit, tally } = this.#options;
    const began = performance.now();
    const run = async (): Promise<void> => {
      try {
        const told = JSON.parse(await ask(target, request)) as Told;
        if (told.received !== (request.body ?? '').length) throw new Error(`the program got ${told.received} bytes`);
        if (limit > 0 && told.most > limit) throw new Error(`${told.most} requests at once, ${limit} are allowed`);
        tally.done(what, performance.now() - began);
      } catch (error) {
        tally.failed(what, error);
      }
    };
    const one = run().finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }
}

/** Long requests or conversations one after another, until stopped. */
export class LongLoad {
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(what: string, tally: Tally, once: () => Promise<void>) {
    this.#done = this.#run(what, tally, once);
  }

  async #run(what: string, tally: Tally, once: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now();
      try {
        await once();
        tally.done(what, performance.now() - began);
      } catch (error) {
        tally.failed(what, error);
        await new Promise((later) => setTimeout(later, 200));
      }
    }
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }
}

export async function slowly(target: Target, seconds: number): Promise<void> {
  const text = await ask(target, { path: `/slow?seconds=${seconds}` });
  if (!text.endsWith('end\n')) throw new Error(`the answer of ${text.length} bytes has no end`);
}
