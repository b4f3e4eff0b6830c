/** A way to the API server on which a process dies between two writes, and nothing comes when it is expected. */
import type { ApiRequest, ApiResponse, Transport, Watcher } from '../../../kube/transport.ts';

export interface Fate {
  /** Writes (Events not counted) that succeed before the process dies; undefined lets it live. */
  readonly writes: number | undefined;
  /** The write it dies of: does it reach the server, so that only its answer is lost? */
  readonly arrives: boolean;
  /** Milliseconds that the next answer or news takes. */
  delay(): number;
}

export class MortalTransport implements Transport {
  readonly #inner: Transport;
  readonly #fate: Fate;
  readonly #died: () => void;
  #left: number;
  #dead = false;

  /** @param died told once, in a later turn */
  constructor(inner: Transport, fate: Fate, died: () => void) {
    this.#inner = inner;
    this.#fate = fate;
    this.#died = died;
    this.#left = fate.writes ?? Infinity;
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    if (request.method === 'GET') return this.#later(await this.#inner.request(request, signal));
    // A dead process may go on reading: nobody sees that. What it writes is refused.
    if (this.#dead) throw new Error('the process is dead');
    const counts = !request.path.endsWith('/events');
    if (counts && this.#left <= 0) {
      this.#dead = true;
      setImmediate(this.#died);
      if (this.#fate.arrives) await this.#inner.request(request, signal);
      throw new Error('the process died');
    }
    if (counts) this.#left--;
    return this.#later(await this.#inner.request(request, signal));
  }

  watch(request: ApiRequest, watcher: Watcher) {
    let closed = false;
    // News of one watch stay in order.
    let last = Promise.resolve();
    const inOrder = (tell: () => void) => {
      last = last
        .then(() => this.#later(undefined))
        .then(() => {
          if (!closed) tell();
        });
    };
    const handle = this.#inner.watch(request, {
      onEvent: (event) => inOrder(() => watcher.onEvent(event)),
      onEnd: (error) => inOrder(() => watcher.onEnd(error)),
    });
    return {
      close() {
        closed = true;
        handle.close();
      },
    };
  }

  async #later<T>(value: T): Promise<T> {
    const ms = this.#fate.delay();
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return value;
  }
}
