/**
 * `zeroth webhook` serves clusters that admit nothing by themselves, through the committed manifests, with kubectl.
 * What is refused in-process is refused there in the same words; what is accepted is stored the same.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { servingAdmissions } from '../../serving/controller/admission.ts';
import { eventingAdmissions } from '../../eventing/trigger/admission.ts';
import { kubectlMissing } from '../kubectl.ts';
import { cleanEnv, eventually } from './instance.ts';
import { findKubeApiServer, startEmbedded, startKubeApiServer, type PlainCluster } from './plain-cluster.ts';

const skip = await kubectlMissing();
const SERVING = 'knative-serving';

interface Part {
  readonly component: 'serving' | 'eventing';
  readonly namespace: string;
  readonly service: string;
}

const PARTS: readonly Part[] = [
  { component: 'serving', namespace: SERVING, service: 'webhook' },
  { component: 'eventing', namespace: 'knative-eventing', service: 'eventing-webhook' },
];

/** One process of `zeroth webhook`, with the rights of its service account and no more. */
async function startWebhook(cluster: PlainCluster, part: Part) {
  const { component, namespace, service } = part;
  const token = await cluster.ok(['create', 'token', service, '-n', namespace]);
  const tokenFile = join(cluster.dir, `${component}.token`);
  await writeFile(tokenFile, token.trim(), { mode: 0o600 });
  const child = spawn(process.execPath, [resolve('dist', 'zeroth.js'), 'webhook', '--only', component], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...cleanEnv(),
      ZEROTH_API_URL: cluster.url,
      ZEROTH_API_TOKEN_FILE: tokenFile,
      ZEROTH_API_CA_FILE: cluster.caFile,
      WEBHOOK_LISTEN: `${cluster.address}:0`,
    },
  });
  let log = '';
  child.stderr.on('data', (chunk) => (log += String(chunk)));
  const said = (): Record<string, string> | undefined =>
    log
      .split('\n')
      .filter((line) => line.includes('"listening"'))
      .map((line) => JSON.parse(line) as Record<string, string>)[0];
  await eventually('the webhook listens', () => {
    if (child.exitCode !== null) throw new Error(`zeroth webhook ended: ${log}`);
    return said() !== undefined;
  });
  const { webhook = '', admin = '' } = said() ?? {};
  const port = Number(webhook.split(':').at(-1));
  await cluster.ok(['apply', '-f', '-'], JSON.stringify(sliceOf(part, cluster.address, port)));
  await eventually('the webhook is ready', async () => (await fetch(`http://${admin}/readyz`)).status === 200);
  return { child, admin, log: () => log };
}

/** In a cluster the controllers of its Service write it. */
function sliceOf({ namespace, service }: Part, address: string, port: number) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: 'https-webhook', port, protocol: 'TCP' }],
  };
}

/** Everything of config/, as an operator installs it. */
async function install(cluster: PlainCluster, webhooks: boolean): Promise<void> {
  await cluster.ok(['apply', '-f', 'config/core/namespaces.yaml']);
  await cluster.ok(['apply', '--server-side', '-f', 'config/crds']);
  await cluster.ok(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  const files = webhooks
    ? ['-R', '-f', 'config/core']
    : ['-f', 'config/core/serving', '-f', 'config/core/eventing', '-l', 'app.kubernetes.io/component!=webhook'];
  await cluster.ok(['apply', '--server-side', ...files]);
}

async function everythingTrusted(cluster: PlainCluster): Promise<boolean> {
  const path = '{range .items[*].webhooks[*]}{.clientConfig.caBundle}{"|"}{.rules[0].operations[0]}{"\\n"}{end}';
  const kinds = 'mutatingwebhookconfigurations,validatingwebhookconfigurations';
  const lines = (await cluster.ok(['get', kinds, '-o', `jsonpath=${path}`])).trim().split('\n');
  return lines.length === 5 && lines.every((line) => /^\S{100,}\|CREATE$/.test(line));
}

const service = (name: string, template: object, more: object = {}) => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', ...more },
  spec: { template: { spec: template } },
});
const image = { image: 'dev.local/hello:1' };

