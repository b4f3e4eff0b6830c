/** All objects of one resource by key, listed in the order of their keys. */
import type { KubeObject } from '../../../api/object.ts';

export class Collection {
  readonly #objects = new Map<string, KubeObject>();
  #sorted: string[] = [];
  /** Keys were added out of order since the last listing. */
  #unsorted = false;

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  set(key: string, object: KubeObject): void {
    if (!this.#objects.has(key)) {
      const last = this.#sorted.at(-1);
      if (last !== undefined && last > key) this.#unsorted = true;
      this.#sorted.push(key);
    }
    this.#objects.set(key, object);
  }

  delete(key: string): void {
    if (!this.#objects.delete(key)) return;
    const sorted = this.#keys();
    const at = lowerBound(sorted, key);
    if (sorted[at] === key) sorted.splice(at, 1);
  }

  /** Entries whose key starts with `prefix`, from the first key above `after` on. */
  *entries(prefix = '', after = ''): Generator<[string, KubeObject]> {
    const sorted = this.#keys();
    let at = lowerBound(sorted, prefix > after ? prefix : after);
    if (sorted[at] === after && after !== '') at++;
    for (; at < sorted.length; at++) {
      const key = sorted[at];
      if (key === undefined || !key.startsWith(prefix)) return;
      const object = this.#objects.get(key);
      if (object !== undefined) yield [key, object];
    }
  }

  /** How many keys start with `prefix` and lie above `after`. */
  countAfter(prefix: string, after: string): number {
    const sorted = this.#keys();
    // No key has this letter: it is above every key of the prefix.
    const end = prefix === '' ? sorted.length : lowerBound(sorted, `${prefix}\uffff`);
    let start = lowerBound(sorted, prefix > after ? prefix : after);
    if (sorted[start] === after && after !== '') start++;
    return Math.max(0, end - start);
  }

  #keys(): string[] {
    if (this.#unsorted) {
      this.#sorted.sort();
      this.#unsorted = false;
    }
    return this.#sorted;
  }
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
