import t from 'tap';
import { Deciders } from '../../../serving/autoscaler/deciders.ts';
import type { DeciderSpec } from '../../../serving/autoscaler/decider.ts';
import { deciderSpec } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

interface Decision {
  readonly key: string;
  readonly desired: number;
  readonly urgent: boolean;
}

function setUp(spec: Partial<DeciderSpec> = {}) {
  const clock = new ManualClock();
  const pods = new Map<string, number>();
  const decisions: Decision[] = [];
  let measured = 0;
  const deciders = new Deciders({
    clock,
    readyPods: (key) => pods.get(key) ?? 0,
    onDecision: (key, { desired }, urgent) => decisions.push({ key, desired, urgent }),
    onMeasure: () => measured++,
  });
  deciders.observe(true);
  return {
    clock,
    pods,
    decisions,
    deciders,
    measured: () => measured,
    ensure: (key: string) => deciders.ensure(key, deciderSpec(spec)),
    /** A second of this load, reported at its end. */
    second(key: string, concurrency: number) {
      clock.advance(1000);
      if (concurrency > 0) deciders.record(key, { concurrency, rps: concurrency });
    },
  };
}

void t.test('the first request of a sleeping revision is decided before record returns', (t) => {
  const { deciders, decisions, ensure } = setUp();
  ensure('a/x');
  deciders.record('a/x', { concurrency: 1, rps: 1 });
  t.strictSame(decisions, [{ key: 'a/x', desired: 1, urgent: true }]);
  t.end();
});

void t.test('a burst from zero gets all its pods at once', (t) => {
  const { deciders, decisions, ensure } = setUp();
  ensure('a/x');
  deciders.record('a/x', { concurrency: 1, rps: 1 });
  deciders.record('a/x', { concurrency: 699, rps: 699 });
  t.equal(decisions.length, 1, 'more load for a revision on its way waits for the tick');
  t.end();
});

void t.test('thousand sleeping revisions cost nothing', (t) => {
  const { clock, deciders, ensure, measured } = setUp();
  for (let i = 0; i < 1000; i++) ensure(`a/${i}`);
  t.equal(clock.pending, 0, 'no timer');
  clock.advance(60_000);
  t.equal(measured(), 0);
  deciders.record('a/7', { concurrency: 1, rps: 1 });
  clock.advance(2000);
  t.equal(measured(), 2, 'and one awake costs one');
  t.equal(deciders.awake, 1);
  t.end();
});

void t.test('a revision is left alone again once it is at zero', (t) => {
  const { clock, pods, deciders, ensure, decisions, second } = setUp({ stableWindow: 6000, panicWindow: 1000 });
  ensure('a/x');
  deciders.record('a/x', { concurrency: 1, rps: 1 });
  pods.set('a/x', 1);
  deciders.touch('a/x');
  for (let i = 0; i < 20; i++) second('a/x', 0);
  t.equal(decisions.at(-1)?.desired, 0);
  t.equal(deciders.awake, 1, 'its pod still runs');
  pods.set('a/x', 0);
  clock.advance(2000);
  t.equal(deciders.awake, 0);
  t.equal(clock.pending, 0);
  t.end();
});

void t.test('load counts for a stable window after it ended', (t) => {
  const { pods, ensure, decisions, deciders, second } = setUp({ target: 1, total: 1 });
  ensure('a/x');
  pods.set('a/x', 1);
  deciders.touch('a/x');
  for (let i = 0; i < 60; i++) second('a/x', 1);
  t.equal(decisions.at(-1)?.desired, 1);
  for (let i = 0; i < 58; i++) second('a/x', 0);
  t.equal(decisions.at(-1)?.desired, 1);
  for (let i = 0; i < 6; i++) second('a/x', 0);
  t.equal(decisions.at(-1)?.desired, 0);
  t.end();
});

void t.test('an autoscaler that starts keeps the pods it finds until it has seen a stable window', (t) => {
  const clock = new ManualClock();
  const decisions: Decision[] = [];
  const deciders = new Deciders({
    clock,
    readyPods: () => 6,
    onDecision: (key, { desired }, urgent) => decisions.push({ key, desired, urgent }),
  });
  deciders.ensure('a/x', deciderSpec());
  clock.advance(120_000);
  t.strictSame(decisions, [], 'no activator reports: no opinion');
  deciders.observe(true);
  clock.advance(60_000);
  t.strictSame(decisions, [{ key: 'a/x', desired: 6, urgent: false }]);
  clock.advance(4_000);
  t.equal(decisions.at(-1)?.desired, 3, 'then down, by half at most');
  t.end();
});

