/** Addresses of pods within an instance's 127.A.0.0/16: 127.A.1.0 to 127.A.127.255. */
import { NodeError } from './errors.ts';

const FIRST = 1 << 8;
const LAST = (127 << 8) | 255;

export class AddressPool {
  readonly #prefix: string;
  readonly #used = new Set<number>();
  #next = FIRST;

  /** @param prefix the first two octets, `127.A` */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The one unused the longest. @throws NodeError NoFreeAddress */
  take(): string {
    for (let tries = LAST - FIRST; tries >= 0; tries--) {
      const at = this.#next;
      this.#next = at >= LAST ? FIRST : at + 1;
      // .0 and .255 are addresses like any other here, but some programs refuse them.
      if (this.#used.has(at) || (at & 255) === 0 || (at & 255) === 255) continue;
      this.#used.add(at);
      return `${this.#prefix}.${at >> 8}.${at & 255}`;
    }
    throw new NodeError('NoFreeAddress', `all addresses of ${this.#prefix}.1.0 to ${this.#prefix}.127.255 are in use`);
  }

  release(address: string): void {
    const [, , high = '', low = ''] = address.split('.');
    this.#used.delete((Number(high) << 8) | Number(low));
  }
}
