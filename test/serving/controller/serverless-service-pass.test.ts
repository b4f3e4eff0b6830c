import t from 'tap';
import type { Deployment, EndpointSlice, Endpoints } from '../../../api/core.ts';
import type { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { KubeObject } from '../../../api/object.ts';
import { serverlessServiceReconciler } from '../../../serving/controller/serverless-service/serverless-service.ts';
import { aDeployment, ownedBy, over, type Changes } from './given.ts';
import { conditionsOf, passOver, type Setting } from './pass.ts';

const sks = (changes: Changes = {}): ServerlessService =>
  over(
    {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'ServerlessService',
      metadata: {
        name: 'rev',
        namespace: 'ns',
        uid: 'uid-of-rev',
        generation: 1,
        labels: { 'serving.knative.dev/revision': 'rev' },
        annotations: { a: 'b' },
      },
      spec: {
        mode: 'Proxy',
        objectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'rev-deployment' },
        protocolType: 'http1',
      },
    },
    changes,
  );
const deployment: Deployment = aDeployment('rev', {
  spec: {
    template: {
      spec: { containers: [{ name: 'side' }, { name: 'c', ports: [{ name: 'user-port', containerPort: 9000 }] }] },
    },
  },
});
const slice = (...ready: boolean[]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'rev-private-x', namespace: 'ns', labels: { 'kubernetes.io/service-name': 'rev-private' } },
  addressType: 'IPv4',
  endpoints: ready.map((one, i) => ({ addresses: [`10.0.0.${i}`], conditions: { ready: one } })),
});
const pass = (object = sks(), others: readonly KubeObject[] = [deployment], setting: Setting = {}) =>
  passOver(() => serverlessServiceReconciler('knative-serving'), object, { others, ...setting });

const labels = (type: string) => ({
  'serving.knative.dev/revision': 'rev',
  'networking.internal.knative.dev/serverlessservice': 'rev',
  'networking.internal.knative.dev/serviceType': type,
});
const owner = [ownedBy('ServerlessService', 'rev', 'networking.internal.knative.dev/v1alpha1')];
const made = (name: string, type: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'ns', labels: labels(type), annotations: { a: 'b' }, ownerReferences: owner },
  spec,
});

t.test('it makes the private Service on the container’s port, and the public one without pods', async (t) => {
  const { writes, status } = await pass();
  t.strictSame(writes, [
    {
      verb: 'create Service rev-private',
      object: made('rev-private', 'Private', {
        selector: { 'serving.knative.dev/revisionUID': 'uid-of-rev' },
        ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 9000 }],
      }),
    },
    {
      verb: 'create Service rev',
      object: made('rev', 'Public', {
        ports: [
          { name: 'http', protocol: 'TCP', port: 80, targetPort: 8012 },
          { name: 'https', protocol: 'TCP', port: 443, targetPort: 8112 },
        ],
      }),
    },
  ]);
  t.match(status, { serviceName: 'rev', privateServiceName: 'rev-private' });
  t.strictSame(conditionsOf(status), [
    'ActivatorEndpointsPopulated=True',
    'EndpointsPopulated=Unknown NoHealthyBackends: K8s Service is not ready',
    'Ready=Unknown NoHealthyBackends: K8s Service is not ready',
  ]);
});

t.test('h2c', async (t) => {
  const { writes } = await pass(sks({ spec: { protocolType: 'h2c' } }));
  const [inside, outside] = writes.map(({ object }) => (object as { spec: { ports: object[] } }).spec.ports[0]);
  t.strictSame(inside, {
    name: 'http2',
    appProtocol: 'kubernetes.io/h2c',
    protocol: 'TCP',
    port: 80,
    targetPort: 9000,
  });
  t.strictSame(outside, {
    name: 'http2',
    appProtocol: 'kubernetes.io/h2c',
    protocol: 'TCP',
    port: 81,
    targetPort: 8013,
  });
});

