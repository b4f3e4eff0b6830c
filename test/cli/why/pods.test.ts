import t from 'tap';
import type { KubeObject } from '../../../api/object.ts';
import { diagnose } from '../../../cli/why/diagnose.ts';
import type { Graph } from '../../../cli/why/graph.ts';
import { graph, object, owned, pod, status, warning } from './given.ts';

const terminated = (exitCode: number, more: object = {}) => ({
  exitCode,
  reason: 'Error',
  finishedAt: '2026-11-25T11:59:50Z',
  ...more,
});
const crashLoop = (exitCode: number, more: object = {}) => ({
  restartCount: 4,
  state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
  lastState: { terminated: terminated(exitCode, more) },
});
const limited = { containers: [{ name: 'user-container', image: 'web', resources: { limits: { memory: '64Mi' } } }] };
const probed = {
  containers: [
    {
      name: 'user-container',
      image: 'web',
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/healthz', port: 0 } },
    },
  ],
};
const running = { state: { running: { startedAt: '2026-11-25T11:59:00Z' } } };

/** What is said of one pod, and the first command. */
const PODS: readonly [name: string, pod: KubeObject, cause: string | RegExp, command: string | RegExp | undefined][] = [
  [
    'an image that cannot be pulled',
    pod({
      state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "registry.test/web:1"' } },
    }),
    'the image "registry.test/web:1" cannot be had: Back-off pulling image "registry.test/web:1"',
    'docker pull registry.test/web:1',
  ],
  [
    'a program that ends',
    pod(crashLoop(3)),
    'container user-container of pod web-1 ended with exit code 3, 5 times so far',
    'zeroth logs web-1 -c user-container --previous --tail 50 -n shop',
  ],
  [
    'a program that ends well',
    pod(crashLoop(0)),
    /ended by itself with exit code 0, but a server has to go on/,
    /zeroth logs/,
  ],
  ['a program that is not there', pod(crashLoop(127)), /exit code 127 \(its command was not found\)/, /zeroth logs/],
  ['a fault', pod(crashLoop(139)), /was ended by SIGSEGV, a fault in the program \(exit code 139\)/, /zeroth logs/],
  [
    'a signal that the status names',
    pod(crashLoop(143, { signal: 15 })),
    /was ended by SIGTERM \(exit code 143\)/,
    /zeroth logs/,
  ],
  [
    'a memory limit',
    pod(crashLoop(137, { reason: 'OOMKilled' }), { spec: limited }),
    'container user-container of pod web-1 was killed because it used more memory than its limit of 64Mi, 5 times so far',
    'kubectl edit pod web-1 -n shop',
  ],
  [
    'a start that fails',
    pod(crashLoop(128, { reason: 'StartError', message: 'exec: "nope": not found' })),
    /could not be started: exec: "nope": not found/,
    /zeroth logs/,
  ],
  [
    'a Secret that is not there',
    pod({ state: { waiting: { reason: 'CreateContainerConfigError', message: 'secret "db" not found' } } }),
    'the Secret "db" does not exist in namespace shop',
    'kubectl create secret generic db --from-literal=KEY=VALUE -n shop',
  ],
  [
    'a key that is not there',
    pod({
      state: {
        waiting: { reason: 'CreateContainerConfigError', message: "couldn't find key url in ConfigMap shop/db" },
      },
    }),
    'the ConfigMap "db" has no key "url"',
    'kubectl describe configmap db -n shop',
  ],
  [
    'something else about its configuration',
    pod({ state: { waiting: { reason: 'CreateContainerConfigError', message: 'invalid user' } } }),
    /cannot be started: invalid user/,
    'kubectl describe pod web-1 -n shop',
  ],
  [
    'a probe that does not pass',
    pod(running, { spec: probed }),
    'container user-container of pod web-1 runs, but does not pass its readiness probe (GET /healthz on port 8080); does the program listen on $PORT, on all addresses?',
    'zeroth logs web-1 -c user-container --tail 50 -n shop',
  ],
  [
    'a program between two of its ends',
    pod({ ...crashLoop(2), state: { running: { startedAt: '2026-11-25T11:59:58Z' } } }),
    'container user-container of pod web-1 ended with exit code 2, 4 times so far',
    /--previous/,
  ],
  [
    'no room',
    pod(undefined, {
      spec: { nodeName: undefined, containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '64' } } }] },
      status: {
        phase: 'Pending',
        ...status([['PodScheduled', 'False', 'Unschedulable', '0/3 nodes are available: 3 Insufficient cpu.']]),
      },
    }),
    'no node can take pod web-1: 0/3 nodes are available: 3 Insufficient cpu.; it asks for cpu 64 for c',
    'kubectl describe nodes',
  ],
  [
    'an init container',
    pod(undefined, {
      spec: { initContainers: [{ name: 'migrate', image: 'x' }] },
      status: {
        phase: 'Pending',
        initContainerStatuses: [
          { name: 'migrate', restartCount: 0, ready: false, state: { terminated: terminated(1) } },
        ],
      },
    }),
    'init container migrate of pod web-1 ended with exit code 1',
    /zeroth logs web-1 -c migrate/,
  ],
  [
    'an eviction',
    pod(undefined, {
      status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
    }),
    'pod web-1 has failed: The node was low on resource: memory.',
    undefined,
  ],
  [
    'a readiness gate',
    pod(
      { ...running, ready: true },
      {
        spec: { readinessGates: [{ conditionType: 'example.test/open' }] },
        status: { conditions: status([['Ready', 'False', 'ReadinessGatesNotReady']])['conditions'] },
      },
    ),
    /waits for its readiness gate example.test\/open/,
    undefined,
  ],
  [
    'an end that a finalizer holds up',
    pod({ ...running, ready: true }, { metadata: { deletionTimestamp: '2026-11-25T11:59:00Z', finalizers: ['x/y'] } }),
    'pod web-1 is ending; it waits for the finalizers x/y',
    undefined,
  ],
  [
    'a node that is silent',
    pod(undefined, { status: { phase: 'Pending' } }),
    /was given to node n1, which has not said anything/,
    'kubectl get node n1',
  ],
];

