import t from 'tap';
import type { Container, PodSpec } from '../../../../api/core.ts';
import type { RevisionSpec } from '../../../../api/serving/revision.ts';
import { parseDeployment } from '../../../../serving/controller/config/deployment.ts';
import { parseDefaults } from '../../../../serving/controller/config/defaults.ts';
import { parseFeatures } from '../../../../serving/controller/config/features.ts';
import { parseObservability } from '../../../../serving/controller/config/observability.ts';
import { parseAutoscalerLimits } from '../../../../serving/controller/config/autoscaler.ts';
import { makeDeployment, updateDeployment } from '../../../../serving/controller/revision/resources/deployment.ts';
import { makePodSpec, type PodConfig } from '../../../../serving/controller/revision/resources/pod.ts';
import { aRevision, over, type Changes } from '../given.ts';

interface Maps {
  readonly deployment?: Record<string, string>;
  readonly defaults?: Record<string, string>;
  readonly features?: Record<string, string>;
  readonly observability?: Record<string, string>;
}

const configOf = (maps: Maps = {}): PodConfig => ({
  autoscaler: parseAutoscalerLimits({}),
  defaults: parseDefaults(maps.defaults ?? {}),
  deployment: parseDeployment({ 'default-affinity-type': 'none', ...maps.deployment }),
  features: parseFeatures(maps.features ?? {}),
  observability: parseObservability(maps.observability ?? {}),
});

const podOf = (spec: RevisionSpec, maps: Maps = {}, labels: Changes = {}): PodSpec =>
  makePodSpec({ ...aRevision('svc-00001', { metadata: { labels } }), spec }, configOf(maps));

const identity = [
  { name: 'K_REVISION', value: 'svc-00001' },
  { name: 'K_CONFIGURATION', value: 'svc' },
  { name: 'K_SERVICE', value: 'svc' },
];

t.test('every field of the pod that Knative lets an author set arrives in the pods', async (t) => {
  const spec: Record<string, unknown> = {
    serviceAccountName: 'runner',
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: 'pull' }],
    volumes: [
      { name: 'secret', secret: { secretName: 's', items: [{ key: 'a', path: 'b' }], defaultMode: 0o400 } },
      { name: 'map', configMap: { name: 'm', optional: true } },
      {
        name: 'many',
        projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'x' } }, { downwardAPI: { items: [] } }] },
      },
      { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'claim', persistentVolumeClaim: { claimName: 'c', readOnly: true } },
      { name: 'host', hostPath: { path: '/x', type: 'Directory' } },
      { name: 'csi', csi: { driver: 'd', readOnly: true } },
    ],
    affinity: { nodeAffinity: {} },
    tolerations: [{ key: 'k', operator: 'Exists' }],
    nodeSelector: { disk: 'ssd' },
    hostAliases: [{ ip: '127.0.0.1', hostnames: ['a'] }],
    runtimeClassName: 'gvisor',
    priorityClassName: 'high',
    schedulerName: 'mine',
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['1.1.1.1'] },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    shareProcessNamespace: true,
    hostIPC: false,
    hostPID: false,
    hostNetwork: false,
    hostname: 'h',
    securityContext: { runAsUser: 1000, fsGroup: 2000, seccompProfile: { type: 'RuntimeDefault' } },
    enableServiceLinks: true,
    initContainers: [{ name: 'init', image: 'init-img', command: ['x'], env: [{ name: 'A', value: 'b' }] }],
  };
  const own = { containerConcurrency: 3, timeoutSeconds: 20, responseStartTimeoutSeconds: 5, idleTimeoutSeconds: 6 };
  const pod = podOf({ ...spec, ...own, containers: [{ name: 'c', image: 'img' }] } as unknown as RevisionSpec);
  const { containers, terminationGracePeriodSeconds, ...rest } = pod;
  t.strictSame(rest, spec, 'as it was written, and nothing else');
  t.equal(terminationGracePeriodSeconds, 20, 'a pod may take as long to end as a request may take');
  t.strictSame(
    containers.map(({ name }) => name),
    ['c'],
  );
});

