import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { cpuSecondsOf, memoryOf } from '../../../local/node/runtime/process/proc.ts';
import { rateOf, UsageMeter, type Metered } from '../../../local/node/usage.ts';
import { ManualClock } from '../../serving/autoscaler/manual-clock.ts';

void t.test('cores from two moments', (t) => {
  const cases: [name: string, before: number | undefined, after: number | undefined, window: number, cores: number][] =
    [
      ['half a core', 10, 10.5, 1000, 0.5],
      ['two cores over a short time', 1, 1.6, 300, 2],
      ['began in between', undefined, 0.25, 500, 0.5],
      ['ended in between', 3, undefined, 500, 0],
      ['a process went with its time', 9, 4, 1000, 0],
    ];
  for (const [name, before, after, window, cores] of cases)
    t.ok(Math.abs(rateOf(before, after, window) - cores) < 1e-9, name);
  t.end();
});

void t.test('a first look is followed by a second; those that come together share one', async (t) => {
  const clock = new ManualClock(1_000_000);
  let cpu = 5;
  let looks = 0;
  const pods: Metered[] = [
    {
      uid: 'a',
      containers: [
        {
          name: 'user-container',
          run: 'a/0',
          counters: () => Promise.resolve({ cpuSeconds: (looks++, (cpu += 0.15)), memoryBytes: 4096 }),
        },
        { name: 'ended', run: 'a/1', counters: () => Promise.resolve(undefined) },
      ],
    },
  ];
  const meter = new UsageMeter(clock, () => pods);
  const both = [meter.read(), meter.read()];
  while (looks < 1) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(300);
  const [first, second] = await Promise.all(both);
  t.equal(first, second, 'one answer');
  t.equal(looks, 2);
  t.match(first?.pods, [{ uid: 'a', window: 300, containers: [{ name: 'user-container', memory: 4096 }] }]);
  t.equal(first?.pods[0]?.containers.length, 1, 'what has ended uses nothing');
  t.ok(Math.abs((first?.pods[0]?.containers[0]?.cpu ?? 0) - 0.5) < 1e-9);
  clock.advance(500);
  t.equal(await meter.read(), first, 'a look soon after costs nothing');
  clock.advance(9_500);
  const later = await meter.read();
  t.match(later.pods, [{ window: 10_000 }], 'over the time since the last look');
  t.equal(looks, 3);
  pods.length = 0;
  clock.advance(2_000);
  t.strictSame((await meter.read()).pods, []);
});

void t.test('the kernel tells what a process has used and holds; nothing of one that is gone', async (t) => {
  const child = spawn(process.execPath, ['-e', 'let n = 0; for (;;) n++']);
  const { pid = 0 } = child;
  while (cpuSecondsOf(pid) < 0.05) await new Promise((resolve) => setTimeout(resolve, 5));
  t.ok((await memoryOf(pid)) > 1024 * 1024, 'more than a megabyte');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.equal(cpuSecondsOf(pid), 0);
  t.equal(await memoryOf(pid), 0);
});
