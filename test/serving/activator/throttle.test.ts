import fc from 'fast-check';
import t from 'tap';
import type { Address } from '../../../serving/activator/backends.ts';
import { GatewayError } from '../../../serving/activator/errors.ts';
import { Throttle, type Admission, type Lease, type ThrottleOptions } from '../../../serving/activator/throttle.ts';
import { ManualClock } from './manual-clock.ts';

const pod = (n: number): Address => ({ host: '127.0.0.1', port: 1000 + n });

function rig(options: Partial<ThrottleOptions> = {}): {
  throttle: Throttle;
  clock: ManualClock;
  granted: [string, Lease][];
  rejected: string[];
  ask(name: string, first?: boolean): Admission;
} {
  const clock = new ManualClock();
  const granted: [string, Lease][] = [];
  const rejected: string[] = [];
  const throttle = new Throttle({ clock, queueLimit: 1000, budget: { limit: 1000, used: 0 }, ...options });
  return {
    throttle,
    clock,
    granted,
    rejected,
    ask: (name, first = false) =>
      throttle.admit(
        {
          granted: (lease) => granted.push([name, lease]),
          rejected: (error) => rejected.push(`${name}: ${error.code}`),
        },
        { first },
      ),
  };
}

const names = (granted: [string, Lease][]): string[] => granted.map(([name]) => name);

void t.test('requests wait for the first pod and leave in the order they came', async (t) => {
  let demands = 0;
  const { throttle, granted, ask } = rig({ onDemand: () => demands++ });
  for (const name of ['a', 'b', 'c']) ask(name);
  t.same(names(granted), []);
  t.equal(throttle.queued, 3);
  t.equal(demands, 3);
  throttle.setPods([pod(1)]);
  t.same(names(granted), ['a', 'b', 'c'], 'no limit: all at once');
  t.equal(throttle.queued, 0);
  t.equal(throttle.inFlight, 3);
});

void t.test('a pod has at most containerConcurrency requests', async (t) => {
  const { throttle, granted, ask } = rig();
  throttle.setConcurrency(1);
  throttle.setPods([pod(1)]);
  for (const name of ['a', 'b', 'c']) ask(name);
  t.same(names(granted), ['a']);
  granted[0]![1].release();
  granted[0]![1].release();
  t.same(names(granted), ['a', 'b'], 'a second release of the same lease does nothing');
  throttle.setPods([pod(1), pod(2)]);
  t.same(names(granted), ['a', 'b', 'c']);
});

void t.test('a pod that vanishes and returns keeps count of what it has', async (t) => {
  const { throttle, granted, ask } = rig();
  throttle.setConcurrency(1);
  throttle.setPods([pod(1)]);
  ask('a');
  throttle.setPods([]);
  throttle.setPods([pod(1)]);
  ask('b');
  t.same(names(granted), ['a']);
  granted[0]![1].release();
  t.same(names(granted), ['a', 'b']);
});

void t.test('who leaves the queue is not served', async (t) => {
  const budget = { limit: 10, used: 0 };
  const { throttle, granted, ask } = rig({ budget });
  ask('a');
  const leaving = ask('b');
  ask('c');
  leaving.cancel();
  leaving.cancel();
  t.equal(budget.used, 2);
  throttle.setPods([pod(1)]);
  t.same(names(granted), ['a', 'c']);
  t.equal(budget.used, 0);
});

void t.test('a full queue refuses, a revision’s own and the process’s', async (t) => {
  const own = rig({ queueLimit: 2 });
  own.ask('a');
  own.ask('b');
  t.throws(() => own.ask('c'), { code: 'queue-full' });
  const budget = { limit: 1, used: 0 };
  const shared = rig({ budget });
  shared.ask('a');
  t.throws(() => shared.ask('b'), { code: 'queue-full' });
  t.equal(budget.used, 1);
});

void t.test('a pod that refused is not avoided for an hour because the clock was set back by one', async (t) => {
  let now = 3_600_000;
  const clock = { now: () => now, after: () => () => undefined };
  const throttle = new Throttle({ clock, queueLimit: 10, budget: { limit: 10, used: 0 } });
  throttle.setPods([pod(1)]);
  throttle.admit({ granted: (lease) => lease.refused(), rejected: t.fail });
  now = 0;
  let granted = false;
  throttle.admit({ granted: () => (granted = true), rejected: t.fail });
  t.ok(granted);
});

void t.test('a request whose pod refused goes first, to another pod, or waits a moment for the same', async (t) => {
  const { throttle, clock, granted, ask } = rig({ random: () => 0 });
  throttle.setConcurrency(1);
  throttle.setPods([pod(1), pod(2)]);
  ask('a');
  granted[0]![1].refused();
  ask('a again', true);
  t.equal(granted[1]![1].address.port, pod(2).port);

  ask('b');
  t.equal(granted.length, 2, 'the pod that refused is left alone, the other is full');
  clock.advance(20);
  t.same(names(granted), ['a', 'a again', 'b']);
  t.equal(granted[2]![1].address.port, pod(1).port);
  granted[2]![1].refused();
  ask('b again', true);
  clock.advance(20);
  t.equal(granted.length, 3, 'the second refusal is followed by a longer pause');
  clock.advance(20);
  t.equal(granted.length, 4);
});