t.test('every field of a container that Knative lets an author set arrives in the pods', async (t) => {
  const given: Record<string, unknown> = {
    name: 'web',
    image: 'img',
    imagePullPolicy: 'Always',
    command: ['/app'],
    args: ['--x'],
    workingDir: '/w',
    envFrom: [{ configMapRef: { name: 'm' }, prefix: 'P_' }, { secretRef: { name: 's', optional: true } }],
    resources: { requests: { cpu: '100m' }, limits: { memory: '64Mi' } },
    volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'x', readOnly: true, mountPropagation: 'None' }],
    volumeDevices: [],
    securityContext: { runAsNonRoot: true, capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] } },
    terminationMessagePath: '/dev/x',
    terminationMessagePolicy: 'File',
  };
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ];
  const [web] = podOf({ containers: [{ ...given, env } as Container] }).containers;
  t.strictSame(web, {
    ...given,
    env: [...env, { name: 'PORT', value: '8080' }, ...identity],
    ports: [{ name: 'user-port', containerPort: 8080, protocol: 'TCP' }],
  });
  const [talkative] = podOf({
    containers: [{ name: 'c', image: 'img', stdin: true, tty: true } as Container],
  }).containers;
  t.notOk('stdin' in (talkative ?? {}) || 'tty' in (talkative ?? {}), 'nobody types into a server');
});

t.test('the port', async (t) => {
  for (const [ports, port] of [
    [undefined, 8080],
    [[{ containerPort: 0 }], 8080],
    [[{ containerPort: 9000 }], 9000],
    [[{ name: 'h2c', containerPort: 9000 }], 9000],
    [[{ name: 'http1' }], 8080],
  ] as const) {
    const [made] = podOf({ containers: [{ name: 'c', image: 'img', ports } as unknown as Container] }).containers;
    t.strictSame(made?.ports, [{ name: 'user-port', containerPort: port, protocol: 'TCP' }]);
    t.strictSame(made?.env?.[0], { name: 'PORT', value: String(port) });
  }
  const both = podOf({
    containers: [
      { name: 'side', image: 'img' },
      { name: 'web', image: 'img', ports: [{ containerPort: 9000 }] },
    ],
  }).containers;
  t.strictSame(both[0]?.ports, undefined, 'the container that declares none takes no requests');
  t.strictSame(both[0]?.env, identity, 'and has no PORT');
  t.strictSame(both[1]?.env?.[0], { name: 'PORT', value: '9000' });
});

t.test('probes', async (t) => {
  const get = (port?: number | string) => ({ httpGet: { path: '/', ...(port === undefined ? {} : { port }) } });
  const tcp = (port?: number) => ({ tcpSocket: port === undefined ? {} : { port } });
  const grpc = (port?: number) => ({ grpc: { service: 's', ...(port === undefined ? {} : { port }) } });
  const exec = { exec: { command: ['x'] } };
  const own = 8080;
  for (const [kind, probe, expected, probing] of [
    ['readinessProbe', { ...tcp(0), successThreshold: 1 }, { ...tcp(own), successThreshold: 1, periodSeconds: 1 }],
    ['readinessProbe', { ...get(), periodSeconds: 3 }, { ...get(own), periodSeconds: 3 }],
    ['readinessProbe', { ...get(9090), periodSeconds: 3 }, { ...get(9090), periodSeconds: 3 }],
    [
      'readinessProbe',
      { httpGet: { port: 9090, scheme: 'http' }, periodSeconds: 3 },
      { httpGet: { port: 9090, scheme: 'HTTP' }, periodSeconds: 3 },
    ],
    ['readinessProbe', { ...grpc(), periodSeconds: 3 }, { ...grpc(own), periodSeconds: 3 }],
    ['readinessProbe', { ...exec, periodSeconds: 3 }, { ...exec, periodSeconds: 3 }],
    ['livenessProbe', get(), get(own)],
    ['livenessProbe', get(9090), get(own)],
    ['livenessProbe', get(9090), get(9090), 'enabled'],
    ['livenessProbe', tcp(0), tcp(own), 'enabled'],
    ['livenessProbe', grpc(), grpc(own)],
    ['livenessProbe', exec, exec],
    ['startupProbe', get(), get(own)],
    ['startupProbe', tcp(9090), tcp(9090)],
    ['startupProbe', { ...get('user-port'), failureThreshold: 9 }, { ...get(own), failureThreshold: 9 }],
  ] as const) {
    const features: Record<string, string> = probing === undefined ? {} : { 'multi-container-probing': probing };
    const [made] = podOf(
      { containers: [{ name: 'c', image: 'img', [kind]: probe } as Container] },
      { features },
    ).containers;
    t.strictSame(made?.[kind], expected, `${kind} ${JSON.stringify(probe)} ${probing ?? ''}`);
  }
  const [, side] = podOf(
    {
      containers: [
        { name: 'web', image: 'img', ports: [{ containerPort: 9000 }] },
        {
          name: 'side',
          image: 'img',
          livenessProbe: get(7000) as never,
          readinessProbe: { ...get(7001), periodSeconds: 2 } as never,
        },
      ],
    },
    { features: { 'multi-container-probing': 'enabled' } },
  ).containers;
  t.match(side, { livenessProbe: get(7000), readinessProbe: get(7001) }, 'other containers keep their ports');
});

