/**
 * Time that neither jumps nor goes back when the machine's clock is set: what load is averaged over. It starts at the
 * machine's time and then counts by itself; the machine's sleep is left out.
 */
import { systemClock, type Clock } from '../../kube/clock.ts';

export const steadyClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after: systemClock.after,
};
