import fc from 'fast-check';
import t from 'tap';
import {
  admit,
  CONFIGURATION,
  DOMAIN_MAPPING,
  INGRESS,
  put,
  REVISION,
  ROUTE,
  SERVICE,
  withDefaults,
  type Manifest,
} from '../admit.ts';

const USER = { 'serving.knative.dev/creator': 'ann', 'serving.knative.dev/lastModifier': 'ann' };
const CONTAINER = {
  image: 'hello',
  name: 'user-container',
  resources: {},
  readinessProbe: { tcpSocket: { port: 0 }, successThreshold: 1 },
};
const SPEC = { containers: [CONTAINER], timeoutSeconds: 300, containerConcurrency: 0, enableServiceLinks: false };
const C = 'spec.template.spec.containers[0]';
const container = (manifest: Manifest, i = 0) => {
  const { spec } = manifest as { spec: { template: { spec: { containers: Record<string, unknown>[] } } } };
  return spec.template.spec.containers[i] ?? {};
};
const template = (manifest: Manifest) =>
  (manifest as { spec: { template: { spec: Record<string, unknown> } } }).spec.template.spec;

t.test('what is left out is filled in', (t) => {
  const base = { metadata: { name: 'hello', namespace: 'default' } };
  for (const [name, manifest, expected] of [
    [
      'Service',
      SERVICE,
      {
        metadata: { ...base.metadata, annotations: USER },
        spec: { template: { spec: SPEC }, traffic: [{ latestRevision: true, percent: 100 }] },
      },
    ],
    [
      'Configuration',
      CONFIGURATION,
      { metadata: { ...base.metadata, annotations: USER }, spec: { template: { spec: SPEC } } },
    ],
    ['Revision', REVISION, { metadata: { name: 'hello-00001', namespace: 'default' }, spec: SPEC }],
    [
      'Route',
      ROUTE,
      {
        metadata: { ...base.metadata, annotations: USER },
        spec: { traffic: [{ configurationName: 'hello', percent: 100, latestRevision: true }] },
      },
    ],
    [
      'DomainMapping',
      DOMAIN_MAPPING,
      {
        metadata: { name: 'shop.example.com', namespace: 'default', annotations: USER },
        spec: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'hello', namespace: 'default' } },
      },
    ],
  ] as const) {
    const { object } = admit(manifest);
    t.strictSame(object, { apiVersion: manifest['apiVersion'], kind: manifest['kind'], ...expected }, name);
    t.strictSame(admit(object, { old: object }).object, object, `${name}: once is enough`);
  }
  const ingress = admit(INGRESS).object as {
    spec: { rules: { visibility: string; http: { paths: { splits: { percent: number }[] }[] } }[] };
  };
  t.equal(ingress.spec.rules[0]?.visibility, 'ExternalIP');
  t.equal(ingress.spec.rules[0]?.http.paths[0]?.splits[0]?.percent, 100);
  const scaler = admit({
    apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
    kind: 'PodAutoscaler',
    metadata: { name: 'x' },
    spec: { protocolType: 'http1', scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
  });
  t.match(scaler.object, {
    metadata: {
      annotations: {
        'autoscaling.knative.dev/class': 'kpa.autoscaling.knative.dev',
        'autoscaling.knative.dev/metric': 'concurrency',
      },
    },
  });
  t.end();
});

