/** Ends processes of an earlier life of this instance: found by its mark, never by a number alone. */
import { hasEnvironment, processIds, statOf } from './proc.ts';

/** Returns how many were killed. */
export function killLeftovers(marker: string): number {
  let killed = 0;
  for (const pid of processIds()) {
    if (pid === process.pid || !hasEnvironment(pid, marker)) continue;
    const before = statOf(pid);
    if (before === undefined || !hasEnvironment(pid, marker) || statOf(pid)?.startTime !== before.startTime) continue;
    try {
      process.kill(pid, 'SIGKILL');
      killed++;
    } catch {
      // Gone, or another user's: not ours then.
    }
  }
  return killed;
}
