import t from 'tap';
import type { Clock } from '../../../../kube/clock.ts';
import { Prober } from '../../../../local/node/probe/prober.ts';
import { nextDelay, type Probe, type ProbeKind } from '../../../../local/node/probe/schedule.ts';

/** Time that moves only when asked to. */
class TestClock implements Clock {
  #now = 0;
  #tasks: { at: number; task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delay: number, task: () => void): () => void {
    const entry = { at: this.#now + delay, task };
    this.#tasks.push(entry);
    return () => (this.#tasks = this.#tasks.filter((one) => one !== entry));
  }

  async advance(to: number): Promise<void> {
    for (;;) {
      // Results of looks are promises.
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      const next = this.#tasks.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > to) break;
      this.#tasks.shift();
      this.#now = next.at;
      next.task();
    }
    this.#now = to;
  }
}

function watch(
  probes: { startup?: Probe; readiness?: Probe; liveness?: Probe },
  healthy: (now: number, kind: ProbeKind) => boolean,
) {
  const clock = new TestClock();
  const seen: [number, string][] = [];
  const looks: number[] = [];
  const kindOf = (probe: Probe): ProbeKind =>
    probe === probes.startup ? 'startup' : probe === probes.readiness ? 'readiness' : 'liveness';
  const prober = new Prober(
    probes,
    (probe) => {
      looks.push(clock.now());
      return Promise.resolve(
        healthy(clock.now(), kindOf(probe)) ? { success: true } : { success: false, message: 'no' },
      );
    },
    {
      onStarted: () => seen.push([clock.now(), 'started']),
      onReady: (ready) => seen.push([clock.now(), ready ? 'ready' : 'unready']),
      onUnhealthy: (kind) => seen.push([clock.now(), `${kind} kills`]),
      onFailure: () => undefined,
      onSilence: () => undefined,
    },
    clock,
  );
  prober.start();
  return { clock, seen, looks, prober };
}

void t.test('before its first success a container is looked at within milliseconds, whatever its period', async (t) => {
  const { clock, seen, looks } = watch(
    { readiness: { tcpSocket: { port: 1 }, periodSeconds: 10 } },
    (now) => now >= 40,
  );
  await clock.advance(1000);
  t.same(looks.slice(0, 7), [1, 3, 6, 11, 19, 32, 53]);
  t.same(seen, [
    [0, 'started'],
    [53, 'ready'],
  ]);
});

void t.test('initialDelaySeconds is waited for, then it is eager', async (t) => {
  const { clock, seen } = watch(
    { readiness: { tcpSocket: { port: 1 }, initialDelaySeconds: 2, periodSeconds: 10 } },
    () => true,
  );
  await clock.advance(1999);
  t.same(seen, [[0, 'started']]);
  await clock.advance(2001);
  t.same(seen.at(-1), [2001, 'ready']);
});

void t.test('no readiness probe: ready once started', async (t) => {
  const { clock, seen } = watch({}, () => true);
  await clock.advance(0);
  t.same(seen, [
    [0, 'started'],
    [0, 'ready'],
  ]);
});

void t.test(
  'a ready container turns unready after failureThreshold periods and comes back after successThreshold',
  async (t) => {
    const readiness = { tcpSocket: { port: 1 }, periodSeconds: 10, failureThreshold: 3, successThreshold: 2 };
    const { clock, seen } = watch({ readiness }, (now) => now < 5_000 || now > 40_000);
    await clock.advance(60_000);
    t.same(seen.slice(0, 3), [
      [0, 'started'],
      [1, 'ready'],
      [30_001, 'unready'],
    ]);
    t.equal(seen[3]?.[1], 'ready');
    t.ok((seen[3]?.[0] ?? 0) > 40_000);
  },
);

void t.test('a startup probe holds back the others, and kills when its time is over', async (t) => {
  const startup = { tcpSocket: { port: 1 }, periodSeconds: 2, failureThreshold: 3 };
  const late = watch({ startup, liveness: { tcpSocket: { port: 1 }, periodSeconds: 1 } }, () => false);
  await late.clock.advance(20_000);
  t.equal(late.seen.length, 1);
  t.equal(late.seen[0]?.[1], 'startup kills');
  t.ok((late.seen[0]?.[0] ?? 0) >= 6_000 && (late.seen[0]?.[0] ?? 0) < 6_100);
  const well = watch({ startup }, (now) => now > 3_000);
  await well.clock.advance(4_000);
  t.same(
    well.seen.map(([, what]) => what),
    ['started', 'ready'],
  );
});

void t.test('liveness kills after failureThreshold periods, not before', async (t) => {
  const { clock, seen, looks } = watch(
    { liveness: { exec: { command: ['x'] }, periodSeconds: 5, failureThreshold: 2 } },
    () => false,
  );
  await clock.advance(30_000);
  t.same(looks, [5_000, 10_000]);
  t.same(seen.at(-1), [10_000, 'liveness kills']);
});

void t.test('a stopped prober looks no more', async (t) => {
  const { clock, looks, prober } = watch({ readiness: { tcpSocket: { port: 1 } } }, () => false);
  await clock.advance(10);
  prober.stop();
  const count = looks.length;
  await clock.advance(10_000);
  t.equal(looks.length, count);
});

void t.test('Knative’s periodSeconds 0 goes on eagerly and never spins', async (t) => {
  const probe = { tcpSocket: { port: 1 }, periodSeconds: 0 };
  t.equal(nextDelay(probe, true, 0, 0), 1);
  t.equal(nextDelay(probe, true, 100, 1_000), 50);
  t.equal(nextDelay(probe, true, 1_000, 60_000), 250);
  t.equal(nextDelay(probe, false, 0, 0), 10_000);
});
