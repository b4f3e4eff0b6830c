import t from 'tap';
import { nextLook, watchMemory } from '../../../../local/node/runtime/process/memory-watch.ts';
import type { Container, Pod } from '../../../../api/core.ts';
import { isReady, openCluster } from '../cluster.ts';

const MiB = 1024 * 1024;

void t.test('the less is left, the sooner it is looked at again', (t) => {
  for (const [left, wanted] of [
    [-1, 10],
    [0, 10],
    [80 * MiB, 20],
    [400 * MiB, 100],
    [8192 * MiB, 250],
  ] as const)
    t.equal(nextLook(left), wanted, `${left / MiB} MiB left`);
  t.end();
});

void t.test('memory that is shared with others does not count against a limit', async (t) => {
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    after: (_: number, run: () => void) => {
      timers.push(run);
      return () => undefined;
    },
  };
  const next = async (): Promise<void> => {
    timers.shift()?.();
    await new Promise(setImmediate);
  };
  let [resident, own, exactly, killed] = [150, 60, 0, 0];
  const use = { atMost: () => resident, exactly: () => (exactly++, Promise.resolve(own)) };
  watchMemory(100, use, clock, () => killed++);
  await next();
  t.same([exactly, killed], [1, 0]);
  await next();
  t.same([exactly, killed], [1, 0], 'what is shared is remembered');
  [resident, own] = [200, 101];
  await next();
  t.same([exactly, killed, timers.length], [2, 1, 0]);
});

const hog = (megabytes: number): Container => ({
  name: 'main',
  image: process.execPath,
  args: [
    '-e',
    `const held = []; for (let n = 0; n < ${megabytes}; n++) held.push(Buffer.alloc(${MiB}, 1)); console.log(held.length); setInterval(() => held, 1000);`,
  ],
  resources: { limits: { memory: '200Mi' } },
});

void t.test('a container that uses more than its limit is ended as OOMKilled, one that does not runs on', async (t) => {
  const cluster = await openCluster(t);
  await cluster.run('modest', { containers: [hog(20)] });
  await cluster.run('hog', { restartPolicy: 'Never', containers: [hog(400)] });
  const terminated = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.terminated;
  const pod = await cluster.see('hog', (pod) => terminated(pod) !== undefined, 20_000);
  t.match(terminated(pod), { reason: 'OOMKilled', exitCode: 137 });
  t.notMatch(await cluster.log('hog'), '400', 'before it had all it asked for');
  const modest = await cluster.see('modest', isReady);
  t.equal(modest.status?.containerStatuses?.[0]?.restartCount, 0);
});