t.test('containers', (t) => {
  const two = put(SERVICE, {
    'spec.template.spec.containers': [{ image: 'a', ports: [{ containerPort: 80 }] }, { image: 'b' }],
  });
  const both = admit(two).object;
  t.strictSame([container(both).name, container(both, 1).name], ['user-container-0', 'user-container-1']);
  t.strictSame(container(both, 1).readinessProbe, undefined, 'a sidecar is not probed');
  const clash = admit(put(two, { 'spec.template.spec.containers[1].name': 'user-container-0' })).object;
  t.equal(container(clash).name, 'user-container-1');
  const named = admit(SERVICE, {
    config: { 'config-defaults': { 'container-name-template': '{{.Name}}-app' } },
  }).object;
  t.equal(container(named).name, 'hello-app');
  const probed = admit(put(SERVICE, { [`${C}.readinessProbe`]: { httpGet: { path: '/' }, periodSeconds: 5 } })).object;
  t.strictSame(container(probed).readinessProbe, {
    httpGet: { path: '/' },
    periodSeconds: 5,
    successThreshold: 1,
    failureThreshold: 3,
    timeoutSeconds: 1,
  });
  const grpc = admit(put(SERVICE, { [`${C}.livenessProbe`]: { grpc: { port: 5 } } })).object;
  t.strictSame(container(grpc).livenessProbe, { grpc: { port: 5, service: '' } });
  const mounted = admit(
    put(SERVICE, {
      'spec.template.spec.volumes': [
        { name: 's', secret: {} },
        { name: 'e', emptyDir: {} },
      ],
      [`${C}.volumeMounts`]: [
        { name: 's', mountPath: '/s' },
        { name: 'e', mountPath: '/e' },
      ],
    }),
  );
  t.strictSame(container(mounted.object).volumeMounts, [
    { name: 's', mountPath: '/s', readOnly: true },
    { name: 'e', mountPath: '/e' },
  ]);
  t.equal(mounted.verdict.denied, undefined);
  const sized = admit(put(SERVICE, { [`${C}.resources`]: { requests: { cpu: '2' } } }), {
    config: { 'config-defaults': { 'revision-cpu-request': '1', 'revision-memory-limit': '1Gi' } },
  }).object;
  t.strictSame(container(sized).resources, { requests: { cpu: '2' }, limits: { memory: '1Gi' } });
  t.end();
});

t.test('timeouts and concurrency of config-defaults', (t) => {
  const config = {
    'config-defaults': {
      'revision-timeout-seconds': '100',
      'revision-idle-timeout-seconds': '20',
      'revision-response-start-timeout-seconds': '30',
      'container-concurrency': '5',
      'enable-service-links': 'default',
    },
  };
  const { containers: _, ...rest } = template(admit(SERVICE, { config }).object);
  t.strictSame(rest, {
    timeoutSeconds: 100,
    idleTimeoutSeconds: 20,
    responseStartTimeoutSeconds: 30,
    containerConcurrency: 5,
  });
  const short = template(admit(put(SERVICE, { 'spec.template.spec.timeoutSeconds': 10 }), { config }).object);
  t.equal(short['idleTimeoutSeconds'], undefined, 'not above the timeout');
  t.end();
});

t.test('secure-pod-defaults', (t) => {
  const secure = (value: string, changes = {}) =>
    container(admit(put(SERVICE, changes), { config: { 'config-features': { 'secure-pod-defaults': value } } }).object)
      .securityContext;
  const restricted = {
    allowPrivilegeEscalation: false,
    seccompProfile: { type: 'RuntimeDefault' },
    capabilities: { drop: ['ALL'] },
  };
  t.strictSame(secure('Disabled'), undefined);
  t.strictSame(secure('AllowRootBounded'), restricted);
  t.strictSame(secure('Enabled'), { ...restricted, runAsNonRoot: true });
  t.strictSame(secure('Enabled', { [`${C}.ports`]: [{ containerPort: 80 }] }), {
    ...restricted,
    capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    runAsNonRoot: true,
  });
  t.strictSame(secure('Enabled', { [`${C}.securityContext`]: { runAsNonRoot: false, capabilities: {} } }), {
    runAsNonRoot: false,
    capabilities: {},
    allowPrivilegeEscalation: false,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  t.end();
});

t.test('whatever the shape, defaulting leaves the refusal to the schema', (t) => {
  for (const changes of [
    { spec: 'x' },
    { spec: undefined },
    { 'spec.template': 7 },
    { 'spec.template.spec': [] },
    { 'spec.template.spec.containers': 'x' },
    { 'spec.template.spec.containers': [null, 'x'] },
    { 'spec.template.spec.containers[0].ports': 'x' },
    { 'spec.template.spec.volumes': {} },
    { 'spec.traffic': 'all' },
    { 'spec.traffic': [null] },
    { metadata: {} },
  ]) {
    const manifest =
      'spec' in changes && changes.spec === undefined ? { ...SERVICE, spec: undefined } : put(SERVICE, changes);
    t.doesNotThrow(() => withDefaults(manifest), JSON.stringify(changes));
  }
  const paths = ['spec', 'spec.template', 'spec.template.spec', 'spec.template.spec.containers', C, 'spec.traffic'];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      withDefaults(put(SERVICE, { [path]: value }));
      withDefaults(put(REVISION, { [path.replace('.template.spec', '')]: value }));
      withDefaults(put(INGRESS, { 'spec.rules': value }));
    }),
  );
  t.end();
});
