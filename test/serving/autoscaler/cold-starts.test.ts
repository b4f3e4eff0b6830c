import fc from 'fast-check';
import { Registry } from 'prom-client';
import t from 'tap';
import type { Deployment, Pod } from '../../../api/core.ts';
import { parsePodTimeline } from '../../../api/zeroth.ts';
import { ColdStarts, PHASES, phasesOf, type Moments } from '../../../serving/autoscaler/cold-starts.ts';
import { ManualClock } from './manual-clock.ts';

const KEY = 'default/hello-00001';
const labels = { 'serving.knative.dev/revision': 'hello-00001' };
const deployment = (replicas: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'hello-00001-deployment', namespace: 'default', labels },
  spec: { replicas, selector: {}, template: {} },
});
const pod = (uid: string, timeline?: object, status: Pod['status'] = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: uid,
    namespace: 'default',
    uid,
    labels,
    ...(timeline === undefined ? {} : { annotations: { 'zeroth.dev/timeline': JSON.stringify(timeline) } }),
  },
  status,
});

void t.test('the phases of a cold start', (t) => {
  const cases: [name: string, moments: Moments, expected: Record<string, number>][] = [
    [
      'all seen',
      { waiting: 1000, scaled: 1002, created: 1007, started: 1020, ready: 1060, answered: 1064 },
      {
        wake_to_scaled: 0.002,
        scaled_to_created: 0.005,
        created_to_started: 0.013,
        started_to_ready: 0.04,
        ready_to_first_byte: 0.004,
        total: 0.064,
      },
    ],
    [
      'a pod that was being started already',
      { waiting: 1000, scaled: 400, created: 410, started: 1010, ready: 1030, answered: 1030 },
      {
        wake_to_scaled: 0,
        scaled_to_created: 0,
        created_to_started: 0.01,
        started_to_ready: 0.02,
        ready_to_first_byte: 0,
        total: 0.03,
      },
    ],
    ['nothing seen', { waiting: 1000, answered: 1500 }, { ready_to_first_byte: 0.5, total: 0.5 }],
    [
      'a clock that is ahead',
      { waiting: 1000, scaled: 1010, ready: 9000, answered: 1100 },
      { wake_to_scaled: 0.01, started_to_ready: 0.09, ready_to_first_byte: 0, total: 0.1 },
    ],
  ];
  for (const [name, moments, expected] of cases)
    t.strictSame(
      Object.fromEntries([...phasesOf(moments)].map(([phase, seconds]) => [phase, Number(seconds.toFixed(6))])),
      expected,
      name,
    );
  t.end();
});

void t.test('phases are never negative and add up to the total, whatever the clocks say', (t) => {
  const moment = fc.integer({ min: 0, max: 100_000 });
  const maybe = fc.option(moment, { nil: undefined });
  fc.assert(
    fc.property(
      fc.record({ waiting: moment, scaled: maybe, created: maybe, started: maybe, ready: maybe, answered: moment }),
      (moments) => {
        const phases = phasesOf(moments);
        const total = phases.get('total') ?? -1;
        let sum = 0;
        for (const [phase, seconds] of phases) {
          if (seconds < 0) return false;
          if (phase !== 'total') sum += seconds;
        }
        return Math.abs(sum - total) < 1e-9;
      },
    ),
  );
  t.end();
});

void t.test('a cold start is counted by phase and revision, and forgotten with its revision', async (t) => {
  const clock = new ManualClock(100_000);
  const registry = new Registry();
  const coldStarts = new ColdStarts(registry, clock);
  const since = clock.now();
  clock.advance(2);
  coldStarts.deploymentChanged(deployment(0), deployment(1));
  clock.advance(4);
  coldStarts.podChanged(undefined, pod('a'));
  clock.advance(100);
  // Heard of late; the node agent wrote down when it was.
  coldStarts.podChanged(pod('a'), pod('a', { started: since + 20, ready: since + 55 }));
  coldStarts.ended(
    { type: 'coldStart', activator: 'a-1', namespace: 'default', name: 'hello-00001', since, at: since + 106 },
    'hello',
  );
  const text = await registry.metrics();
  const last = (phase: string): number =>
    Number(new RegExp(`^zeroth_cold_start_last_seconds\\{.*phase="${phase}".*\\} (\\S+)$`, 'm').exec(text)?.[1]);
  t.same(
    PHASES.map((phase) => [phase, last(phase)]),
    [
      ['wake_to_scaled', 0.002],
      ['scaled_to_created', 0.004],
      ['created_to_started', 0.014],
      ['started_to_ready', 0.035],
      ['ready_to_first_byte', 0.051],
      ['total', 0.106],
    ],
  );
  t.match(
    text,
    /zeroth_cold_start_seconds_count\{namespace_name="default",service_name="hello",revision_name="hello-00001",phase="total"\} 1/,
  );
  t.match(text, /zeroth_cold_start_last_timestamp_seconds\{[^}]*\} 100\.106/);
  coldStarts.forget(KEY);
  t.notMatch(await registry.metrics(), /hello-00001/, 'no series stays');
});

void t.test(
  'without the node agent the moments are those of the watch; pods of an earlier life do not count',
  async (t) => {
    const clock = new ManualClock(50_000);
    const registry = new Registry();
    const coldStarts = new ColdStarts(registry, clock);
    const running: Pod['status'] = {
      containerStatuses: [
        { name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state: { running: { startedAt: '' } } },
      ],
    };
    const ready: Pod['status'] = { ...running, conditions: [{ type: 'Ready', status: 'True' }] };
    coldStarts.podChanged(undefined, pod('old', undefined, ready));
    clock.advance(10_000);
    const since = clock.now();
    coldStarts.deploymentChanged(undefined, deployment(1));
    coldStarts.podChanged(undefined, pod('new'));
    clock.advance(300);
    coldStarts.podChanged(pod('new'), pod('new', undefined, running));
    clock.advance(700);
    coldStarts.podChanged(pod('new'), pod('new', undefined, ready));
    coldStarts.ended(
      { type: 'coldStart', activator: 'a', namespace: 'default', name: 'hello-00001', since, at: since + 1_010 },
      '',
    );
    const text = await registry.metrics();
    t.match(text, /zeroth_cold_start_last_seconds\{[^}]*phase="created_to_started"\} 0.3\n/);
    t.match(text, /zeroth_cold_start_last_seconds\{[^}]*phase="started_to_ready"\} 0.7\n/);
    t.match(text, /zeroth_cold_start_last_seconds\{[^}]*phase="ready_to_first_byte"\} 0.01\n/);
  },
);

void t.test('a timeline of another form is none', (t) => {
  t.same(parsePodTimeline('{"started":1.5,"ready":2}'), { started: 1.5, ready: 2 });
  for (const text of [undefined, '', '{', '[]', 'null', '{"started":"1","ready":2}', '{"started":1}'])
    t.equal(parsePodTimeline(text), undefined, String(text));
  t.end();
});
