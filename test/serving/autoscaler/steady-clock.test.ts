import t from 'tap';
import { steadyClock } from '../../../serving/autoscaler/steady-clock.ts';

void t.test('load is averaged over time that goes on evenly while the machine’s clock is set', (t) => {
  const { now } = Date;
  t.teardown(() => (Date.now = now));
  t.ok(Math.abs(steadyClock.now() - now()) < 60_000, 'it tells the time');
  const before = steadyClock.now();
  Date.now = () => now() - 3_600_000;
  const after = steadyClock.now();
  t.ok(after >= before && after - before < 60_000);
  t.end();
});
