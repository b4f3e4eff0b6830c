import t from 'tap';
import type { Revision } from '../../../api/serving/revision.ts';
import { makeDeployment } from '../../../serving/controller/revision/resources/deployment.ts';
import { DigestResolver, type ResolveImage } from '../../../serving/controller/revision/digest.ts';
import { revisionReconciler } from '../../../serving/controller/revision/revision.ts';
import { aDeployment, aPod, aPodAutoscaler, aRevision, conditions, over, ownedBy, type Changes } from './given.ts';
import { conditionsOf, passOver, type Pass, type Setting } from './pass.ts';

const DIGEST = `img@sha256:${'a'.repeat(64)}`;
const resolved: ResolveImage = () => Promise.resolve(DIGEST);

async function pass(revision: Revision, setting: Setting = {}, resolveImage = resolved): Promise<Pass> {
  const digests = new DigestResolver({ resolveImage });
  try {
    return await passOver((config) => revisionReconciler(config, digests), revision, setting);
  } finally {
    digests.stop();
  }
}

const LABELS = {
  app: 'svc-00001',
  'serving.knative.dev/configuration': 'svc',
  'serving.knative.dev/service': 'svc',
  'serving.knative.dev/configurationGeneration': '1',
  'serving.knative.dev/revision': 'svc-00001',
  'serving.knative.dev/revisionUID': 'uid-of-svc-00001',
};

t.test('a new Revision makes Deployment, Image and PodAutoscaler', async (t) => {
  const revision = aRevision('svc-00001', {
    metadata: {
      labels: { 'serving.knative.dev/routingState': 'active' },
      annotations: {
        'autoscaling.knative.dev/initial-scale': '3',
        'serving.knative.dev/progress-deadline': '30s',
        'serving.knative.dev/routes': 'svc',
        'serving.knative.dev/routingStateModified': 'x',
        own: 'y',
      },
    },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'img',
          ports: [{ containerPort: 9000, name: 'h2c' }],
          env: [{ name: 'A', value: '1' }],
          readinessProbe: { httpGet: { path: '/up', port: 0 }, successThreshold: 1 },
          livenessProbe: { tcpSocket: { port: 1234 } },
        },
        { name: 'side', image: 'img' },
      ],
      timeoutSeconds: 20,
      containerConcurrency: 7,
    },
  });
  const { writes, status } = await pass(revision);
  const annotations = { 'serving.knative.dev/progress-deadline': '30s', own: 'y' };
  const identity = [
    { name: 'K_REVISION', value: 'svc-00001' },
    { name: 'K_CONFIGURATION', value: 'svc' },
    { name: 'K_SERVICE', value: 'svc' },
  ];
  const owner = [ownedBy('Revision', 'svc-00001')];
  const hash = (writes[0]?.object as { metadata: { labels: Record<string, string> } }).metadata.labels[
    'serving.knative.dev/deployment-hash'
  ];
  t.match(hash, /^[0-9a-z]{1,7}$/);
  t.strictSame(writes, [
    {
      verb: 'create Deployment svc-00001-deployment',
      object: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: {
          name: 'svc-00001-deployment',
          namespace: 'ns',
          labels: { ...LABELS, 'serving.knative.dev/deployment-hash': hash },
          annotations,
          ownerReferences: owner,
        },
        spec: {
          replicas: 3,
          selector: { matchLabels: { 'serving.knative.dev/revisionUID': 'uid-of-svc-00001' } },
          progressDeadlineSeconds: 30,
          revisionHistoryLimit: 0,
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
          template: {
            metadata: {
              labels: LABELS,
              annotations: { ...annotations, 'kubectl.kubernetes.io/default-container': 'web' },
            },
            spec: {
              containers: [
                {
                  name: 'web',
                  image: DIGEST,
                  ports: [{ name: 'user-port', containerPort: 9000, protocol: 'TCP' }],
                  env: [{ name: 'A', value: '1' }, { name: 'PORT', value: '9000' }, ...identity],
                  readinessProbe: { httpGet: { path: '/up', port: 9000 }, successThreshold: 1, periodSeconds: 1 },
                  livenessProbe: { tcpSocket: { port: 9000 } },
                  terminationMessagePolicy: 'FallbackToLogsOnError',
                },
                {
                  name: 'side',
                  image: DIGEST,
                  env: identity,
                  terminationMessagePolicy: 'FallbackToLogsOnError',
                },
              ],
              enableServiceLinks: false,
              runtimeClassName: undefined,
              terminationGracePeriodSeconds: 20,
              affinity: {
                podAntiAffinity: {
                  preferredDuringSchedulingIgnoredDuringExecution: [
                    {
                      weight: 100,
                      podAffinityTerm: {
                        topologyKey: 'kubernetes.io/hostname',
                        labelSelector: { matchLabels: { 'serving.knative.dev/revision': 'svc-00001' } },
                      },
                    },
                  ],
                },
              },
            },
          },
        },
      },
    },
    ...['web', 'side'].map((container) => ({
      verb: `create Image svc-00001-cache-${container}`,
      object: {
        apiVersion: 'caching.internal.knative.dev/v1alpha1',
        kind: 'Image',
        metadata: {
          name: `svc-00001-cache-${container}`,
          namespace: 'ns',
          labels: LABELS,
          annotations,
          ownerReferences: owner,
        },
        spec: { image: DIGEST },
      },
    })),
    {
      verb: 'create PodAutoscaler svc-00001',
      object: {
        apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
        kind: 'PodAutoscaler',
        metadata: {
          name: 'svc-00001',
          namespace: 'ns',
          labels: LABELS,
          annotations: { ...annotations, 'autoscaling.knative.dev/initial-scale': '3' },
          ownerReferences: owner,
        },
        spec: {
          containerConcurrency: 7,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'svc-00001-deployment' },
          reachability: 'Reachable',
          protocolType: 'h2c',
        },
      },
    },
  ]);
  t.match(status, {
    containerStatuses: [
      { name: 'web', imageDigest: DIGEST },
      { name: 'side', imageDigest: DIGEST },
    ],
  });
  t.strictSame(conditionsOf(status), [
    'Active=Unknown Deploying: Waiting for the first pod to become ready.',
    'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready.',
    'Ready=Unknown Deploying: Waiting for the first pod to become ready.',
    'ResourcesAvailable=Unknown Deploying: Waiting for the first pod to become ready.',
  ]);
});