/** Manifests that are refused; by whom and why is asked of the server that admits in-process. */
const INVALID: readonly [name: string, manifest: object][] = [
  [
    'two containers with ports',
    service('a', { containers: [{ ...image, ports: [{ containerPort: 1 }, { containerPort: 2 }] }] }),
  ],
  ['no image', service('a', { containers: [{ name: 'c' }] })],
  ['a field that Knative forbids', service('a', { containers: [image], hostNetwork: true })],
  ['a bad concurrency', service('a', { containers: [image], containerConcurrency: -1 })],
  [
    'a bad annotation',
    {
      ...service('a', { containers: [image] }),
      spec: {
        template: {
          metadata: { annotations: { 'autoscaling.knative.dev/min-scale': 'x' } },
          spec: { containers: [image] },
        },
      },
    },
  ],
  [
    'traffic that is not 100 %',
    {
      ...service('a', { containers: [image] }),
      spec: { template: { spec: { containers: [image] } }, traffic: [{ latestRevision: true, percent: 50 }] },
    },
  ],
  ['a name that is no host name', service('a.b', { containers: [image] })],
  [
    'a Route to nothing',
    {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Route',
      metadata: { name: 'r', namespace: 'default' },
      spec: { traffic: [{ percent: 100 }] },
    },
  ],
  [
    'a DomainMapping of the cluster’s own domain',
    {
      apiVersion: 'serving.knative.dev/v1beta1',
      kind: 'DomainMapping',
      metadata: { name: 'not_a_name', namespace: 'default' },
      spec: { ref: { kind: 'Service', name: 'x', apiVersion: 'serving.knative.dev/v1' } },
    },
  ],
  [
    'a Trigger without a broker',
    {
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Trigger',
      metadata: { name: 't', namespace: 'default' },
      spec: { broker: 'b', subscriber: {} },
    },
  ],
  [
    'a pod that cannot be, by its annotation',
    service(
      'a',
      {
        containers: [{ ...image, name: '&lives' }],
      },
      { annotations: { 'features.knative.dev/podspec-dryrun': 'enabled' } },
    ),
  ],
];

const VALID: readonly object[] = [
  service('plain', { containers: [image] }),
  service('ports', {
    containers: [
      { ...image, ports: [{ name: 'h2c', containerPort: 9000 }], readinessProbe: { httpGet: { path: '/' } } },
    ],
    containerConcurrency: 3,
  }),
  {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name: 't', namespace: 'default' },
    spec: {
      broker: 'b',
      subscriber: { ref: { kind: 'Service', name: 'plain', apiVersion: 'serving.knative.dev/v1' } },
    },
  },
  { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata: { name: 'b', namespace: 'default' } },
];

interface Stored {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: unknown;
}

