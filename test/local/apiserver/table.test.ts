import t from 'tap';
import type { KubeObject } from '../../../api/object.ts';
import { toTable } from '../../../local/apiserver/table.ts';
import { frozen } from './schema/frozen.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const metadata = { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' };
const PODS = { group: '', plural: 'pods' };

function row(kind: { group: string; plural: string }, object: object): unknown[] {
  const item = frozen({ apiVersion: 'v1', kind: 'X', metadata, ...object }) as KubeObject;
  return [...(toTable(kind, [item], { now: NOW }).rows[0]?.cells ?? [])];
}

const waiting = (reason: string) => ({ state: { waiting: { reason } }, ready: false, restartCount: 0 });
const running = (restartCount = 0) => ({ state: { running: {} }, ready: true, restartCount });
const ended = (exitCode: number, reason?: string) => ({
  state: { terminated: { exitCode, reason } },
  ready: false,
  restartCount: 0,
});
const two = { containers: [{ name: 'a' }, { name: 'b' }] };
const one = { containers: [{ name: 'a' }] };
const init = { containers: [{ name: 'a' }], initContainers: [{ name: 'i' }, { name: 'j' }] };

const STATUSES: [name: string, pod: object, ready: string, status: string, restarts: string][] = [
  ['pending', { spec: two, status: { phase: 'Pending' } }, '0/2', 'Pending', '0'],
  [
    'creating',
    { spec: one, status: { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] } },
    '0/1',
    'ContainerCreating',
    '0',
  ],
  [
    'running',
    { spec: two, status: { phase: 'Running', containerStatuses: [running(), running()] } },
    '2/2',
    'Running',
    '0',
  ],
  [
    'crash loop',
    {
      spec: one,
      status: {
        phase: 'Running',
        containerStatuses: [
          {
            ...waiting('CrashLoopBackOff'),
            restartCount: 3,
            lastState: { terminated: { finishedAt: '2026-01-01T00:59:30Z' } },
          },
        ],
      },
    },
    '0/1',
    'CrashLoopBackOff',
    '3 (30s ago)',
  ],
  [
    'completed',
    { spec: one, status: { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] } },
    '0/1',
    'Completed',
    '0',
  ],
  [
    'failed with an exit code',
    { spec: one, status: { phase: 'Failed', containerStatuses: [ended(7)] } },
    '0/1',
    'ExitCode:7',
    '0',
  ],
  [
    'one of two completed',
    {
      spec: two,
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'False' }],
        containerStatuses: [ended(0, 'Completed'), running()],
      },
    },
    '1/2',
    'NotReady',
    '0',
  ],
  [
    'initialising',
    {
      spec: init,
      status: { phase: 'Pending', initContainerStatuses: [ended(0), { state: { running: {} }, restartCount: 0 }] },
    },
    '0/1',
    'Init:1/2',
    '0',
  ],
  [
    'init fails',
    { spec: init, status: { phase: 'Pending', initContainerStatuses: [ended(1, 'Error')] } },
    '0/1',
    'Init:Error',
    '0',
  ],
  [
    'init crash loop',
    { spec: init, status: { phase: 'Pending', initContainerStatuses: [waiting('CrashLoopBackOff')] } },
    '0/1',
    'Init:CrashLoopBackOff',
    '0',
  ],
  [
    'terminating',
    {
      metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: one,
      status: { phase: 'Running', containerStatuses: [running()] },
    },
    '1/1',
    'Terminating',
    '0',
  ],
  ['evicted', { spec: one, status: { phase: 'Failed', reason: 'Evicted' } }, '0/1', 'Evicted', '0'],
];

t.test('a pod’s row says in a word what it is doing', async (t) => {
  for (const [name, pod, ready, status, restarts] of STATUSES)
    t.strictSame(row(PODS, pod).slice(0, 5), ['x', ready, status, restarts, '60m'], name);
  t.strictSame(
    row(PODS, { spec: { ...one, nodeName: 'n' }, status: { phase: 'Running', podIP: '127.1.1.1' } }).slice(5),
    ['127.1.1.1', 'n', '<none>', '<none>'],
  );
});

t.test('the columns of pods are kubectl’s', async (t) => {
  const { columnDefinitions } = toTable(PODS, []);
  t.strictSame(
    columnDefinitions.map((one) => [one.name, one.type, one.format, one.priority]),
    [
      ['Name', 'string', 'name', 0],
      ['Ready', 'string', '', 0],
      ['Status', 'string', '', 0],
      ['Restarts', 'string', '', 0],
      ['Age', 'string', '', 0],
      ['IP', 'string', '', 1],
      ['Node', 'string', '', 1],
      ['Nominated Node', 'string', '', 1],
      ['Readiness Gates', 'string', '', 1],
    ],
  );
});

const workload = {
  selector: { matchLabels: { app: 'x' } },
  template: {
    spec: {
      containers: [
        { name: 'a', image: 'a:1' },
        { name: 'b', image: 'b:1' },
      ],
    },
  },
};

