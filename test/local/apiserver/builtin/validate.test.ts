import t from 'tap';
import { builtinDefaults, validateBuiltin } from '../../../../local/apiserver/builtin/kinds.ts';
import { problemText } from '../../../../local/apiserver/schema/problems.ts';
import { frozen } from '../schema/frozen.ts';

type Loose = Record<string, unknown>;

/** Problems as kubectl prints them, of an object with its defaults. */
function problems(group: string, kind: string, object: Loose, old?: Loose): string[] {
  const filled = (value: Loose): Loose => frozen(builtinDefaults(group, 'v1', kind, frozen(value)));
  return validateBuiltin(group, kind, filled(object), old === undefined ? undefined : filled(old)).map(
    (one) => `${one.field}: ${problemText(one)}`,
  );
}

const container = { name: 'a', image: 'a:1' };
const pod = (spec: Loose, first: Loose = {}): Loose => ({
  spec: { containers: [{ ...container, ...first }], ...spec },
});

const PODS: [name: string, pod: Loose, expected: string[]][] = [
  ['a plain pod', pod({}), []],
  ['no containers', { spec: {} }, ['spec.containers: Required value']],
  ['no name', pod({}, { name: undefined }), ['spec.containers[0].name: Required value']],
  ['no image', pod({}, { image: undefined }), ['spec.containers[0].image: Required value']],
  [
    'an image with a blank',
    pod({}, { image: ' a' }),
    ['spec.containers[0].image: Invalid value: " a": must not have leading or trailing whitespace'],
  ],
  [
    'one name twice',
    { spec: { containers: [container, container] } },
    ['spec.containers[1].name: Duplicate value: "a"'],
  ],
  [
    'one name in init and main',
    pod({ initContainers: [container] }),
    ['spec.initContainers[0].name: Duplicate value: "a"'],
  ],
  [
    'an unknown pull policy',
    pod({}, { imagePullPolicy: 'Often' }),
    [
      'spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never"',
    ],
  ],
  [
    'no port number',
    pod({}, { ports: [{ name: 'http' }] }),
    ['spec.containers[0].ports[0].containerPort: Required value'],
  ],
  [
    'a port out of range',
    pod({}, { ports: [{ containerPort: 70_000 }] }),
    ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
  ],
  [
    'a long port name',
    pod({}, { ports: [{ containerPort: 1, name: 'a-very-long-name' }] }),
    ['spec.containers[0].ports[0].name: Invalid value: "a-very-long-name": must be no more than 15 characters'],
  ],
  [
    'an unknown protocol',
    pod({}, { ports: [{ containerPort: 1, protocol: 'HTTP' }] }),
    ['spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'],
  ],
  ['an unnamed variable', pod({}, { env: [{ value: 'x' }] }), ['spec.containers[0].env[0].name: Required value']],
  [
    'value and valueFrom',
    pod({}, { env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
    ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  ],
  [
    'a reference without a key',
    pod({}, { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's' } } }] }),
    ['spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value'],
  ],
  [
    'a mount of no volume',
    pod({}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  [
    'two mounts at one path',
    pod(
      { volumes: [{ name: 'v' }] },
      {
        volumeMounts: [
          { name: 'v', mountPath: '/v' },
          { name: 'v', mountPath: '/v' },
        ],
      },
    ),
    ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
  ],
  [
    'a volume of two kinds',
    pod({ volumes: [{ name: 'v', emptyDir: {}, secret: { secretName: 's' } }] }),
    ['spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'a secret volume without name',
    pod({ volumes: [{ name: 'v', secret: {} }] }),
    ['spec.volumes[0].secret.secretName: Required value'],
  ],
  [
    'a probe without handler',
    pod({}, { readinessProbe: {} }),
    ['spec.containers[0].readinessProbe: Required value: must specify a handler type'],
  ],
  [
    'a probe with two',
    pod({}, { readinessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } }),
    ['spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type'],
  ],
  [
    'liveness counts one success',
    pod({}, { livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
    ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  ],
  [
    'requests above limits',
    pod({}, { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  [
    'an unknown restart policy',
    pod({ restartPolicy: 'Maybe' }),
    ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'],
  ],
  [
    'negative grace',
    pod({ terminationGracePeriodSeconds: -1 }),
    ['spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'a probe on an init container',
    pod({ initContainers: [{ name: 'i', image: 'i:1', livenessProbe: { tcpSocket: { port: 1 } } }] }),
    [
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
];

t.test('a pod that cannot run is refused in Kubernetes’ words', async (t) => {
  for (const [name, object, expected] of PODS) t.strictSame(problems('', 'Pod', object), expected, name);
});

t.test('of a pod only the image may change, and the node be given', async (t) => {
  const old = pod({});
  t.strictSame(problems('', 'Pod', pod({}, { image: 'a:2' }), old), []);
  t.strictSame(problems('', 'Pod', pod({ nodeName: 'zeroth' }), old), []);
  t.strictSame(problems('', 'Pod', pod({ tolerations: [{ operator: 'Exists' }] }), old), []);
  for (const changed of [pod({}, { command: ['x'] }), pod({ hostNetwork: true }), pod({ restartPolicy: 'Never' })])
    t.match(problems('', 'Pod', changed, old).join(), /^spec: Forbidden: pod updates may not change fields other than/);
  t.match(problems('', 'Pod', pod({ nodeName: 'b' }), pod({ nodeName: 'a' })).join(), /^spec: Forbidden/);
});

const labels = { app: 'x' };
const deployment = (spec: Loose = {}): Loose => ({
  spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, ...pod({}) }, ...spec },
});

const DEPLOYMENTS: [name: string, object: Loose, expected: string[]][] = [
  ['a plain one', deployment(), []],
  [
    'negative replicas',
    deployment({ replicas: -1 }),
    ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ],
  ['no selector', deployment({ selector: undefined }), ['spec.selector: Required value']],
  [
    'an empty selector',
    deployment({ selector: {} }),
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  [
    'a template the selector misses',
    deployment({ template: { metadata: { labels: { app: 'y' } }, ...pod({}) } }),
    ['spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match template `labels`'],
  ],
  [
    'pods that do not restart',
    deployment({ template: { metadata: { labels }, ...pod({ restartPolicy: 'Never' }) } }),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'an unknown strategy',
    deployment({ strategy: { type: 'Slow' } }),
    ['spec.strategy.type: Unsupported value: "Slow": supported values: "Recreate", "RollingUpdate"'],
  ],
  [
    'nothing may move',
    deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  ],
  [
    'a deadline before ready',
    deployment({ minReadySeconds: 600 }),
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  ],
];

t.test('a deployment that contradicts itself is refused', async (t) => {
  for (const [name, object, expected] of DEPLOYMENTS)
    t.strictSame(problems('apps', 'Deployment', object), expected, name);
  const other = { app: 'y' };
  const moved = deployment({ selector: { matchLabels: other }, template: { metadata: { labels: other }, ...pod({}) } });
  t.strictSame(problems('apps', 'Deployment', moved, deployment()), [
    'spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable',
  ]);
});

t.test('a job runs to an end, and keeps its template', async (t) => {
  const job = (spec: Loose = {}, first: Loose = {}): Loose => ({
    spec: { template: pod({ restartPolicy: 'Never' }, first), ...spec },
  });
  t.strictSame(problems('batch', 'Job', job()), []);
  t.strictSame(problems('batch', 'Job', { spec: { template: pod({}) } }), [
    'spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "OnFailure", "Never"',
  ]);
  t.match(
    problems('batch', 'Job', job({}, { image: 'b:1' }), job()).join(),
    /^spec.template: Invalid value: .*: field is immutable$/,
  );
  t.strictSame(problems('batch', 'Job', job({ parallelism: 3 }), job({ parallelism: 1 })), []);
});

const service = (spec: Loose): Loose => ({ spec });

const SERVICES: [name: string, object: Loose, expected: string[]][] = [
  ['a plain one', service({ ports: [{ port: 80 }] }), []],
  ['no ports', service({}), ['spec.ports: Required value']],
  ['headless without ports', service({ clusterIP: 'None' }), []],
  [
    'a port out of range',
    service({ ports: [{ port: 0 }] }),
    [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'two ports without names',
    service({ ports: [{ port: 1 }, { port: 2, name: 'b' }] }),
    ['spec.ports[0].name: Required value'],
  ],
  [
    'the same port twice',
    service({
      ports: [
        { port: 1, name: 'a' },
        { port: 1, name: 'b' },
      ],
    }),
    ['spec.ports[1]: Duplicate value: {"port":1,"protocol":"TCP"}'],
  ],
  [
    'an unknown type',
    service({ ports: [{ port: 1 }], type: 'Cluster' }),
    [
      'spec.type: Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  ],
  ['an external name that is missing', service({ type: 'ExternalName' }), ['spec.externalName: Required value']],
  [
    'an address that is none',
    service({ ports: [{ port: 1 }], clusterIP: 'x' }),
    ['spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ],
];

t.test('a service that leads nowhere is refused', async (t) => {
  for (const [name, object, expected] of SERVICES) t.strictSame(problems('', 'Service', object), expected, name);
  const ports = [{ port: 80 }];
  t.strictSame(
    problems('', 'Service', service({ ports, clusterIP: '127.1.2.4' }), service({ ports, clusterIP: '127.1.2.3' })),
    ['spec.clusterIPs[0]: Invalid value: "127.1.2.4": may not change once set'],
  );
});

t.test('config maps and secrets: keys, sizes, immutability', async (t) => {
  t.match(
    problems('', 'ConfigMap', { data: { 'a b': '' } }).join(),
    /^data\[a b\]: Invalid value: "a b": a valid config key must/,
  );
  t.strictSame(problems('', 'ConfigMap', { data: { a: 'x'.repeat(2 ** 20 + 1) } }), [
    ': Too long: may not be more than 1048576 bytes',
  ]);
  const fixed = { immutable: true, data: { a: '1' } };
  t.strictSame(problems('', 'ConfigMap', { ...fixed, data: { a: '2' } }, fixed), [
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
  t.strictSame(problems('', 'ConfigMap', { data: { a: '1' } }, fixed), [
    'immutable: Forbidden: field is immutable when `immutable` is set',
  ]);
  t.strictSame(problems('', 'Secret', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }), [
    'data[tls.key]: Required value',
  ]);
  t.strictSame(problems('', 'Secret', { type: 'Other' }, { type: 'Opaque' }), [
    'type: Invalid value: "Other": field is immutable',
  ]);
});

t.test('endpoint slices hold addresses of their type', async (t) => {
  const slice = (addresses: string[]): Loose => ({
    addressType: 'IPv4',
    endpoints: [{ addresses }],
    ports: [{ port: 1 }],
  });
  t.strictSame(
    problems('discovery.k8s.io', 'EndpointSlice', slice(['127.0.0.1'])),
    [],
    'loopback is where local pods live',
  );
  t.strictSame(problems('discovery.k8s.io', 'EndpointSlice', slice([])), [
    'endpoints[0].addresses: Required value: must contain at least 1 address',
  ]);
  t.strictSame(problems('discovery.k8s.io', 'EndpointSlice', slice(['::1'])), [
    'endpoints[0].addresses[0]: Invalid value: "::1": must be an IPv4 address',
  ]);
});

t.test('roles grant something, and bindings stay with their role', async (t) => {
  const group = 'rbac.authorization.k8s.io';
  t.strictSame(problems(group, 'Role', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }), []);
  t.strictSame(problems(group, 'Role', { rules: [{ resources: ['pods'] }] }), [
    'rules[0].verbs: Required value: verbs must contain at least one value',
    'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
  ]);
  const to = (name: string): Loose => ({ roleRef: { kind: 'Role', name } });
  t.match(
    problems(group, 'RoleBinding', to('b'), to('a')).join(),
    /^roleRef: Invalid value: .*: cannot change roleRef$/,
  );
});
