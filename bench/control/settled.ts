/** When the controllers have nothing left to do. */
import type { Instance } from '../../test/e2e/instance.ts';
import { readCounters, total, type Counters } from './counters.ts';

const LOOK_EVERY = 250;
const PATIENCE = 120_000;

/**
 * Waits until no pass was made and nothing was written for `quiet` ms.
 * @returns the counters then, and when the last of them changed (`performance.now()`)
 */
export async function settled(instance: Instance, quiet: number): Promise<{ counters: Counters; at: number }> {
  const deadline = performance.now() + PATIENCE;
  let counters = await readCounters(instance);
  let at = performance.now();
  for (;;) {
    await pause(LOOK_EVERY);
    const next = await readCounters(instance);
    const now = performance.now();
    if (next.passes !== counters.passes || total(next.writes) !== total(counters.writes)) at = now;
    counters = next;
    if (now - at >= quiet) return { counters, at };
    if (now > deadline) throw new Error('the controllers have not come to rest within two minutes');
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
