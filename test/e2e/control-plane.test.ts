import t from 'tap';
import { control } from '../../bench/control.ts';

/** Figures that hang on no clock: what is written when. */
const COUNTED = /^(writes: |a resync of everything: writes|restart: writes)/;

void t.test('a resync and a restart write nothing needlessly, and a change no more than Knative does', async (t) => {
  const figures = await control({ services: 12, rate: 6, idle: 1, quiet: 800 }, (line) => t.comment(line));
  const counted = figures.filter(({ name }) => COUNTED.test(name));
  t.equal(counted.length, 7);
  for (const { name, value, target, note } of counted) t.ok(value <= target, `${name}: ${value} of ${target}; ${note}`);
});
