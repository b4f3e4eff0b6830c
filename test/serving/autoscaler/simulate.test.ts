import fc from 'fast-check';
import t from 'tap';
import { simulate } from '../../../serving/autoscaler/simulate.ts';
import { longTail, ramp, sawtooth, spike, step, type Trace } from '../../../serving/autoscaler/traces.ts';
import { deciderSpec } from './fixtures.ts';
import { kpa, linearAverage, type Write } from './formulas.ts';

const spec = deciderSpec({ target: 7, total: 10, targetBurstCapacity: 0 });

void t.test('a step of load: pods come with the panic window, stay, and go after the stable one', (t) => {
  const samples = simulate(step(70, 120, 10, 150), spec, { startup: 1 });
  const at = (second: number) => samples[second];
  t.equal(at(9)?.desired, 0, 'nothing before the load');
  t.ok((at(10)?.desired ?? 0) >= 1, 'the first request wakes it');
  t.ok((at(14)?.desired ?? 0) >= 7, 'most of the pods within four seconds');
  t.equal(at(40)?.desired, 10);
  t.equal(at(120)?.desired, 10);
  t.ok((at(140)?.desired ?? 0) > 5, 'the stable window still remembers');
  t.equal(samples.at(-1)?.desired, 0);
  t.end();
});

void t.test('a spike is answered in panic, and its pods are not taken away while panic lasts', (t) => {
  const samples = simulate(spike(7, 140, 10), spec, { startup: 1, readyAtStart: 1 });
  let most = 0;
  for (const { panicking, desired } of samples) {
    if (panicking) t.ok(desired >= most);
    most = panicking ? desired : 0;
  }
  t.ok(samples.some(({ panicking }) => panicking));
  t.ok(Math.max(...samples.map(({ desired }) => desired)) >= 15);
  t.end();
});

void t.test('bounds hold at every second of every trace', (t) => {
  for (const trace of [step(500, 60), ramp(300, 60), spike(1, 900, 20), sawtooth(200, 30, 4), longTail(5, 200)])
    for (const { desired } of simulate(trace, spec, { startup: 2, min: 1, max: 8 })) t.ok(desired >= 1 && desired <= 8);
  t.end();
});

/** The same replay by the published formulas alone. */
function replay(trace: Trace, startup: number, stableWindow: number, panicWindow: number): number[] {
  const writes: Write[] = [];
  const state = { panicTime: null, maxPanic: 0 };
  let pods: number[] = [];
  let desired = -1;
  return trace.map((load, second) => {
    writes.push({ second: 1_700_000_000 + second, value: load });
    const ready = pods.filter((at) => at <= second).length;
    if ((load > 0 && desired <= 0) || second % 2 === 0) {
      const now = 1_700_000_000 + second;
      const round = (value: number) => Math.round(value * 1e6) / 1e6;
      const stable = round(linearAverage(writes, stableWindow, now));
      const panic = round(linearAverage(writes, panicWindow, now));
      desired = kpa({ ...spec, stableWindow: stableWindow * 1000 }, stable, panic, ready, state, now * 1000).desired;
    }
    const wanted = Math.max(0, desired);
    pods = pods.sort((a, b) => a - b).slice(0, wanted);
    while (pods.length < wanted) pods.push(second + startup);
    return wanted;
  });
}

void t.test('any trace is scaled as the published formulas say', (t) => {
  const traces = fc.oneof(
    fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 120 }),
    fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 60 })).map(([height, seconds]) => step(height, seconds)),
    fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 60 })).map(([height, seconds]) => ramp(height, seconds)),
    fc.nat({ max: 500 }).map((height) => spike(3, height, 9)),
    fc
      .tuple(fc.nat({ max: 200 }), fc.integer({ min: 2, max: 30 }))
      .map(([height, period]) => sawtooth(height, period, 4)),
    fc.nat({ max: 1000 }).map((seed) => longTail(4, 150, seed)),
  );
  const windows = fc.constantFrom<[number, number]>([60, 6], [6, 1], [30, 15], [10, 1]);
  fc.assert(
    fc.property(traces, fc.nat({ max: 10 }), windows, (trace, startup, [stable, panic]) => {
      const own = { ...spec, stableWindow: stable * 1000, panicWindow: panic * 1000 };
      const actual = simulate(trace, own, { startup }).map(({ desired }) => desired);
      const expected = replay(trace, startup, stable, panic);
      return actual.every((desired, i) => desired === expected[i]);
    }),
  );
  t.end();
});
