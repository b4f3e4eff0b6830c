import t from 'tap';
import type { EndpointSlice, Pod, Service } from '../../../api/core.ts';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { portSets } from '../../../local/workloads/endpoints/port-sets.ts';
import { planSlices } from '../../../local/workloads/endpoints/slices.ts';
import { makeEndpoints } from '../../../local/workloads/endpoints/subsets.ts';

type ServiceSpec = NonNullable<Service['spec']>;

function service(spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'n', uid: 'su', labels: { 'serving.knative.dev/revision': 'r' } },
    spec: { selector: { app: 'a' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  };
}

interface Traits {
  ready?: boolean;
  leaving?: boolean;
  ip?: string;
  map?: string;
  phase?: string;
  port?: string;
}

function pod(
  name: string,
  { ready = true, leaving = false, ip = `127.9.1.${name}`, map, phase = 'Running', port }: Traits = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'n',
      uid: `u${name}`,
      annotations: map === undefined ? {} : { [PORT_MAP_ANNOTATION]: map },
      deletionTimestamp: leaving ? '2026-01-01T00:00:00Z' : undefined,
    },
    spec: {
      nodeName: 'zeroth',
      containers: [{ name: 'c', ports: port === undefined ? [] : [{ name: port, containerPort: 9090 }] }],
    },
    status: {
      phase,
      podIP: ip === '' ? undefined : ip,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

/** `PORTS ADDRESS:READY…` of each slice. */
const shape = (slices: readonly EndpointSlice[]): string[] =>
  slices
    .map(({ ports = [], endpoints }) =>
      [
        (ports ?? []).map(({ name, port }) => `${name}=${port}`).join(','),
        ...endpoints.map(
          ({ addresses, conditions }) =>
            `${addresses[0]?.split('.')[3]}:${conditions?.ready ? 'ready' : conditions?.terminating ? 'leaving' : 'not'}`,
        ),
      ].join(' '),
    )
    .sort();

const made = (one: Service, pods: Pod[]): readonly EndpointSlice[] => planSlices(one, portSets(one, pods), []).creates;

void t.test('what a Service’s slices hold', async (t) => {
  const named = { ports: [{ name: 'http', port: 80, targetPort: 'web' }] };
  const cases: [name: string, service: Service, pods: Pod[], expected: string[]][] = [
    ['no pods: one empty slice', service(), [], ['']],
    ['ready and not', service(), [pod('1'), pod('2', { ready: false })], ['http=8080 1:ready 2:not']],
    ['leaving', service(), [pod('1', { leaving: true })], ['http=8080 1:leaving']],
    [
      'published early',
      service({ publishNotReadyAddresses: true }),
      [pod('1', { ready: false })],
      ['http=8080 1:ready'],
    ],
    ['no address yet, or ended', service(), [pod('1', { ip: '' }), pod('2', { phase: 'Failed' })], ['']],
    [
      'ports of their own',
      service(),
      [pod('1', { map: '{"8080":31001}' }), pod('2', { map: '{"8080":31002}' }), pod('3')],
      ['http=31001 1:ready', 'http=31002 2:ready', 'http=8080 3:ready'],
    ],
    ['an unreadable map counts for nothing', service(), [pod('1', { map: '{' })], ['http=8080 1:ready']],
    [
      'named port',
      service(named),
      [pod('1', { port: 'web' }), pod('2', { port: 'other' })],
      [' 2:ready', 'http=9090 1:ready'],
    ],
    ['named and moved', service(named), [pod('1', { port: 'web', map: '{"9090":1234}' })], ['http=1234 1:ready']],
    ['port without target', service({ ports: [{ port: 7 }] }), [pod('1')], ['=7 1:ready']],
    ['headless without ports', service({ clusterIP: 'None', ports: [] }), [pod('1')], [' 1:ready']],
  ];
  for (const [name, one, pods, expected] of cases) t.same(shape(made(one, pods)), expected, name);
});

void t.test('a slice carries the Service’s labels and its own', async (t) => {
  const [slice] = made(service({ clusterIP: 'None' }), [pod('1')]);
  t.match(slice, {
    metadata: {
      name: /^s-[a-z0-9]{5}$/,
      namespace: 'n',
      labels: {
        'serving.knative.dev/revision': 'r',
        'kubernetes.io/service-name': 's',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'service.kubernetes.io/headless': '',
      },
      ownerReferences: [{ kind: 'Service', name: 's', uid: 'su' }],
    },
    addressType: 'IPv4',
    endpoints: [{ nodeName: 'zeroth', targetRef: { kind: 'Pod', namespace: 'n', name: '1', uid: 'u1' } }],
  });
});

void t.test('a pod that turns ready costs one write; nothing new costs none', async (t) => {
  const one = service();
  const [empty] = made(one, []);
  t.ok(empty);
  const step = (slices: readonly EndpointSlice[], pods: Pod[]) => {
    const plan = planSlices(one, portSets(one, pods), slices);
    return {
      counts: [plan.creates.length, plan.updates.length, plan.deletes.length],
      slices: [...plan.creates, ...plan.updates],
    };
  };
  const first = step(empty === undefined ? [] : [empty], [pod('1')]);
  t.same(first.counts, [0, 1, 0], 'the empty slice is filled');
  t.equal(first.slices[0]?.metadata.name, empty?.metadata.name);
  t.same(step(first.slices, [pod('1')]).counts, [0, 0, 0]);
  const moved = step(first.slices, [pod('2', { map: '{"8080":1}' })]);
  t.same(moved.counts, [0, 1, 0], 'another port set takes the slice over');
  const both = step(first.slices, [pod('1'), pod('2', { map: '{"8080":1}' })]);
  t.same(both.counts, [1, 0, 0]);
  t.same(step([...first.slices, ...both.slices], []).counts, [0, 1, 1], 'one is emptied, the other goes');
});

void t.test('very many pods are spread over slices', async (t) => {
  const pods = Array.from({ length: 2_500 }, (_, i) => pod(String(i).padStart(4, '0'), { ip: '127.9.1.1' }));
  t.same(
    made(service(), pods).map(({ endpoints }) => endpoints.length),
    [1000, 1000, 500],
  );
});

void t.test('Endpoints say the same', async (t) => {
  const one = service();
  const sets = portSets(one, [pod('1'), pod('2', { ready: false }), pod('3', { leaving: true })]);
  const endpoints = makeEndpoints(one, sets, undefined);
  t.match(endpoints, {
    metadata: { name: 's', namespace: 'n', labels: { 'serving.knative.dev/revision': 'r' } },
    subsets: [
      {
        addresses: [{ ip: '127.9.1.1', nodeName: 'zeroth', targetRef: { name: '1' } }],
        notReadyAddresses: [{ ip: '127.9.1.2' }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ],
  });
  t.same(makeEndpoints(one, [], endpoints).subsets, undefined);
});
