import fc from 'fast-check';
import t from 'tap';
import type { Pod } from '../../../api/core.ts';
import { inDeletionOrder } from '../../../local/workloads/replicaset/deletion-order.ts';
import { DELETION_COST, deletionCosts, type CostedPod } from '../../../serving/autoscaler/deletion-cost.ts';

const pod = (name: string, inFlight: number, cost = 0): CostedPod => ({ name, inFlight, cost });

const cases: [name: string, pods: CostedPod[], leaving: number, expected: Record<string, number>][] = [
  ['all idle: nothing to say', [pod('a', 0), pod('b', 0), pod('c', 0)], 2, {}],
  ['all equally busy: nothing to say', [pod('a', 2), pod('b', 2)], 1, {}],
  ['one busy pod of four is kept by one write', [pod('a', 0), pod('b', 5), pod('c', 0), pod('d', 0)], 3, { b: 1 }],
  ['one idle pod of four goes by one write', [pod('a', 1), pod('b', 0), pod('c', 2), pod('d', 1)], 1, { b: -1 }],
  ['the less busy one goes', [pod('a', 3), pod('b', 1)], 1, { b: -1 }],
  ['one that is marked stays marked', [pod('a', 0), pod('b', 4, 1)], 1, {}],
  ['what was busy and is not any more goes', [pod('a', 0, 1), pod('b', 4)], 1, { a: -1 }],
  ['nobody leaves', [pod('a', 0), pod('b', 1)], 0, {}],
  ['everybody leaves', [pod('a', 0), pod('b', 1)], 2, {}],
];

for (const [name, pods, leaving, expected] of cases)
  void t.test(name, (t) => {
    t.strictSame(Object.fromEntries(deletionCosts(pods, leaving)), expected);
    t.end();
  });

const anyPods = fc
  .array(fc.record({ inFlight: fc.nat({ max: 3 }), cost: fc.integer({ min: -2, max: 2 }), age: fc.nat({ max: 5 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((pods) => pods.map((one, i) => ({ name: `p${i}`, ...one })));

/** What a ReplicaSet sees. */
function running(name: string, cost: number, age: number): Pod {
  const time = new Date(1_700_000_000_000 - age * 1000).toISOString();
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, creationTimestamp: time, annotations: cost === 0 ? {} : { [DELETION_COST]: String(cost) } },
    spec: { nodeName: 'n', containers: [] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time }] },
  };
}

void t.test('whatever a ReplicaSet knows of its pods, no busier one goes while an idler one stays', (t) => {
  fc.assert(
    fc.property(anyPods, fc.nat({ max: 12 }), (pods, leaving) => {
      const costs = deletionCosts(pods, leaving);
      if (
        costs.size >
        Math.max(0, Math.min(leaving, pods.length - leaving)) + pods.filter(({ cost }) => cost !== 0).length
      )
        return false;
      const seen = pods.map(({ name, cost, age }) => running(name, costs.get(name) ?? cost, age));
      const gone = new Set(
        inDeletionOrder(seen)
          .slice(0, leaving)
          .map(({ metadata }) => metadata.name),
      );
      const busiestGone = Math.max(0, ...pods.filter(({ name }) => gone.has(name)).map(({ inFlight }) => inFlight));
      const idlestKept = Math.min(
        Infinity,
        ...pods.filter(({ name }) => !gone.has(name)).map(({ inFlight }) => inFlight),
      );
      return busiestGone <= idlestKept;
    }),
    { numRuns: 2000 },
  );
  t.end();
});