t.test('images', async (t) => {
  const image = (name: string) => aRevision('svc-00001', { spec: { containers: [{ name: 'c', image: name }] } });
  const failing: ResolveImage = (name) => Promise.reject(new Error(`image "${name}" is not in the store`));
  const missing = await pass(image('gone'), {}, failing);
  const message = 'Unable to fetch image "gone": failed to resolve image to digest: image "gone" is not in the store';
  t.strictSame(conditionsOf(missing.status), [
    `ContainerHealthy=False ContainerMissing: ${message}`,
    `Ready=False ContainerMissing: ${message}`,
    'ResourcesAvailable=Unknown',
  ]);
  t.ok((missing.again ?? 0) > 0, 'and tries again');
  t.strictSame(missing.writes, []);

  const slow = await pass(image('slow'), {}, () => new Promise(() => undefined));
  t.strictSame(conditionsOf(slow.status), [
    'ContainerHealthy=Unknown',
    'Ready=Unknown ResolvingDigests: Looking up the digests of the images.',
    'ResourcesAvailable=Unknown ResolvingDigests: Looking up the digests of the images.',
  ]);

  const never: ResolveImage = () => Promise.reject(new Error('asked'));
  for (const [name, expected] of [
    ['dev.local/x:1', [{ name: 'c' }]],
    [`x@sha256:${'b'.repeat(64)}`, [{ name: 'c', imageDigest: `x@sha256:${'b'.repeat(64)}` }]],
  ] as const) {
    const result = await pass(image(name), {}, never);
    t.strictSame((result.status as Revision['status'])?.containerStatuses, expected, `${name} is not looked up`);
  }
  const tag = await pass(image('x'), {}, () => Promise.resolve(''));
  t.strictSame((tag.status as Revision['status'])?.containerStatuses, [{ name: 'c' }], 'the tag may stay');
});