const ROWS: [group: string, plural: string, object: object, expected: unknown[]][] = [
  [
    'apps',
    'deployments',
    { spec: { replicas: 3, ...workload }, status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 } },
    ['x', '1/3', 2, 1, '60m', 'a,b', 'a:1,b:1', 'app=x'],
  ],
  [
    'apps',
    'replicasets',
    { spec: { replicas: 3, ...workload }, status: { replicas: 2 } },
    ['x', 3, 2, 0, '60m', 'a,b', 'a:1,b:1', 'app=x'],
  ],
  [
    '',
    'services',
    {
      spec: {
        type: 'ClusterIP',
        clusterIP: '10.0.0.1',
        ports: [
          { port: 80, protocol: 'TCP' },
          { port: 90, nodePort: 3000, protocol: 'UDP' },
        ],
        selector: { a: 'b' },
      },
    },
    ['x', 'ClusterIP', '10.0.0.1', '<none>', '80/TCP,90:3000/UDP', '60m', 'a=b'],
  ],
  [
    '',
    'services',
    { spec: { type: 'ExternalName', externalName: 'a.b' } },
    ['x', 'ExternalName', '<none>', 'a.b', '<none>', '60m', '<none>'],
  ],
  [
    '',
    'services',
    { spec: { type: 'LoadBalancer', clusterIP: '1.1.1.1' } },
    ['x', 'LoadBalancer', '1.1.1.1', '<pending>', '<none>', '60m', '<none>'],
  ],
  [
    '',
    'endpoints',
    { subsets: [{ addresses: [{ ip: '1.1.1.1' }, { ip: '1.1.1.2' }], ports: [{ port: 1 }, { port: 2 }] }] },
    ['x', '1.1.1.1:1,1.1.1.2:1,1.1.1.1:2 + 1 more...', '60m'],
  ],
  [
    'discovery.k8s.io',
    'endpointslices',
    { addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [{ addresses: ['1.1.1.1'] }] },
    ['x', 'IPv4', '80', '1.1.1.1', '60m'],
  ],
  [
    'discovery.k8s.io',
    'endpointslices',
    { addressType: 'IPv4', endpoints: [] },
    ['x', 'IPv4', '<unset>', '<unset>', '60m'],
  ],
  ['', 'namespaces', { status: { phase: 'Active' } }, ['x', 'Active', '60m']],
  ['', 'configmaps', { data: { a: '', b: '' } }, ['x', 2, '60m']],
  ['', 'secrets', { type: 'Opaque', data: { a: '' } }, ['x', 'Opaque', 1, '60m']],
  [
    'batch',
    'jobs',
    { spec: { completions: 2, ...workload }, status: { succeeded: 1, startTime: '2026-01-01T00:59:00Z' } },
    ['x', 'Running', '1/2', '60s', '60m', 'a,b', 'a:1,b:1', 'app=x'],
  ],
  [
    '',
    'nodes',
    {
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1' },
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      },
    },
    ['x', 'Ready', '<none>', '60m', 'v1', '127.0.0.1', '<none>', '<unknown>', '<unknown>', '<unknown>'],
  ],
  ['coordination.k8s.io', 'leases', { spec: { holderIdentity: 'me' } }, ['x', 'me', '60m']],
  ['apiextensions.k8s.io', 'customresourcedefinitions', {}, ['x', '2026-01-01T00:00:00Z']],
  [
    '',
    'events',
    {
      involvedObject: { kind: 'Pod', name: 'p' },
      type: 'Normal',
      reason: 'Started',
      message: 'up\n',
      lastTimestamp: '2026-01-01T00:59:00Z',
      firstTimestamp: '2026-01-01T00:30:00Z',
      count: 4,
      source: { component: 'node', host: 'h' },
    },
    ['60s', 'Normal', 'Started', 'pod/p', '', 'node, h', 'up', '30m', '4', 'x'],
  ],
];

t.test('rows of other kinds read as kubectl prints them', async (t) => {
  for (const [group, plural, object, expected] of ROWS) {
    t.strictSame(row({ group, plural }, object), expected, plural);
    t.equal(toTable({ group, plural }, []).columnDefinitions.length, expected.length, `${plural}: a cell a column`);
  }
});

t.test('custom resources show their printer columns', async (t) => {
  const columns = [
    { name: 'URL', type: 'string', jsonPath: '.status.url' },
    { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: 'Count', type: 'integer', jsonPath: '.status.count', priority: 1 },
    { name: 'Since', type: 'date', jsonPath: '.status.since' },
    { name: 'Parts', type: 'string', jsonPath: '.status.parts' },
    { name: 'Gone', type: 'string', jsonPath: '.status.gone' },
  ];
  const kind = { group: 'example.com', plural: 'things', columns };
  const status = {
    url: 'http://x',
    conditions: [
      { type: 'Other', status: 'False' },
      { type: 'Ready', status: 'True' },
    ],
    count: 3,
    since: '2026-01-01T00:59:50Z',
    parts: ['a', 'b'],
  };
  t.strictSame(row(kind, { status }), ['x', 'http://x', 'True', 3, '10s', '["a","b"]', null]);
  t.equal(toTable(kind, []).columnDefinitions[3]?.priority, 1);
});

t.test('rows carry what was asked for', async (t) => {
  const item = frozen({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: one,
    status: { phase: 'Succeeded' },
  }) as KubeObject;
  t.equal(toTable(PODS, [item], { includeObject: 'None' }).rows[0]?.object, undefined);
  t.equal(toTable(PODS, [item], { includeObject: 'Object' }).rows[0]?.object, item);
  const [plain] = toTable(PODS, [item]).rows;
  t.match(plain?.object, { kind: 'PartialObjectMetadata', metadata: { name: 'x' } });
  t.match(plain?.conditions, [{ type: 'Completed', reason: 'Succeeded' }]);
});

t.test('a scale shows how many are wanted and how many there are', (t) => {
  const scale = { spec: { replicas: 3 }, status: { replicas: 2, selector: 'app=a' } };
  t.strictSame(row({ group: 'autoscaling', plural: 'scales' }, scale), ['x', 3, 2, '60m']);
  t.end();
});
