import fc from 'fast-check';
import t from 'tap';
import { CALM, decideScale, type Load, type PanicState, type ScaleSpec } from '../../../serving/autoscaler/decide.ts';
import { deciderSpec } from './fixtures.ts';
import { kpa } from './formulas.ts';

const NOW = 1_700_000_000_000;
const load = (stable: number, panic: number, readyPods: number): Load => ({ stable, panic, readyPods });
/** Knative's defaults with a target of 7 of 10 requests at a time. */
const ten = deciderSpec({ target: 7, total: 10, targetBurstCapacity: 0 });

interface Case {
  readonly name: string;
  readonly spec?: Partial<ScaleSpec>;
  readonly load: Load;
  readonly panic?: PanicState;
  readonly desired: number;
  readonly excessBurst?: number;
  readonly after?: PanicState;
}

const cases: readonly Case[] = [
  { name: 'no load wants no pods', load: load(0, 0, 1), desired: 0 },
  { name: 'the least load wants a pod', load: load(0.01, 0.01, 1), desired: 1 },
  { name: '7 at a time fill a pod', load: load(7, 7, 1), desired: 1 },
  { name: 'the eighth needs another', load: load(7.1, 7.1, 2), desired: 2 },
  {
    name: 'at 70 % of 100 requests, 150 at a time are 3 pods',
    spec: { target: 70 },
    load: load(150, 150, 3),
    desired: 3,
  },
  { name: 'down by half at most in one step', load: load(7, 7, 10), desired: 5 },
  { name: 'down from one pod goes to none', load: load(0, 0, 1), desired: 0 },
  { name: 'down from two pods stops at one', load: load(0, 0, 2), desired: 1 },
  { name: 'what no route leads to goes down at once', spec: { reachable: false }, load: load(0, 0, 10), desired: 0 },
  {
    name: 'up by the rate at most',
    spec: { maxScaleUpRate: 2, panicThreshold: 100 },
    load: load(700, 0, 3),
    desired: 6,
  },
  {
    name: 'a small rate still adds one',
    spec: { target: 1, maxScaleUpRate: 1.1, panicThreshold: 100 },
    load: load(3, 3, 2),
    desired: 3,
  },
  {
    name: 'twice the ready pods is panic',
    load: load(7, 28, 2),
    desired: 4,
    after: { since: NOW, maxPods: 4 },
  },
  { name: 'just below is not', load: load(14, 21, 2), desired: 2, after: CALM },
  {
    name: 'panic never takes pods away',
    load: load(7, 7, 8),
    panic: { since: NOW - 30_000, maxPods: 9 },
    desired: 9,
    after: { since: NOW - 30_000, maxPods: 9 },
  },
  {
    name: 'panic adds by either window',
    load: load(84, 7, 8),
    panic: { since: NOW - 30_000, maxPods: 9 },
    desired: 12,
    after: { since: NOW - 30_000, maxPods: 12 },
  },
  {
    name: 'panic ends a stable window after the last crossing',
    load: load(7, 7, 1),
    panic: { since: NOW - 60_001, maxPods: 9 },
    desired: 1,
    after: CALM,
  },
  {
    name: 'not a moment earlier',
    load: load(7, 7, 1),
    panic: { since: NOW - 60_000, maxPods: 9 },
    desired: 9,
    after: { since: NOW - 60_000, maxPods: 9 },
  },
  { name: 'activation scale applies to any load', spec: { activationScale: 5 }, load: load(1, 1, 5), desired: 5 },
  { name: 'and not to none', spec: { activationScale: 5 }, load: load(0, 0, 1), desired: 0 },
  {
    name: 'spare room is what pods can take, less burst and load',
    spec: { targetBurstCapacity: 11 },
    load: load(14, 14.5, 4),
    desired: 2,
    excessBurst: 40 - 11 - 15,
  },
  { name: 'no burst to cover', spec: { targetBurstCapacity: 0 }, load: load(14, 14, 2), desired: 2, excessBurst: 0 },
  {
    name: 'always behind the activator',
    spec: { targetBurstCapacity: -1 },
    load: load(7, 7, 1),
    desired: 1,
    excessBurst: -1,
  },
];

for (const { name, spec, load: given, panic, desired, excessBurst, after } of cases) {
  void t.test(name, (t) => {
    const [decision, state] = decideScale({ ...ten, ...spec }, given, panic ?? CALM, NOW);
    t.equal(decision.desired, desired);
    if (excessBurst !== undefined) t.equal(decision.excessBurst, excessBurst);
    if (after !== undefined) t.strictSame(state, after);
    t.end();
  });
}

const anySpec = fc.record({
  target: fc.double({ min: 0.01, max: 200, noNaN: true }),
  total: fc.double({ min: 0.01, max: 300, noNaN: true }),
  targetBurstCapacity: fc.oneof(fc.constant(-1), fc.nat({ max: 500 })),
  maxScaleUpRate: fc.double({ min: 1.01, max: 1000, noNaN: true }),
  maxScaleDownRate: fc.double({ min: 1.01, max: 50, noNaN: true }),
  panicThreshold: fc.double({ min: 1.1, max: 10, noNaN: true }),
  stableWindow: fc.integer({ min: 6, max: 120 }).map((seconds) => seconds * 1000),
  reachable: fc.boolean(),
  activationScale: fc.nat({ max: 5 }),
});
const anyLoads = fc.array(
  fc.record({
    stable: fc.double({ min: 0, max: 5000, noNaN: true }),
    panic: fc.double({ min: 0, max: 5000, noNaN: true }),
    readyPods: fc.nat({ max: 60 }),
    later: fc.integer({ min: 1, max: 30 }).map((seconds) => seconds * 1000),
  }),
  { minLength: 1, maxLength: 30 },
);

void t.test('every decision is that of the published formulas', (t) => {
  fc.assert(
    fc.property(anySpec, anyLoads, (changes, loads) => {
      const spec = deciderSpec(changes);
      const oracle = { panicTime: null, maxPanic: 0 };
      let panic = CALM;
      let now = NOW;
      for (const one of loads) {
        now += one.later;
        const [decision, after] = decideScale(spec, one, panic, now);
        panic = after;
        const expected = kpa(spec, one.stable, one.panic, one.readyPods, oracle, now);
        if (decision.desired !== expected.desired || decision.excessBurst !== expected.ebc) return false;
      }
      return true;
    }),
  );
  t.end();
});

void t.test('a user never sees pods taken away in panic, nor steps beyond the rates', (t) => {
  fc.assert(
    fc.property(anySpec, anyLoads, (changes, loads) => {
      const spec = deciderSpec(changes);
      let panic = CALM;
      let before = 0;
      let now = NOW;
      for (const one of loads) {
        now += one.later;
        const wasPanicking = panic.since !== undefined;
        const [{ desired }, after] = decideScale(spec, one, panic, now);
        const panicking = after.since !== undefined;
        if (wasPanicking && panicking && desired < before) return false;
        const ready = Math.max(1, one.readyPods);
        const most = Math.max(Math.ceil(spec.maxScaleUpRate * ready), spec.activationScale, panic.maxPods);
        if (desired > most || desired < 0) return false;
        if (!panicking && spec.reachable && desired < Math.floor(ready / spec.maxScaleDownRate)) return false;
        panic = after;
        before = desired;
      }
      return true;
    }),
  );
  t.end();
});