t.test('once they stand, only pods change what it says', async (t) => {
  const first = await pass();
  const services = first.writes.map(({ object }) =>
    over(object as KubeObject, { spec: { clusterIP: '10.1.1.1', type: 'ClusterIP' } }),
  );
  for (const [name, mode, ready, says] of [
    [
      'no pods',
      'Proxy',
      [],
      [
        'ActivatorEndpointsPopulated=True',
        'EndpointsPopulated=Unknown NoHealthyBackends: K8s Service is not ready',
        'Ready=Unknown NoHealthyBackends: K8s Service is not ready',
      ],
    ],
    [
      'one not ready',
      'Serve',
      [false],
      [
        'ActivatorEndpointsPopulated=True',
        'EndpointsPopulated=Unknown NoHealthyBackends: K8s Service is not ready',
        'Ready=Unknown NoHealthyBackends: K8s Service is not ready',
      ],
    ],
    ['a pod', 'Proxy', [true, false], ['ActivatorEndpointsPopulated=True', 'EndpointsPopulated=True', 'Ready=True']],
    [
      'a pod, serving',
      'Serve',
      [true],
      ['ActivatorEndpointsPopulated=False ActivatorEndpointsRemoved', 'EndpointsPopulated=True', 'Ready=True'],
    ],
  ] as const) {
    const { writes, status } = await pass(sks({ spec: { mode } }), [deployment, ...services, slice(...ready)]);
    t.strictSame(writes, [], `${name}: nothing to write`);
    t.strictSame(conditionsOf(status), says, name);
  }
});

t.test('activators with a Service of their own are published', async (t) => {
  const activators: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'activator-service', namespace: 'knative-serving' },
    subsets: [
      {
        addresses: [{ ip: '10.0.0.9' }],
        ports: [
          { name: 'http', port: 8012 },
          { name: 'http2', port: 8013 },
        ],
      },
    ],
  };
  const { writes } = await pass(sks(), [deployment, activators]);
  t.strictSame(writes.at(-1), {
    verb: 'create Endpoints rev',
    object: {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: {
        name: 'rev',
        namespace: 'ns',
        labels: labels('Public'),
        annotations: { a: 'b' },
        ownerReferences: owner,
      },
      subsets: [{ addresses: [{ ip: '10.0.0.9' }], ports: [{ name: 'http', port: 8012 }] }],
    },
  });
});

t.test('which of the activators a revision uses, and what it does without any', async (t) => {
  const activatorsAt = (...ips: string[]): Endpoints => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'activator-service', namespace: 'knative-serving' },
    subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ name: 'http', port: 8012 }] }],
  });
  const all = ['1', '2', '3', '4'].map((n) => `10.0.0.${n}`);
  const published = async (numActivators: number, activators: Endpoints, ...more: KubeObject[]) => {
    const { writes } = await pass(sks({ spec: { numActivators } }), [deployment, activators, ...more]);
    const object = writes.at(-1)?.object as Endpoints;
    return (object.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
      addresses.map(({ ip }) => `${ip}:${ports.map(({ port }) => port).join()}`),
    );
  };
  t.strictSame(
    await published(0, activatorsAt(...all)),
    all.map((ip) => `${ip}:8012`),
    'all of them',
  );
  t.strictSame(
    await published(9, activatorsAt(...all)),
    all.map((ip) => `${ip}:8012`),
    'no more than there are',
  );
  const two = await published(2, activatorsAt(...all));
  t.equal(two.length, 2);
  t.strictSame(await published(2, activatorsAt(...all)), two, 'always the same');
  const pods = over(slice(true, false), { ports: [{ name: 'http', port: 9000, protocol: 'TCP' }] });
  t.strictSame(await published(2, activatorsAt(), pods), ['10.0.0.0:9000'], 'without activators its ready pods');
  t.strictSame(await published(2, activatorsAt()), [], 'without either nothing');
});

t.test('somebody else’s Service', async (t) => {
  const foreign = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'rev-private', namespace: 'ns' } };
  const { status, failure } = await pass(sks(), [deployment, foreign]);
  t.ok(conditionsOf(status).includes('Ready=False NotOwned: Resource rev-private of type Service is not owned by SKS'));
  t.equal(failure, 'SKS: rev does not own Service: rev-private');
});

t.test('without its Deployment it waits', async (t) => {
  const { writes, status } = await pass(sks(), []);
  t.strictSame(writes, []);
  t.equal(status, undefined);
});