/** A Revision whose images are known and whose children are as it makes them. */
const known = aRevision('svc-00001', {
  status: { observedGeneration: 1, containerStatuses: [{ name: 'user-container' }] },
});
const CONFIG = {
  autoscaler: { initialScale: 1 },
  defaults: { enableServiceLinks: false },
  deployment: { progressDeadline: 600_000, spreadOverNodes: true, runtimeClasses: [] },
  features: { flags: { 'multi-container-probing': 'Disabled' } },
  observability: { varLogCollection: false },
} as unknown as Parameters<typeof makeDeployment>[1];
const deployment = (changes: Changes = {}) =>
  over(over(aDeployment('svc-00001'), makeDeployment(known, CONFIG) as unknown as Changes), changes);
const autoscaler = (status: Changes = {}, changes: Changes = {}) =>
  over(aPodAutoscaler('svc-00001', { status }), changes);
const progressing = {
  conditions: [{ type: 'Progressing', status: 'True', reason: 'x' }],
  availableReplicas: 1,
  readyReplicas: 1,
};
const initialised = (ready: string) => ({
  serviceName: 'svc-00001',
  actualScale: 1,
  desiredScale: -1,
  conditions: conditions('ScaleTargetInitialized=True', ready),
});
const pod = (status: Changes) => aPod('svc-00001', { status });

const WAITS = 'Waiting for the first pod to become ready. Container "c" of pod "svc-00001-pod" waits:';

