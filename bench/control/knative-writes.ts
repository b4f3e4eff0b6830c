/** Writes of each change by kind and verb, beside those Knative makes for it; how its were counted is in docs. */
import type { ChangeCost } from './one-change.ts';

export function printChanges(costs: readonly ChangeCost[]): void {
  for (const { change, writes, total, passes, took } of costs) {
    console.log(`${change}: ${total} writes, ${passes} passes, ${took.toFixed(0)} ms to the last`);
    for (const [what, count] of [...writes].sort()) console.log(`  ${String(count).padStart(3)}  ${what}`);
  }
}
