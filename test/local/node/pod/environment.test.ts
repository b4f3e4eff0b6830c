import t from 'tap';
import type { ConfigMap, Container, Pod, Secret, Service } from '../../../../api/core.ts';
import {
  buildEnvironment,
  expand,
  serviceVariables,
  type EnvironmentSources,
} from '../../../../local/node/pod/environment.ts';
import { parseQuantity } from '../../../../kube/quantity.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { app: 'a', b: 'c"d' }, annotations: { 'x/y': 'z' } },
  spec: { containers: [], serviceAccountName: 'robot' },
} as Pod;

const object = (kind: string, name: string, data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  data,
});

const sources: EnvironmentSources = {
  facts: { podIP: '127.1.1.1', hostIP: '127.0.0.1', nodeName: 'zeroth', cpus: 4, memory: 8 * 2 ** 30 },
  configMap: (name) =>
    name === 'map' ? (object('ConfigMap', 'map', { k: 'v', 'odd=key': 'x' }) as ConfigMap) : undefined,
  secret: (name) => (name === 'secret' ? (object('Secret', 'secret', { s: 'aGlkZGVu' }) as Secret) : undefined),
  services: [],
  apiHost: '127.0.0.1',
  apiPort: '6443',
};

type Env = NonNullable<Container['env']>;

for (const [name, env, expected] of [
  ['a plain value', [{ name: 'A', value: '1' }], { A: '1' }],
  ['no value', [{ name: 'A' }], { A: '' }],
  [
    'an earlier variable',
    [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)$(A)-$(C)-$$(A)' },
      { name: 'C', value: '' },
    ],
    { B: '11-$(C)-$(A)' },
  ],
  [
    'a later one wins',
    [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
    { A: '2' },
  ],
  [
    'the API server',
    [{ name: 'A', value: '$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)' }],
    { A: '127.0.0.1:6443' },
  ],
  [
    'fields',
    [
      'metadata.name',
      'metadata.namespace',
      'metadata.uid',
      'status.podIP',
      'spec.nodeName',
      'spec.serviceAccountName',
      "metadata.labels['app']",
      "metadata.annotations['x/y']",
      "metadata.labels['none']",
    ].map((fieldPath, index) => ({ name: `F${String(index)}`, valueFrom: { fieldRef: { fieldPath } } })),
    { F0: 'p', F1: 'ns', F2: 'u', F3: '127.1.1.1', F4: 'zeroth', F5: 'robot', F6: 'a', F7: 'z', F8: '' },
  ],
  [
    'all labels',
    [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }],
    { A: 'app="a"\nb="c\\"d"' },
  ],
  [
    'resources',
    [
      ['limits.memory', '1Mi'],
      ['limits.cpu', '1'],
      ['requests.memory', '1Ki'],
      ['requests.cpu', '1m'],
      ['limits.ephemeral-storage', '1Mi'],
    ].map(([resource = '', divisor], index) => ({
      name: `R${String(index)}`,
      valueFrom: { resourceFieldRef: { resource, divisor } },
    })),
    { R0: '64', R1: '4', R2: '65536', R3: '250', R4: '5' },
  ],
  ['a key of a map', [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'map', key: 'k' } } }], { A: 'v' }],
  ['a key of a secret', [{ name: 'A', valueFrom: { secretKeyRef: { name: 'secret', key: 's' } } }], { A: 'hidden' }],
  [
    'an optional key that is missing',
    [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'map', key: 'none', optional: true } } }],
    { A: undefined },
  ],
  [
    'an optional map that is missing',
    [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'none', optional: true } } }],
    { A: undefined },
  ],
] satisfies [string, Env, Record<string, string | undefined>][]) {
  void t.test(`a variable from ${name}`, async (t) => {
    const resources = { limits: { memory: '64Mi', 'ephemeral-storage': '5Mi' }, requests: { cpu: '250m' } };
    const built = buildEnvironment(pod, { name: 'c', env, resources }, sources);
    for (const [key, value] of Object.entries(expected)) t.equal(built[key], value, key);
  });
}

for (const [env, message] of [
  [[{ name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'k' } } }], 'configmap "none" not found'],
  [
    [{ name: 'A', valueFrom: { secretKeyRef: { name: 'secret', key: 'k' } } }],
    "couldn't find key k in Secret ns/secret",
  ],
  [[{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nothing' } } }], 'unsupported fieldPath: spec.nothing'],
] satisfies [Env, string][]) {
  void t.test(`a variable that cannot be had: ${message}`, async (t) => {
    t.throws(() => buildEnvironment(pod, { name: 'c', env }, sources), { code: 'CreateContainerConfigError', message });
  });
}

void t.test('whole maps come under a prefix, names that cannot be variables are left out', async (t) => {
  const env = buildEnvironment(
    pod,
    {
      name: 'c',
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'map' } }, { secretRef: { name: 'secret' } }],
      env: [{ name: 's', value: 'own' }],
    },
    sources,
  );
  t.match(env, { P_k: 'v', s: 'own' });
  t.notOk(Object.keys(env).some((key) => key.includes('=')));
});

void t.test('links to Services, unless the pod does not want them', async (t) => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'my-db', namespace: 'ns' },
    spec: { clusterIP: '127.1.200.1', ports: [{ name: 'sql', port: 5432 }] },
  } as Service;
  t.same(serviceVariables(service), {
    MY_DB_SERVICE_HOST: '127.1.200.1',
    MY_DB_SERVICE_PORT: '5432',
    MY_DB_SERVICE_PORT_SQL: '5432',
    MY_DB_PORT: 'tcp://127.1.200.1:5432',
    MY_DB_PORT_5432_TCP: 'tcp://127.1.200.1:5432',
    MY_DB_PORT_5432_TCP_PROTO: 'tcp',
    MY_DB_PORT_5432_TCP_PORT: '5432',
    MY_DB_PORT_5432_TCP_ADDR: '127.1.200.1',
  });
  const withService = { ...sources, services: [service] };
  t.equal(buildEnvironment(pod, { name: 'c' }, withService).MY_DB_SERVICE_PORT, '5432');
  const shy = { ...pod, spec: { containers: [], enableServiceLinks: false } } as Pod;
  t.equal(buildEnvironment(shy, { name: 'c' }, withService).MY_DB_SERVICE_PORT, undefined);
});

void t.test('quantities', async (t) => {
  for (const [text, value] of [
    ['1', 1],
    ['100m', 0.1],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['2e3', 2000],
    ['1k', 1000],
    ['1E', 1e18],
    ['', undefined],
    ['1KB', undefined],
    ['x', undefined],
  ] as const)
    t.equal(parseQuantity(text), value, text);
  t.equal(expand('$(A', { A: '1' }), '$(A');
});
