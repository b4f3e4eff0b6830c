/**
 * Holds a container to its memory limit where no control group can: looks at what it uses, the more often the less is
 * left, and kills it when it is over. What grows faster than it is looked at is found late, never missed.
 */
import type { Clock } from '../../../../kube/clock.ts';

/** Between two looks, ms. */
const SHORTEST = 10;
const LONGEST = 250;
/** Bytes that a program may write in a millisecond; a gigabyte in a quarter of a second. */
const FASTEST = 4 * 1024 * 1024;

/**
 * When to look again, in ms.
 * @param left bytes up to the limit
 */
export function nextLook(left: number): number {
  return Math.min(LONGEST, Math.max(SHORTEST, left / FASTEST));
}

export interface MemoryUse {
  /** Cheap, and never less than what counts: memory that is shared with others counts in full. Bytes. */
  readonly atMost: () => number;
  /** What counts, bytes. */
  readonly exactly: () => Promise<number>;
}

/** @param limit bytes  @param exceeded called at most once  @returns what ends the watch */
export function watchMemory(limit: number, use: MemoryUse, clock: Clock, exceeded: () => void): () => void {
  let stopped = false;
  let cancel: () => void = () => undefined;
  /** What others share of it: the sum that is cheap to have is too high by this. */
  let shared = 0;
  const again = (left: number): void => {
    if (!stopped) cancel = clock.after(nextLook(left), look);
  };
  const look = (): void => {
    const upper = use.atMost();
    if (upper - shared <= limit) return again(limit - (upper - shared));
    void use.exactly().then((used) => {
      if (stopped) return;
      shared = Math.max(0, upper - used);
      if (used <= limit) return again(limit - used);
      stopped = true;
      exceeded();
    });
  };
  again(limit);
  return () => {
    stopped = true;
    cancel();
  };
}
