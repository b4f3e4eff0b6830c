import fc from 'fast-check';
import t from 'tap';
import { createWindow, MaxWindow } from '../../../serving/autoscaler/window.ts';
import { linearAverage, weightedAverage, type Write } from './formulas.ts';

const at = (second: number) => 1_700_000_000_000 + second * 1000;

void t.test('the linear average is over the seconds written to', (t) => {
  const cases: [name: string, size: number, writes: [number, number][], now: number, expected: number][] = [
    ['one write', 60, [[0, 10]], 0, 10],
    [
      'young window',
      60,
      [
        [0, 10],
        [1, 20],
        [2, 30],
      ],
      2,
      20,
    ],
    [
      'several activators in one second add up',
      60,
      [
        [0, 4],
        [0, 6],
      ],
      0,
      10,
    ],
    [
      'a gap counts as zeros',
      60,
      [
        [0, 10],
        [4, 10],
      ],
      4,
      4,
    ],
    [
      'the time since the last write is left out',
      60,
      [
        [0, 10],
        [1, 10],
      ],
      30,
      10,
    ],
    [
      'old buckets fall out',
      3,
      [
        [0, 90],
        [1, 3],
        [2, 3],
        [3, 3],
      ],
      3,
      3,
    ],
    [
      'part of the window is silent',
      4,
      [
        [0, 100],
        [1, 8],
        [2, 4],
      ],
      4,
      6,
    ],
    ['nothing for a whole window', 6, [[0, 10]], 6, 0],
    [
      'a new start after a whole window of silence',
      6,
      [
        [0, 10],
        [20, 3],
      ],
      20,
      3,
    ],
    [
      'rounded to six digits',
      60,
      [
        [0, 1],
        [1, 0],
        [2, 0],
      ],
      2,
      0.333333,
    ],
  ];
  for (const [name, size, writes, now, expected] of cases) {
    const window = createWindow('linear', size * 1000);
    for (const [second, value] of writes) window.record(at(second), value);
    t.equal(window.average(at(now)), expected, name);
  }
  t.end();
});

void t.test('the weighted average follows the newest seconds', (t) => {
  const window = createWindow('weighted-exponential', 6_000);
  const alpha = 1 - 0.0001 ** (1 / 6);
  window.record(at(0), 10);
  t.equal(window.average(at(0)).toFixed(9), (10 * alpha).toFixed(9));
  window.record(at(1), 20);
  t.equal(window.average(at(1)).toFixed(9), (20 * alpha + 10 * alpha * (1 - alpha)).toFixed(9));
  t.equal(window.average(at(2)).toFixed(9), ((20 * alpha + 10 * alpha * (1 - alpha)) * (1 - alpha)).toFixed(9));
  const long = createWindow('weighted-exponential', 600_000);
  long.record(at(0), 1);
  t.equal(long.average(at(0)), 0.2, 'never flatter than 0.2');
  t.end();
});

const writesOf = fc
  .array(fc.record({ gap: fc.nat({ max: 12 }), value: fc.nat({ max: 1000 }) }), { minLength: 1, maxLength: 60 })
  .map((steps) => {
    let second = 0;
    return steps.map(({ gap, value }): Write => ({ second: (second += gap), value }));
  });

void t.test('both averages are those of the published formulas, whatever comes', (t) => {
  fc.assert(
    fc.property(writesOf, fc.integer({ min: 1, max: 20 }), fc.nat({ max: 25 }), (writes, size, later) => {
      const linear = createWindow('linear', size * 1000);
      const weighted = createWindow('weighted-exponential', size * 1000);
      for (const { second, value } of writes) {
        linear.record(at(second), value);
        weighted.record(at(second), value);
      }
      const now = (writes.at(-1)?.second ?? 0) + later;
      const base = 1_700_000_000;
      const moved = writes.map(({ second, value }) => ({ second: base + second, value }));
      const close = (a: number, b: number) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));
      return (
        close(linear.average(at(now)), linearAverage(moved, size, base + now)) &&
        close(weighted.average(at(now)), weightedAverage(moved, size, base + now))
      );
    }),
  );
  t.end();
});

void t.test('a window that changes its length keeps what it knows', (t) => {
  const window = createWindow('linear', 10_000);
  for (let second = 0; second < 10; second++) window.record(at(second), second);
  t.equal(window.resized(4_000, at(9)).average(at(9)), (6 + 7 + 8 + 9) / 4);
  const longer = window.resized(30_000, at(9));
  t.equal(longer.average(at(9)), 4.5);
  longer.record(at(10), 15.5);
  t.equal(longer.average(at(10)), 5.5);
  t.equal(window.resized(4_000, at(100)).isEmpty(at(100)), true);
  t.end();
});

void t.test('silence counts as zeros once it is known, and takes nothing back', (t) => {
  const window = createWindow('linear', 10_000);
  window.record(at(5), 10);
  window.silence(at(3));
  t.equal(window.average(at(5)), 10);
  window.silence(at(9));
  t.equal(window.average(at(9)), 2);
  t.end();
});

void t.test('scale-down delay: the largest wish of the last while', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ gap: fc.nat({ max: 5 }), value: fc.nat({ max: 9 }) }), { minLength: 1 }),
      fc.integer({ min: 1, max: 8 }),
      (steps, size) => {
        const window = new MaxWindow(size * 2000, 2000);
        const seen: { step: number; value: number }[] = [];
        let step = 1000;
        for (const { gap, value } of steps) {
          step += gap;
          seen.push({ step, value });
          const expected = Math.max(...seen.filter((one) => one.step > step - size).map((one) => one.value));
          if (window.record(step * 2000 + 500, value) !== expected) return false;
        }
        return true;
      },
    ),
  );
  t.end();
});