async function behaves(t: Test, cluster: PlainCluster): Promise<void> {
  const local = await startEmbedded([...servingAdmissions, ...eventingAdmissions]);
  t.teardown(() => local.stop());
  await install(local, false);
  await install(cluster, true);
  const started: Awaited<ReturnType<typeof startWebhook>>[] = [];
  for (const part of PARTS) started.push(await startWebhook(cluster, part));
  t.teardown(() => started.forEach(({ child }) => child.kill('SIGKILL')));
  await eventually('both webhooks are trusted', () => everythingTrusted(cluster));

  for (const [name, manifest] of INVALID) {
    const apply = ['create', '-f', '-'];
    const [there, here] = await Promise.all(
      [cluster, local].map((one) => one.kubectl(apply, JSON.stringify(manifest))),
    );
    t.equal(there?.code, 1, name);
    t.match(here?.stderr, /admission webhook ".*" denied the request: |is invalid/, name);
    t.equal(withoutRandomness(there?.stderr), withoutRandomness(here?.stderr), name);
  }

  for (const manifest of VALID) {
    const [there, here] = await Promise.all(
      [cluster, local].map(async (one): Promise<Stored> => {
        const created = await one.ok(['create', '-f', '-', '-o', 'json'], JSON.stringify(manifest));
        return JSON.parse(created) as Stored;
      }),
    );
    t.same(there?.spec, here?.spec);
    t.same(there?.metadata.annotations, here?.metadata.annotations);
  }
  const made = JSON.parse(await cluster.ok(['get', 'ksvc', 'plain', '-o', 'json'])) as Stored;
  t.match(made.metadata.annotations, {
    'serving.knative.dev/creator': 'system:admin',
    'serving.knative.dev/lastModifier': 'system:admin',
  });
  t.match(made.spec, { template: { spec: { timeoutSeconds: 300, containerConcurrency: 0 } } });

  t.match(
    await cluster.kubectl(
      ['create', '--dry-run=server', '-f', '-'],
      JSON.stringify(service('dry', { containers: [image] })),
    ),
    { code: 0 },
  );
  t.match(await cluster.kubectl(['get', 'ksvc', 'dry']), { code: 1, stderr: /not found/ });

  t.comment('ConfigMaps are checked, and are in force at once');
  const patch = (data: object) => ['patch', 'cm', 'config-features', '-n', SERVING, '-p', JSON.stringify({ data })];
  const badScale = JSON.stringify({ data: { 'container-concurrency-target-percentage': 'x' } });
  t.match(await cluster.kubectl(['patch', 'cm', 'config-autoscaler', '-n', SERVING, '-p', badScale]), {
    code: 1,
    stderr: /admission webhook "config\.webhook\.serving\.knative\.dev" denied the request: validation failed: /,
  });
  const aliased = JSON.stringify(
    service('aliased', { containers: [image], hostAliases: [{ ip: '1.2.3.4', hostnames: ['x'] }] }),
  );
  t.match(await cluster.kubectl(['create', '-f', '-'], aliased), {
    code: 1,
    stderr: /must not set the field\(s\): spec\.template\.spec\.hostAliases/,
  });
  await cluster.ok(patch({ 'kubernetes.podspec-hostaliases': 'enabled' }));
  await eventually(
    'the flag is in force',
    async () => (await cluster.kubectl(['create', '-f', '-'], aliased)).code === 0,
  );

  t.comment('a certificate that is gone is made anew, and trusted');
  const secret = ['get', 'secret', 'webhook-certs', '-n', SERVING, '-o', 'jsonpath={.metadata.uid}'];
  const before = await cluster.ok(secret);
  await cluster.ok(['delete', 'secret', 'webhook-certs', '-n', SERVING]);
  await eventually('there is another Secret', async () => {
    const { code, stdout } = await cluster.kubectl(secret);
    return code === 0 && stdout !== before;
  });
  await eventually('its certificate is served and trusted', async () => {
    const { code, stderr } = await cluster.kubectl(
      ['create', '--dry-run=server', '-f', '-'],
      JSON.stringify(service('again', { containers: [{}] })),
    );
    return code === 1 && stderr.includes('missing field(s): spec.template.spec.containers[0].image');
  });

  const [serving] = started;
  const page = await (await fetch(`http://${serving?.admin}/metrics`)).text();
  t.match(
    page,
    /kn_webhook_handler_duration_seconds_count\{kn_webhook_type="validation",kn_webhook_resource_group="serving.knative.dev",kn_webhook_resource_kind="Service"/,
  );

  t.comment('it drains and ends; then nothing can be written past it');
  for (const { child, log } of started) t.equal(await endOf(child), 0, log());
  t.match(await cluster.kubectl(['create', '-f', '-'], JSON.stringify(service('late', { containers: [image] }))), {
    code: 1,
    stderr:
      /failed calling webhook "webhook\.serving\.knative\.dev": failed to call webhook: Post "https:\/\/webhook\.knative-serving\.svc:443\/defaulting\?timeout=10s": dial tcp .*: connect: connection refused/,
  });
}

/** Names that were generated, and what the two servers count. */
function withoutRandomness(text: string | undefined): string {
  return (text ?? '').replace(/dry-run-validation[a-z0-9]{5}/g, 'dry-run-validation');
}

async function endOf(child: ChildProcess): Promise<number> {
  const ended = once(child, 'exit') as Promise<[number]>;
  child.kill('SIGTERM');
  return (await ended)[0];
}

t.test('on the embedded API server', { skip }, async (t) => {
  const cluster = await startEmbedded();
  t.teardown(() => cluster.stop());
  await behaves(t, cluster);
});

const found = findKubeApiServer();
t.test('on a real kube-apiserver', { skip: skip || ('missing' in found ? found.missing : false) }, async (t) => {
  if ('missing' in found) return;
  const cluster = await startKubeApiServer(found);
  t.teardown(() => cluster.stop());
  await behaves(t, cluster);
});
