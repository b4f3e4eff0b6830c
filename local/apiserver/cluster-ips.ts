/** Cluster IPs of Services: which are taken, and a free one. In memory only; the Services themselves are the record. */

export class ClusterIps {
  readonly #first: number;
  readonly #count: number;
  /** Address → `NAMESPACE/NAME` of the Service that has it. */
  readonly #taken = new Map<string, string>();
  #next = 0;

  /** @param prefix first two octets of the instance, e.g. `127.42`: 127.42.128.0/17; without one 10.96.0.0/12 */
  constructor(prefix: string | undefined) {
    const base = prefix === undefined ? '10.96.0.0' : `${prefix}.128.0`;
    const bits = prefix === undefined ? 12 : 17;
    this.#first = numberOf(base) + 1;
    this.#count = 2 ** (32 - bits) - 2;
  }

  /** The address of `kubernetes.default`: the first of the range. */
  get first(): string {
    return textOf(this.#first);
  }

  contains(address: string): boolean {
    if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) return false;
    const offset = numberOf(address) - this.#first;
    return offset >= 0 && offset < this.#count;
  }

  ownerOf(address: string): string | undefined {
    return this.#taken.get(address);
  }

  take(address: string, owner: string): void {
    this.#taken.set(address, owner);
  }

  release(address: string, owner: string): void {
    if (this.#taken.get(address) === owner) this.#taken.delete(address);
  }

  /** A free address, in turn, so that one just released is not given out at once; undefined when there is none. */
  allocate(owner: string): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      // The lower addresses are left to those who ask for a certain one.
      const offset = (this.#next + 16) % this.#count;
      this.#next = (this.#next + 1) % this.#count;
      const address = textOf(this.#first + offset);
      if (this.#taken.has(address)) continue;
      this.#taken.set(address, owner);
      return address;
    }
    return undefined;
  }
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function textOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