for (const [name, given, cause, command] of PODS)
  t.test(name, (t) => {
    const diagnosis = diagnose(graph(given));
    t.equal(diagnosis.ready, false);
    t.match(diagnosis.cause, cause);
    if (typeof cause === 'string') t.equal(diagnosis.cause, cause);
    t.match(diagnosis.next[0]?.run, command);
    t.equal(diagnosis.steps[0]?.kind, 'Pod');
    t.end();
  });

t.test('a volume that cannot be mounted is told by an event only', (t) => {
  const waiting = pod({ state: { waiting: { reason: 'ContainerCreating' } } }, { status: { phase: 'Pending' } });
  const events = [
    warning(waiting, 'FailedMount', 'MountVolume.SetUp failed for volume "v" : configmap "settings" not found'),
    warning(object('v1', 'Pod', 'other'), 'FailedMount', 'secret "other" not found'),
  ];
  t.equal(diagnose(graph(waiting, [], { events })).cause, 'the ConfigMap "settings" does not exist in namespace shop');
  t.match(diagnose(graph(waiting)).cause, /is being created/);
  t.end();
});

t.test('the last lines of its log are shown, the last words of its status where there is no log', (t) => {
  const crashed = pod(crashLoop(1, { message: 'last\nwords\n' }));
  const logs = [{ pod: 'web-1', container: 'user-container', previous: true, lines: ['one', '', 'two  '] }];
  t.strictSame(diagnose(graph(crashed, [], { logs })).steps.at(-1)?.log, ['one', 'two']);
  t.strictSame(diagnose(graph(crashed)).steps.at(-1)?.log, ['last', 'words']);
  t.end();
});

