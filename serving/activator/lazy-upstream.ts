/** An upstream whose code is loaded with its first request. */
import type { Address } from './backends.ts';
import { UpstreamFailure } from './errors.ts';
import type { Upstream, UpstreamListener, UpstreamRequest } from './exchange.ts';

export class LazyUpstream implements Upstream {
  readonly #load: () => Promise<Upstream>;
  #loaded: Upstream | undefined;

  constructor(load: () => Promise<Upstream>) {
    this.#load = load;
  }

  send(address: Address, request: UpstreamRequest, listener: UpstreamListener): { abort(): void } {
    if (this.#loaded !== undefined) return this.#loaded.send(address, request, listener);
    let call: { abort(): void } | undefined;
    let aborted = false;
    this.#load().then(
      (upstream) => {
        this.#loaded ??= upstream;
        if (!aborted) call = this.#loaded.send(address, request, listener);
      },
      (error: unknown) => {
        if (!aborted) listener.failed(new UpstreamFailure(String(error), { unsent: false }));
      },
    );
    return {
      abort: () => {
        aborted = true;
        call?.abort();
      },
    };
  }

  forget(address: Address): void {
    this.#loaded?.forget(address);
  }

  close(): void {
    this.#loaded?.close();
  }
}