t.test('what config maps add to pods', async (t) => {
  const spec: RevisionSpec = { containers: [{ name: 'c', image: 'img' }] };
  const classes = 'gvisor: {}\nkata:\n  selector:\n    my: label\n';
  for (const [name, maps, labels, expected] of [
    ['runtime class for all', { deployment: { 'runtime-class-name': classes } }, {}, { runtimeClassName: 'gvisor' }],
    [
      'runtime class by label',
      { deployment: { 'runtime-class-name': classes } },
      { my: 'label' },
      { runtimeClassName: 'kata' },
    ],
    ['service links', { defaults: { 'enable-service-links': 'true' } }, {}, { enableServiceLinks: true }],
    ['no service links', { defaults: { 'enable-service-links': 'false' } }, {}, { enableServiceLinks: false }],
    [
      'the logs of /var/log',
      { observability: { 'logging.enable-var-log-collection': 'true' } },
      {},
      {
        volumes: [{ name: 'knative-var-log', emptyDir: {} }],
        containers: [
          {
            volumeMounts: [
              {
                name: 'knative-var-log',
                mountPath: '/var/log',
                subPathExpr: '$(K_INTERNAL_POD_NAMESPACE)_$(K_INTERNAL_POD_NAME)_c',
              },
            ],
          },
        ],
      },
    ],
  ] as const)
    t.match(podOf(spec, maps, labels), expected, name);
  const spread = podOf(spec, { deployment: { 'default-affinity-type': 'prefer-spread-revision-over-nodes' } });
  t.equal(spread.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.[0]?.weight, 100);
  const asked = podOf(
    { ...spec, affinity: {} },
    { deployment: { 'default-affinity-type': 'prefer-spread-revision-over-nodes' } },
  );
  t.strictSame(asked.affinity, {}, 'an affinity of the author’s own stays alone');
  const chosen = podOf({ ...spec, runtimeClassName: 'own' }, { deployment: { 'runtime-class-name': classes } });
  t.equal(chosen.runtimeClassName, 'own');
});

t.test('images run by their digest once that is known', async (t) => {
  const digest = `img@sha256:${'c'.repeat(64)}`;
  const revision = aRevision('svc-00001', {
    spec: {
      containers: [
        { name: 'a', image: 'img', ports: [{ containerPort: 1 }] },
        { name: 'b', image: 'dev.local/x' },
      ],
    },
    status: { containerStatuses: [{ name: 'a', imageDigest: digest }, { name: 'b' }] },
  });
  t.strictSame(
    makePodSpec(revision, configOf()).containers.map(({ image }) => image),
    [digest, 'dev.local/x'],
  );
});

t.test('a Deployment that changes keeps what others put on it', async (t) => {
  const revision = aRevision('svc-00001', { metadata: { annotations: { 'x.knative.dev/own': '1' } } });
  const first = makeDeployment(revision, configOf());
  const touched = over(first, {
    metadata: { labels: { mesh: 'on' }, annotations: { 'deployment.kubernetes.io/revision': '3' } },
    spec: {
      replicas: 5,
      template: {
        metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' }, labels: { mesh: 'on' } },
      },
    },
  });
  t.equal(updateDeployment(touched, first), touched, 'nothing of ours has changed');
  const renewed = makeDeployment(
    over(revision, { metadata: { annotations: { 'x.knative.dev/own': undefined } } }),
    configOf({ observability: { 'logging.enable-var-log-collection': 'true' } }),
  );
  const updated = updateDeployment(touched, renewed);
  t.match(updated, {
    metadata: { labels: { mesh: 'on' }, annotations: { 'deployment.kubernetes.io/revision': '3' } },
    spec: {
      replicas: 5,
      template: {
        metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' }, labels: { mesh: 'on' } },
        spec: { volumes: [{ name: 'knative-var-log' }] },
      },
    },
  });
  t.notOk('x.knative.dev/own' in (updated.metadata.annotations ?? {}), 'what was ours and is no more goes');
  t.notOk('x.knative.dev/own' in (updated.spec?.template.metadata?.annotations ?? {}));
  t.equal(updateDeployment(updated, renewed), updated, 'and that is that');
});