t.test('the commands fit the server: an image of the local store is built', (t) => {
  const missing = pod(
    {
      state: {
        waiting: {
          reason: 'ErrImageNeverPull',
          message: 'image "web" is not in the store; run: zeroth build DIR -t web',
        },
      },
    },
    {
      spec: { containers: [{ name: 'user-container', image: 'web' }] },
    },
  );
  const diagnosis = diagnose(graph(missing, [], { local: true, defaultNamespace: 'shop' }));
  t.equal(diagnosis.cause, 'the image "web" cannot be had: it is not in the store');
  t.equal(diagnosis.next[0]?.run, 'zeroth build DIR -t web');
  t.end();
});

t.test('one that is ready now says that it was not always', (t) => {
  const again = pod(
    { ready: true, restartCount: 2, ...running, lastState: { terminated: terminated(137, { reason: 'OOMKilled' }) } },
    { spec: { nodeName: 'n1', ...limited } },
  );
  const diagnosis = diagnose(graph(again));
  t.equal(diagnosis.ready, true);
  t.strictSame(diagnosis.warnings, [
    'container user-container of pod web-1 was started again 2 times; the last time it was killed because it used more memory than its limit of 64Mi',
  ]);
  t.end();
});

const deployment = (more: object = {}) =>
  object('apps/v1', 'Deployment', 'web', { spec: { replicas: 2 }, status: { updatedReplicas: 2, ...more } });
const set = (more: object = {}) =>
  object('apps/v1', 'ReplicaSet', 'web-abc', {
    metadata: owned('Deployment', 'web'),
    spec: { replicas: 2 },
    status: { ...more },
  });

t.test('why a Deployment has fewer pods than it should', (t) => {
  const cases: [name: string, graph: Graph, cause: RegExp | undefined][] = [
    ['it has them', graph(deployment({ readyReplicas: 2 })), undefined],
    [
      'a quota',
      graph(
        deployment(
          status([
            [
              'ReplicaFailure',
              'True',
              'FailedCreate',
              'pods "web-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2',
            ],
          ]),
        ),
      ),
      /^its pods are refused by the quota "small": pods "web-1" is forbidden/,
    ],
    [
      'an account that is not there',
      graph(deployment(), [
        set(
          status([
            [
              'ReplicaFailure',
              'True',
              'FailedCreate',
              'pods "web-" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
            ],
          ]),
        ),
      ]),
      /^its pods are refused: the ServiceAccount "robot" does not exist in namespace shop$/,
    ],
    [
      'refused by a webhook, told by an event',
      graph(deployment(), [set()], {
        events: [warning(set(), 'FailedCreate', 'admission webhook "policy" denied the request: no')],
      }),
      /^its pods are refused: admission webhook "policy" denied/,
    ],
    [
      'paused',
      graph(object('apps/v1', 'Deployment', 'web', { spec: { replicas: 1, paused: true }, status: {} })),
      /is paused/,
    ],
    ['nobody looks after it', graph(deployment()), /has no ReplicaSet yet/],
    ['the pods are on their way', graph(deployment(), [set()]), /has not made its pods yet/],
    [
      'the worst of its pods',
      graph(deployment(), [
        set(),
        object('v1', 'Pod', 'fine', { ...pod({ ready: true, ...running }), metadata: owned('ReplicaSet', 'web-abc') }),
        object('v1', 'Pod', 'bad', { ...pod(crashLoop(9)), metadata: owned('ReplicaSet', 'web-abc') }),
      ]),
      /pod bad ended with exit code 9/,
    ],
  ];
  for (const [name, given, cause] of cases) t.match(diagnose(given).cause, cause, name);
  const chain = diagnose(cases.at(-1)![1]).steps.map(({ kind }) => kind);
  t.strictSame(chain, ['Deployment', 'ReplicaSet', 'Pod', 'container']);
  t.end();
});
