import t from 'tap';
import type { Pod } from '../../../../api/core.ts';
import { replicasFor, type PodUse, type ResourceTarget } from '../../../../local/workloads/hpa/replica-count.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

interface PodCase {
  /** Cores or bytes; undefined: not measured. */
  readonly use?: number;
  readonly request?: string;
  readonly phase?: string;
  readonly ready?: boolean;
  /** Seconds since its start. */
  readonly age?: number;
}

function running(name: string, { request, phase = 'Running', ready = true, age = 3600 }: PodCase): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      containers: [{ name: 'c', ...(request === undefined ? {} : { resources: { requests: { cpu: request } } }) }],
    },
    status: {
      phase,
      startTime: ago(age),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: ago(age - 1) }],
    },
  };
}

const CPU: ResourceTarget = { resource: 'cpu', utilization: 50 };
const MEMORY: ResourceTarget = { resource: 'memory', averageValue: 100 };
const half = (use: number): PodCase => ({ use, request: '1' });

const cases: [name: string, target: ResourceTarget, current: number, pods: PodCase[], replicas: number][] = [
  ['twice the target doubles', CPU, 2, [half(1), half(1)], 4],
  ['half the target halves', CPU, 4, [half(0.25), half(0.25), half(0.25), half(0.25)], 2],
  ['near the target nothing is done', CPU, 2, [half(0.55), half(0.55)], 2],
  ['nor just below', CPU, 2, [half(0.45), half(0.46)], 2],
  ['fractions are rounded up', CPU, 3, [half(0.6), half(0.6), half(0.6)], 4],
  ['idle pods shrink to none here; bounds are another’s', CPU, 2, [half(0), half(0)], 0],
  ['memory by its mean', MEMORY, 1, [{ use: 250 }], 3],
  ['an unmeasured pod is as busy as may be when the others are idle', CPU, 2, [half(0.1), { request: '1' }], 2],
  ['and idle when the others are busy', CPU, 2, [half(1), { request: '1' }], 2],
  ['a pod that starts is idle when the others are busy', CPU, 2, [half(1.5), { ...half(1), ready: false, age: 20 }], 3],
  ['and left out when they are not', CPU, 2, [half(0.25), { ...half(1), ready: false, age: 20 }], 1],
  ['a pending pod counts as one that starts', CPU, 3, [half(2), { request: '1', phase: 'Pending' }], 4],
  ['an ended pod does not count', CPU, 1, [half(1), { use: 0, request: '1', phase: 'Failed' }], 2],
];

for (const [name, target, current, given, replicas] of cases)
  void t.test(name, (t) => {
    const pods = given.map((one, i) => running(`p${i}`, one));
    const usage = new Map<string, PodUse>();
    given.forEach(({ use }, i) => {
      if (use !== undefined) usage.set(`p${i}`, { cpu: use, memory: use, at: NOW, window: 10_000 });
    });
    t.equal(replicasFor(target, current, pods, usage, NOW).replicas, replicas);
    t.end();
  });

void t.test('what cannot be said is said', (t) => {
  const usage = new Map<string, PodUse>([['p', { cpu: 1, memory: 1, at: NOW, window: 0 }]]);
  const cases: [pods: Pod[], message: RegExp][] = [
    [[], /^no pods returned by selector/],
    [[running('other', { request: '1' })], /^did not receive metrics for targeted pods/],
    [[running('p', {})], /missing request for cpu in container c of Pod p$/],
  ];
  for (const [pods, message] of cases) t.throws(() => replicasFor(CPU, 1, pods, usage, NOW), { message });
  t.end();
});
