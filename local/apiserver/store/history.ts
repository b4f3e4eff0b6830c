/** The latest changes of one resource, bounded in number and bytes: what a watch or a paged list may go back to. */
import type { KubeObject } from '../../../api/object.ts';

export interface Change {
  readonly version: number;
  readonly resource: string;
  /** `NAMESPACE/NAME`, the namespace empty for cluster-scoped kinds. */
  readonly key: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** As stored; for DELETED the last state, with the resourceVersion of the deletion. */
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
}

const MOST_CHANGES = 10_000;
const MOST_BYTES = 1024 * 1024;

export class History {
  /** Changes after this version are all here. */
  #floor: number;
  #changes: Change[] = [];
  #sizes: number[] = [];
  #start = 0;
  #bytes = 0;

  constructor(floor: number) {
    this.#floor = floor;
  }

  get floor(): number {
    return this.#floor;
  }

  /** @param size what the change weighs, bytes */
  push(change: Change, size: number): void {
    this.#changes.push(change);
    this.#sizes.push(size);
    this.#bytes += size;
    while (this.#changes.length - this.#start > MOST_CHANGES || this.#bytes > MOST_BYTES) {
      const oldest = this.#changes[this.#start];
      if (oldest === undefined) break;
      this.#bytes -= this.#sizes[this.#start] ?? 0;
      this.#floor = oldest.version;
      this.#start++;
    }
    if (this.#start > 64 && this.#start * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#start);
      this.#sizes = this.#sizes.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Changes after `version`, oldest first; undefined when some of them are forgotten. */
  since(version: number): Change[] | undefined {
    if (version < this.#floor) return undefined;
    let low = this.#start;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }
}