void t.test('when activators are gone for a while, nothing is taken away meanwhile or at once after', (t) => {
  const { clock, pods, deciders, ensure, decisions, second } = setUp({ target: 1, total: 1 });
  ensure('a/x');
  pods.set('a/x', 4);
  deciders.touch('a/x');
  for (let i = 0; i < 60; i++) second('a/x', 4);
  t.equal(decisions.at(-1)?.desired, 4);
  deciders.observe(false);
  clock.advance(300_000);
  deciders.observe(true);
  clock.advance(59_000);
  t.equal(decisions.at(-1)?.desired, 4);
  clock.advance(5_000);
  t.equal(decisions.at(-1)?.desired, 2);
  t.end();
});

void t.test('several activators add up', (t) => {
  const { clock, pods, deciders, ensure, decisions } = setUp({ target: 10, total: 10 });
  ensure('a/x');
  pods.set('a/x', 1);
  deciders.touch('a/x');
  for (let i = 0; i < 8; i++) {
    clock.advance(1000);
    deciders.record('a/x', { concurrency: 15, rps: 0 });
    deciders.record('a/x', { concurrency: 15, rps: 0 });
  }
  t.equal(decisions.at(-1)?.desired, 3);
  t.end();
});

void t.test('scale-down delay keeps pods for its time', (t) => {
  const { pods, ensure, decisions, deciders, second } = setUp({
    target: 1,
    total: 1,
    stableWindow: 6000,
    panicWindow: 1000,
    panicThreshold: 10,
    scaleDownDelay: 30_000,
  });
  ensure('a/x');
  pods.set('a/x', 4);
  deciders.touch('a/x');
  for (let i = 0; i < 20; i++) second('a/x', 4);
  t.equal(decisions.at(-1)?.desired, 4);
  for (let i = 0; i < 30; i++) second('a/x', 0);
  t.equal(decisions.at(-1)?.desired, 4);
  for (let i = 0; i < 12; i++) second('a/x', 0);
  t.equal(decisions.at(-1)?.desired, 2);
  t.end();
});

void t.test('the rps metric scales by requests per second', (t) => {
  const { clock, pods, deciders, ensure, decisions } = setUp({ metric: 'rps', target: 100, total: 100 });
  ensure('a/x');
  pods.set('a/x', 1);
  deciders.touch('a/x');
  for (let i = 0; i < 8; i++) {
    clock.advance(1000);
    deciders.record('a/x', { concurrency: 1, rps: 250 });
  }
  t.equal(decisions.at(-1)?.desired, 3);
  t.end();
});

void t.test('load of a revision that is not known is left out, and a deleted one is forgotten', (t) => {
  const { clock, deciders, decisions, ensure, measured } = setUp();
  deciders.record('a/x', { concurrency: 1, rps: 1 });
  ensure('a/x');
  deciders.record('a/x', { concurrency: 1, rps: 1 });
  deciders.remove('a/x');
  const before = measured();
  clock.advance(10_000);
  t.equal(measured(), before);
  t.equal(decisions.length, 1);
  t.equal(deciders.size, 0);
  t.end();
});

void t.test('thousand revisions with an idle pod each take less than one in a hundred of a core', (t) => {
  const { clock, pods, deciders, ensure } = setUp();
  for (let i = 0; i < 1000; i++) {
    pods.set(`a/${i}`, 1);
    ensure(`a/${i}`);
  }
  for (let i = 0; i < 20; i++) clock.advance(2000);
  t.equal(deciders.awake, 1000);
  const ticks = 50;
  const before = process.cpuUsage();
  for (let i = 0; i < ticks; i++) clock.advance(2000);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / (ticks * 2_000_000);
  t.ok(share < 0.01, `${(share * 100).toFixed(2)} % of a core`);
  t.end();
});

void t.test('reports that a busy machine bunches together are no burst of load', (t) => {
  const { clock, pods, deciders, ensure } = setUp({ target: 1, stableWindow: 10_000, panicWindow: 1000 });
  pods.set('a/x', 4);
  const decider = ensure('a/x');
  const load = (concurrency: number) => ({ concurrency, rps: concurrency });
  let most = 0;
  for (let second = 0; second < 20; second++) {
    clock.advance(1000);
    // Every other second its report comes late, together with the next one; another activator's comes on time.
    if (second % 2 === 1) for (const concurrency of [2, 4]) deciders.record('a/x', load(concurrency), 'late');
    deciders.record('a/x', load(1), 'on time');
    decider.decide(clock.now(), 4);
    most = Math.max(most, decider.averages.panic);
  }
  t.equal(most, 4, 'the mean of both, and the other one’s');
  deciders.record('a/x', load(1));
  decider.decide(clock.now(), 4);
  t.equal(decider.averages.panic, 5, 'a wake comes on top');
  t.end();
});
