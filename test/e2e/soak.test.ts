import t from 'tap';
import { soak } from '../../bench/soak.ts';

void t.test('no request fails while Services are updated, rolled back, split, tagged and put to sleep', async (t) => {
  const { tally } = await soak({ minutes: 0.4, faults: false, long: 3 });
  t.same(tally.firstFailures, []);
  t.equal(tally.failures(''), 0);
  t.ok(tally.count('request steady') > 1_000, 'the load was real');
  for (const change of ['update', 'split', 'rollback', 'to latest', 'tag'])
    t.ok(tally.count(`change steady: ${change}`) > 0, `there was a change of the kind ${change}`);
  t.ok(tally.count('change napping: to zero') > 0, 'a Service went to zero, and came back');
  t.ok(tally.count('request talking') > 0, 'conversations went on');
});
