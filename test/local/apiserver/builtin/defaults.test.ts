import t from 'tap';
import { builtinDefaults } from '../../../../local/apiserver/builtin/kinds.ts';
import { frozen } from '../schema/frozen.ts';

type Loose = Record<string, unknown>;
const fill = (group: string, kind: string, object: Loose): Loose => builtinDefaults(group, 'v1', kind, frozen(object));
const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((found, key) => (found as Record<string | number, unknown> | undefined)?.[key], value);

const CONTAINER = {
  imagePullPolicy: 'IfNotPresent',
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  resources: {},
};
const POD_SPEC = {
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  schedulerName: 'default-scheduler',
  securityContext: {},
  terminationGracePeriodSeconds: 30,
};

t.test('a pod gets what Kubernetes gives it', async (t) => {
  const pod = fill('', 'Pod', { metadata: { name: 'p' }, spec: { containers: [{ name: 'a', image: 'a:1' }] } });
  t.strictSame(pod, {
    metadata: { name: 'p' },
    spec: {
      containers: [{ name: 'a', image: 'a:1', ...CONTAINER }],
      ...POD_SPEC,
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      serviceAccountName: 'default',
      serviceAccount: 'default',
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
  t.equal(fill('', 'Pod', pod), pod, 'and no more the second time');
});

const PULL: [image: string, policy: string][] = [
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1.25', 'IfNotPresent'],
  ['localhost:5000/nginx', 'Always'],
  ['localhost:5000/nginx:1', 'IfNotPresent'],
  ['nginx@sha256:0123', 'IfNotPresent'],
];

t.test('an image without a tag is pulled always', async (t) => {
  for (const [image, policy] of PULL) {
    const pod = fill('', 'Pod', { spec: { containers: [{ name: 'a', image }] } });
    t.equal(at(pod, 'spec', 'containers', 0, 'imagePullPolicy'), policy, image);
  }
});

t.test('probes, ports, volumes and references are filled in', async (t) => {
  const pod = fill('', 'Pod', {
    spec: {
      containers: [
        {
          name: 'a',
          image: 'a:1',
          ports: [{ containerPort: 80 }],
          readinessProbe: { httpGet: { port: 80 } },
          livenessProbe: { grpc: { port: 1 }, periodSeconds: 5 },
          lifecycle: { preStop: { httpGet: { port: 80, path: '/x' } } },
          env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        },
      ],
      volumes: [
        { name: 'empty' },
        { name: 's', secret: { secretName: 's' } },
        { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
      ],
    },
  });
  const container = at(pod, 'spec', 'containers', 0);
  const timing = { timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 };
  t.strictSame(at(container, 'ports'), [{ containerPort: 80, protocol: 'TCP' }]);
  t.strictSame(at(container, 'readinessProbe'), {
    httpGet: { port: 80, scheme: 'HTTP', path: '/' },
    periodSeconds: 10,
    ...timing,
  });
  t.strictSame(at(container, 'livenessProbe'), { grpc: { port: 1, service: '' }, periodSeconds: 5, ...timing });
  t.strictSame(at(container, 'lifecycle', 'preStop', 'httpGet'), { port: 80, path: '/x', scheme: 'HTTP' });
  t.strictSame(at(container, 'env', 0, 'valueFrom', 'fieldRef'), { fieldPath: 'metadata.name', apiVersion: 'v1' });
  t.strictSame(at(pod, 'spec', 'volumes'), [
    { name: 'empty', emptyDir: {} },
    { name: 's', secret: { secretName: 's', defaultMode: 420 } },
    {
      name: 'p',
      projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }], defaultMode: 420 },
    },
  ]);
});

const QOS: [resources: Loose, qos: string][] = [
  [{}, 'BestEffort'],
  [{ requests: { cpu: '1' } }, 'Burstable'],
  [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'],
  [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } }, 'Burstable'],
];

t.test('requests default to limits, and decide the quality of service', async (t) => {
  for (const [resources, qos] of QOS) {
    const pod = fill('', 'Pod', { spec: { containers: [{ name: 'a', image: 'a:1', resources }] } });
    t.equal(at(pod, 'status', 'qosClass'), qos, JSON.stringify(resources));
  }
  const pod = fill('', 'Pod', { spec: { containers: [{ name: 'a', resources: { limits: { cpu: '1' } } }] } });
  t.strictSame(at(pod, 'spec', 'containers', 0, 'resources', 'requests'), { cpu: '1' });
});

const template = { metadata: {}, spec: POD_SPEC };

const WORKLOADS: [group: string, kind: string, spec: Loose, expected: Loose][] = [
  [
    'apps',
    'Deployment',
    { template: { spec: {} } },
    {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      template,
    },
  ],
  [
    'apps',
    'Deployment',
    { replicas: 0, strategy: { type: 'Recreate' } },
    { replicas: 0, strategy: { type: 'Recreate' }, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, template },
  ],
  ['apps', 'ReplicaSet', { template: { spec: {} } }, { replicas: 1, template }],
  [
    'batch',
    'Job',
    { template: { spec: { restartPolicy: 'Never' } } },
    {
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      completions: 1,
      parallelism: 1,
      template: { metadata: {}, spec: { ...POD_SPEC, restartPolicy: 'Never' } },
    },
  ],
  [
    'batch',
    'CronJob',
    { schedule: '* * * * *' },
    {
      schedule: '* * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: {}, spec: { template } },
    },
  ],
  [
    '',
    'Service',
    { ports: [{ port: 80 }] },
    {
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilyPolicy: 'SingleStack',
      ipFamilies: ['IPv4'],
    },
  ],
  [
    '',
    'Service',
    { type: 'ExternalName', externalName: 'a.b' },
    { type: 'ExternalName', externalName: 'a.b', sessionAffinity: 'None' },
  ],
];

t.test('workloads and services get their defaults, given values stay', async (t) => {
  for (const [group, kind, spec, expected] of WORKLOADS) {
    const filled = fill(group, kind, { metadata: { name: 'x' }, spec });
    t.strictSame(filled.spec, expected, kind);
    t.equal(fill(group, kind, filled), filled, `${kind}: and no more the second time`);
  }
});

t.test('a job gets a selector of its own from its uid', async (t) => {
  const job = fill('batch', 'Job', { metadata: { name: 'j', uid: 'u1' }, spec: { template: { spec: {} } } });
  t.strictSame(at(job, 'spec', 'selector'), { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } });
  t.equal(at(job, 'spec', 'template', 'metadata', 'labels', 'job-name'), 'j');
});

t.test('stringData becomes data', async (t) => {
  t.strictSame(fill('', 'Secret', { data: { a: 'eA==', b: 'eA==' }, stringData: { b: 'text' } }), {
    type: 'Opaque',
    data: { a: 'eA==', b: 'dGV4dA==' },
  });
});

t.test('a namespace carries its name as a label', async (t) => {
  t.strictSame(fill('', 'Namespace', { metadata: { name: 'n' } }), {
    metadata: { name: 'n', labels: { 'kubernetes.io/metadata.name': 'n' } },
    status: { phase: 'Active' },
  });
});
