import t from 'tap';
import { Deadlines, type Limits } from '../../../serving/activator/deadlines.ts';
import { ManualClock } from './manual-clock.ts';

void t.test('which limit ends a request, and when', async (t) => {
  // Seconds at which the response is written to, and when the request is ended.
  const table: [string, Limits, number[], number | undefined][] = [
    ['no limits', {}, [], undefined],
    ['total', { timeoutSeconds: 10 }, [], 10],
    ['total, in spite of writes', { timeoutSeconds: 10 }, [1, 5, 9], 10],
    ['no first byte', { timeoutSeconds: 10, responseStartTimeoutSeconds: 7 }, [], 7],
    ['a first byte in time', { timeoutSeconds: 10, responseStartTimeoutSeconds: 7 }, [4], 10],
    ['never written counts as idle', { timeoutSeconds: 30, idleTimeoutSeconds: 7 }, [], 7],
    ['writes with short pauses', { timeoutSeconds: 30, idleTimeoutSeconds: 5 }, [2, 4, 6, 8, 10], 15],
    ['idle alone', { idleTimeoutSeconds: 5 }, [4], 9],
    ['start later than total', { timeoutSeconds: 5, responseStartTimeoutSeconds: 7 }, [], 5],
  ];
  for (const [name, limits, writes, expected] of table) {
    const clock = new ManualClock();
    const started = clock.now();
    let ended: number | undefined;
    const deadlines = new Deadlines(clock, limits, () => (ended = (clock.now() - started) / 1000));
    for (const at of writes) {
      clock.advance(started + at * 1000 - clock.now());
      deadlines.wrote();
    }
    clock.advance(60_000);
    t.equal(ended, expected, name);
  }
});

void t.test('a request that is over is not ended', async (t) => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(
    clock,
    { timeoutSeconds: 1, responseStartTimeoutSeconds: 0.5, idleTimeoutSeconds: 0.2 },
    () => t.fail('ended'),
  );
  deadlines.clear();
  clock.advance(5000);
});

void t.test('what the client sends ends a pause, and begins no response', async (t) => {
  const clock = new ManualClock();
  let ended: number | undefined;
  const started = clock.now();
  const deadlines = new Deadlines(
    clock,
    { responseStartTimeoutSeconds: 7, idleTimeoutSeconds: 5 },
    () => (ended = (clock.now() - started) / 1000),
  );
  clock.advance(4000);
  deadlines.stirred();
  clock.advance(60_000);
  t.equal(ended, 7);
});