t.test('how its children fare', async (t) => {
  const down = { conditions: [{ type: 'Progressing', status: 'True' }], availableReplicas: 0 };
  for (const [name, others, says, verbs] of [
    [
      'serving',
      [deployment({ status: progressing }), autoscaler(initialised('Ready=True'))],
      ['Active=True', 'ContainerHealthy=True', 'Ready=True', 'ResourcesAvailable=True'],
      [],
    ],
    [
      'scaled to zero it stays ready',
      [
        deployment({ spec: { replicas: 0 }, status: { conditions: progressing.conditions } }),
        autoscaler(initialised('Ready=False NoTraffic: none')),
      ],
      ['Active=False NoTraffic: none', 'ContainerHealthy=True', 'Ready=True', 'ResourcesAvailable=True'],
      [],
    ],
    [
      'pods are up, the autoscaler has not said so',
      [deployment({ status: progressing }), autoscaler()],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready.',
        'ContainerHealthy=True',
        'Ready=Unknown Deploying: Waiting for the first pod to become ready.',
        'ResourcesAvailable=Unknown Deploying: Waiting for the first pod to become ready.',
      ],
      [],
    ],
    [
      'requests are waiting for the first pod',
      [
        deployment({ status: down }),
        autoscaler({ serviceName: 's', conditions: conditions('Ready=Unknown Queued: wait') }),
      ],
      [
        'Active=Unknown Queued: wait',
        'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready.',
        'Ready=Unknown Deploying: Waiting for the first pod to become ready.',
        'ResourcesAvailable=Unknown Deploying: Waiting for the first pod to become ready.',
      ],
      [],
    ],
    [
      'the container exits',
      [
        deployment({ status: down }),
        autoscaler(),
        pod({ containerStatuses: [{ name: 'c', lastState: { terminated: { exitCode: 3, message: 'boom' } } }] }),
      ],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready.',
        'ContainerHealthy=False ExitCode3: Container failed with: boom',
        'Ready=False ExitCode3: Container failed with: boom',
        'ResourcesAvailable=True',
      ],
      ['update PodAutoscaler svc-00001'],
    ],
    [
      'the container exits without a word',
      [
        deployment({ status: down }),
        autoscaler({}, { spec: { reachability: 'Unreachable' } }),
        pod({ containerStatuses: [{ name: 'c', lastState: { terminated: { exitCode: 0 } } }] }),
      ],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready.',
        'ContainerHealthy=False ExitCode0: Container failed with: container exited with no error',
        'Ready=False ExitCode0: Container failed with: container exited with no error',
        'ResourcesAvailable=True',
      ],
      [],
    ],
    [
      'no node takes the pod',
      [
        deployment({ status: down }),
        autoscaler({}, { spec: { reachability: 'Unreachable' } }),
        pod({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no cpu' }] }),
      ],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready.',
        'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready.',
        'Ready=False Unschedulable: no cpu',
        'ResourcesAvailable=False Unschedulable: no cpu',
      ],
      [],
    ],
    [
      'the image cannot be pulled, and time is up',
      [
        deployment({
          status: {
            conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'late' }],
          },
        }),
        autoscaler({}, { spec: { reachability: 'Unreachable' } }),
        pod({
          containerStatuses: [
            { name: 'c', state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } },
          ],
        }),
      ],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready. Container "c" of pod "svc-00001-pod" waits: ImagePullBackOff: no such image',
        'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready. Container "c" of pod "svc-00001-pod" waits: ImagePullBackOff: no such image',
        'Ready=False ImagePullBackOff: no such image',
        'ResourcesAvailable=False ImagePullBackOff: no such image',
      ],
      [],
    ],
    [
      'a Secret is missing: it waits, and says for what',
      [
        deployment({ status: down }),
        autoscaler({ serviceName: 's', conditions: conditions('Ready=Unknown Queued: wait') }),
        pod({
          containerStatuses: [
            {
              name: 'c',
              state: { waiting: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' } },
            },
          ],
        }),
      ],
      [
        'Active=Unknown Queued: wait',
        `ContainerHealthy=Unknown Deploying: ${WAITS} CreateContainerConfigError: secret "x" not found`,
        `Ready=Unknown Deploying: ${WAITS} CreateContainerConfigError: secret "x" not found`,
        `ResourcesAvailable=Unknown Deploying: ${WAITS} CreateContainerConfigError: secret "x" not found`,
      ],
      [],
    ],
    [
      'an init container fails: it waits, and says how that ended',
      [
        deployment({ status: down }),
        autoscaler({ serviceName: 's', conditions: conditions('Ready=Unknown Queued: wait') }),
        pod({
          initContainerStatuses: [
            {
              name: 'c',
              state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
              lastState: { terminated: { exitCode: 1, message: 'no database\n' } },
            },
          ],
          containerStatuses: [{ name: 'd', state: { waiting: { reason: 'PodInitializing' } } }],
        }),
      ],
      [
        'Active=Unknown Queued: wait',
        `ContainerHealthy=Unknown Deploying: ${WAITS} CrashLoopBackOff: no database`,
        `Ready=Unknown Deploying: ${WAITS} CrashLoopBackOff: no database`,
        `ResourcesAvailable=Unknown Deploying: ${WAITS} CrashLoopBackOff: no database`,
      ],
      [],
    ],
    [
      'time is up, and the pod lacks nothing but its readiness',
      [
        deployment({
          status: {
            availableReplicas: 0,
            conditions: [
              { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'Timed out.' },
            ],
          },
        }),
        autoscaler(),
        pod({ containerStatuses: [{ name: 'c', ready: false, state: { running: {} } }] }),
      ],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready.',
        'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready.',
        'Ready=False ProgressDeadlineExceeded: Timed out. Container "c" of pod "svc-00001-pod" runs, but its readiness probe has not succeeded; see "kubectl logs -n ns svc-00001-pod -c c".',
        'ResourcesAvailable=False ProgressDeadlineExceeded: Timed out. Container "c" of pod "svc-00001-pod" runs, but its readiness probe has not succeeded; see "kubectl logs -n ns svc-00001-pod -c c".',
      ],
      ['update PodAutoscaler svc-00001'],
    ],
    [
      'replicas cannot be made',
      [
        deployment({
          status: {
            conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' }],
          },
        }),
        autoscaler({}, { spec: { reachability: 'Unreachable' } }),
      ],
      [
        'Active=Unknown Deploying: Waiting for the first pod to become ready.',
        'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready.',
        'Ready=False FailedCreate: quota',
        'ResourcesAvailable=False FailedCreate: quota',
      ],
      [],
    ],
    [
      'given up before the initial scale',
      [
        deployment({ spec: { replicas: 0 }, status: { conditions: progressing.conditions } }),
        autoscaler({ serviceName: 's', conditions: conditions('Ready=False TimedOut: late') }),
      ],
      [
        'Active=False TimedOut: late',
        'ContainerHealthy=Unknown Deploying: Waiting for the first pod to become ready.',
        'Ready=False ProgressDeadlineExceeded: Initial scale was never achieved: no pod became ready within the progress deadline. See the logs of its pods, or raise serving.knative.dev/progress-deadline.',
        'ResourcesAvailable=False ProgressDeadlineExceeded: Initial scale was never achieved: no pod became ready within the progress deadline. See the logs of its pods, or raise serving.knative.dev/progress-deadline.',
      ],
      [],
    ],
    [
      'a Deployment of somebody else’s',
      [deployment({ metadata: { ownerReferences: [] } })],
      [
        'ContainerHealthy=Unknown',
        'Ready=False NotOwned: There is an existing Deployment "svc-00001-deployment" that we do not own.',
        'ResourcesAvailable=False NotOwned: There is an existing Deployment "svc-00001-deployment" that we do not own.',
      ],
      [],
    ],
    [
      'a PodAutoscaler of somebody else’s',
      [deployment({ status: progressing }), autoscaler({}, { metadata: { ownerReferences: [] } })],
      [
        'ContainerHealthy=True',
        'Ready=False NotOwned: There is an existing PodAutoscaler "svc-00001" that we do not own.',
        'ResourcesAvailable=False NotOwned: There is an existing PodAutoscaler "svc-00001" that we do not own.',
      ],
      [],
    ],
  ] as const) {
    const result = await pass(known, { others });
    t.strictSame(conditionsOf(result.status), says, name);
    t.strictSame(
      result.writes.map(({ verb }) => verb),
      verbs,
      `${name}: writes`,
    );
  }
});

t.test('changes reach the children, but not the scale', async (t) => {
  const scaled = deployment({ spec: { replicas: 5 }, status: progressing });
  const settled = autoscaler(initialised('Ready=True'), {
    metadata: {
      annotations: { 'autoscaling.knative.dev/class': 'c', 'autoscaling.knative.dev/min-scale': '2', kept: 'x' },
    },
  });
  const config = { 'config-deployment': { 'progress-deadline': '5s' } };
  const { writes } = await pass(known, { others: [scaled, settled], config });
  t.strictSame(
    writes.map(({ verb }) => verb),
    ['update Deployment svc-00001-deployment', 'update PodAutoscaler svc-00001'],
  );
  t.match(writes[0]?.object, { spec: { replicas: 5, progressDeadlineSeconds: 5 } });
  t.strictSame(
    (writes[1]?.object as { metadata: { annotations: object } }).metadata.annotations,
    { 'autoscaling.knative.dev/class': 'c', kept: 'x' },
    'an autoscaling annotation that the Revision no longer has is taken away, defaulted ones stay',
  );
  const paused = await pass(known, { others: [scaled, autoscaler(initialised('Ready=True'))] });
  t.strictSame(paused.writes, [], 'a scale of the autoscaler’s is no difference');
});