void t.test('policies: best of two, first free, round robin', async (t) => {
  const two = rig({ random: sequence([0, 0.99, 0, 0.99]) });
  two.throttle.setPods([pod(1), pod(2)]);
  two.ask('a');
  two.ask('b');
  t.same(ports(two.granted), [1001, 1002], 'the less loaded of the two drawn');

  const small = rig();
  small.throttle.setConcurrency(2);
  small.throttle.setPods([pod(1), pod(2)]);
  for (const name of ['a', 'b', 'c']) small.ask(name);
  t.same(ports(small.granted), [1001, 1001, 1002]);

  const large = rig();
  large.throttle.setConcurrency(10);
  large.throttle.setPods([pod(1), pod(2), pod(3)]);
  for (const name of ['a', 'b', 'c', 'd']) large.ask(name);
  t.same(ports(large.granted), [1001, 1002, 1003, 1001]);
});

void t.test('a revision that is deleted lets go of those who wait', async (t) => {
  const budget = { limit: 10, used: 0 };
  const { throttle, rejected, ask } = rig({ budget });
  ask('a');
  ask('b');
  throttle.close(new GatewayError('gone', 404, 'gone'));
  t.same(rejected, ['a: gone', 'b: gone']);
  t.throws(() => ask('c'), { code: 'gone' });
  t.equal(budget.used, 0);
});

type Step =
  | { do: 'ask' }
  | { do: 'release' | 'refuse' | 'cancel'; which: number }
  | { do: 'pods'; pods: number[] }
  | { do: 'limit'; limit: number }
  | { do: 'time'; ms: number };

void t.test('never over the limit, first in first out, nobody lost', async () => {
  const which = fc.nat(1000);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step>({ do: 'ask' }) },
    { weight: 4, arbitrary: which.map<Step>((n) => ({ do: 'release', which: n })) },
    { weight: 1, arbitrary: which.map<Step>((n) => ({ do: 'refuse', which: n })) },
    { weight: 1, arbitrary: which.map<Step>((n) => ({ do: 'cancel', which: n })) },
    { weight: 2, arbitrary: fc.subarray([1, 2, 3, 4]).map<Step>((pods) => ({ do: 'pods', pods })) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 500 }).map<Step>((ms) => ({ do: 'time', ms })) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5 }), fc.array(step, { maxLength: 80 }), (limit, steps) => {
      const budget = { limit: 1000, used: 0 };
      const clock = new ManualClock();
      const throttle = new Throttle({ clock, queueLimit: 1000, budget });
      throttle.setConcurrency(limit);
      const held: Lease[] = [];
      const perPod = new Map<number, number>();
      const order: number[] = [];
      const waiting = new Map<number, Admission>();
      let asked = 0;
      const settled = new Set<number>();
      for (const one of steps) {
        if (one.do === 'ask') {
          const id = asked++;
          let inside = true;
          const admission = throttle.admit({
            granted: (lease) => {
              order.push(id);
              settled.add(id);
              waiting.delete(id);
              held.push(lease);
              perPod.set(lease.address.port, (perPod.get(lease.address.port) ?? 0) + 1);
              if (limit > 0 && perPod.get(lease.address.port)! > limit) throw new Error('over the limit');
              inside = false;
            },
            rejected: () => {
              throw new Error('rejected');
            },
          });
          if (inside) waiting.set(id, admission);
        } else if (one.do === 'release' || one.do === 'refuse') {
          const [lease] = held.length === 0 ? [] : held.splice(one.which % held.length, 1);
          if (lease === undefined) continue;
          perPod.set(lease.address.port, perPod.get(lease.address.port)! - 1);
          if (one.do === 'release') lease.release();
          else lease.refused();
        } else if (one.do === 'cancel') {
          const ids = [...waiting.keys()];
          const id = ids[one.which % Math.max(1, ids.length)];
          if (id === undefined) continue;
          waiting.get(id)!.cancel();
          waiting.delete(id);
          settled.add(id);
        } else if (one.do === 'pods') throttle.setPods(one.pods.map(pod));
        else if (one.do === 'time') clock.advance(one.ms);
        if (throttle.queued !== waiting.size || budget.used !== waiting.size) throw new Error('queue miscounted');
        if (throttle.inFlight !== held.length) throw new Error('slots miscounted');
      }
      for (let i = 1; i < order.length; i++) if (order[i]! < order[i - 1]!) throw new Error('out of order');
      // With pods there, time and everything given back, all who still wait are served.
      throttle.setPods([pod(1)]);
      while (held.length > 0 || waiting.size > 0) {
        const before = settled.size;
        for (const lease of held.splice(0)) {
          perPod.set(lease.address.port, perPod.get(lease.address.port)! - 1);
          lease.release();
        }
        clock.advance(2000);
        if (settled.size === before && waiting.size > 0) throw new Error('stuck');
      }
      return settled.size === asked;
    }),
  );
});

function ports(granted: [string, Lease][]): number[] {
  return granted.map(([, lease]) => lease.address.port);
}

function sequence(values: number[]): () => number {
  let at = 0;
  return () => values[at++ % values.length]!;
}
