import t from 'tap';
import type { Pod } from '../../../api/core.ts';
import { inDeletionOrder } from '../../../local/workloads/replicaset/deletion-order.ts';

interface Traits {
  node?: string;
  phase?: string;
  readySince?: string;
  cost?: string;
  restarts?: number;
  created?: string;
}

function pod(name: string, traits: Traits = {}): Pod {
  const { node = 'zeroth', phase = 'Running', readySince = '2026-01-01T00:00:00Z', cost, restarts = 0 } = traits;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      creationTimestamp: traits.created ?? '2026-01-01T00:00:00Z',
      annotations: cost === undefined ? {} : { 'controller.kubernetes.io/pod-deletion-cost': cost },
    },
    spec: { containers: [], nodeName: node },
    status: {
      phase,
      conditions: [
        { type: 'Ready', status: readySince === '' ? 'False' : 'True', lastTransitionTime: readySince || undefined },
      ],
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: restarts }],
    },
  };
}

void t.test('pods that are missed least go first', async (t) => {
  const cases: [rule: string, first: Traits, second: Traits][] = [
    ['without a node', { node: '', readySince: '' }, { phase: 'Pending', readySince: '' }],
    ['pending', { phase: 'Pending', readySince: '' }, { phase: 'Unknown', readySince: '' }],
    ['unknown', { phase: 'Unknown', readySince: '' }, { readySince: '' }],
    ['not ready', { readySince: '' }, { cost: '-100' }],
    ['cheap', { cost: '-1' }, {}],
    ['an unreadable cost is none', { cost: '-1' }, { cost: '1e9' }],
    [
      'ready for a shorter time',
      { readySince: '2026-01-01T00:00:09Z' },
      { readySince: '2026-01-01T00:00:01Z', restarts: 9 },
    ],
    ['restarted more often', { restarts: 2 }, { restarts: 1, created: '2026-01-02T00:00:00Z' }],
    ['younger', { created: '2026-01-02T00:00:00Z' }, { created: '2026-01-01T00:00:00Z' }],
  ];
  for (const [rule, first, second] of cases) {
    for (const given of [
      [pod('z', first), pod('a', second)],
      [pod('a', second), pod('z', first)],
    ])
      t.equal(inDeletionOrder(given)[0]?.metadata.name, 'z', rule);
  }
  const doubled = [pod('a', { node: 'one' }), pod('b', { node: 'two' }), pod('c', { node: 'two' })];
  t.equal(inDeletionOrder(doubled)[2]?.metadata.name, 'a', 'alone on its node goes last');
});
