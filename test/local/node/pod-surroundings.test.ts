import { until } from './until.ts';
import { isReady, openCluster } from './cluster.ts';
import t from 'tap';
import { ConfigMap, Pod, Secret, Service, ServiceAccount, type Container } from '../../../api/core.ts';

const cluster = await openCluster(t);
const { client } = cluster;
const { prefix } = cluster.network;

const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: '/bin/sh',
  args: ['-c', script],
  ...more,
});

async function service(
  name: string,
  spec: NonNullable<Service['spec']>,
  labels: Record<string, string> = {},
): Promise<void> {
  await client.create(Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels },
    spec,
  });
}

void t.test('names of Services resolve by libc inside a pod, also those that come later', async (t) => {
  await service('plain', { clusterIP: `${prefix}.200.7`, ports: [{ port: 80 }], selector: { app: 'x' } });
  await service('headless', { clusterIP: 'None', ports: [{ port: 80 }] });
  await cluster.run('resolver', {
    hostAliases: [{ ip: '127.0.0.9', hostnames: ['alias.example'] }],
    containers: [shell('exec sleep 600')],
  });
  const pod = await cluster.see('resolver', isReady);
  const resolve = async (name: string): Promise<string> =>
    (await exec('resolver', ['getent', 'ahostsv4', name])).split(/\s/)[0] ?? '';
  t.equal(await resolve('plain.default.svc.cluster.local'), `${prefix}.200.7`);
  t.equal(await resolve('plain.default'), `${prefix}.200.7`);
  t.equal(await resolve('plain'), `${prefix}.200.7`);
  t.equal(await resolve('headless.default.svc'), `${prefix}.0.1`);
  t.equal(await resolve('alias.example'), '127.0.0.9');
  t.equal(await resolve('resolver'), pod.status?.podIP);
  await service('later', { type: 'ExternalName', externalName: 'gateway.knative-serving.svc.cluster.local' });
  await until(async () => (await resolve('later.default.svc.cluster.local')) === `${prefix}.0.1`);
  await client.delete(Service, 'default', 'later');
  await until(async () => (await resolve('later.default')) === '');
});

async function exec(pod: string, command: string[]): Promise<string> {
  const { PassThrough } = await import('node:stream');
  const { text } = await import('node:stream/consumers');
  const stdout = new PassThrough();
  const output = text(stdout);
  await cluster.agent.exec(await cluster.get(pod), {
    command,
    tty: false,
    stdout,
    signal: new AbortController().signal,
  });
  stdout.end();
  return output;
}

void t.test(
  'config maps, secrets and the pod itself arrive as variables and files, and files follow changes',
  async (t) => {
    const account = { name: 'default', namespace: 'default' };
    await client.create(ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account });
    const metadata = { name: 'settings', namespace: 'default' };
    await client.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { color: 'red', 'a.b': 'dotted' },
    });
    await client.create(Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      data: { key: Buffer.from('hidden').toString('base64') },
    });
    await cluster.run(
      'configured',
      {
        volumes: [
          { name: 'config', configMap: { name: 'settings', items: [{ key: 'color', path: 'deep/color' }] } },
          { name: 'secret', secret: { secretName: 'settings', defaultMode: 0o400 } },
          { name: 'self', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          {
            name: 'mixed',
            projected: {
              sources: [
                { configMap: { name: 'settings' } },
                { serviceAccountToken: { path: 'token', audience: 'me', expirationSeconds: 600 } },
              ],
            },
          },
        ],
        containers: [
          shell('env | sort; exec sleep 600', {
            envFrom: [
              { prefix: 'C_', configMapRef: { name: 'settings' } },
              { secretRef: { name: 'none', optional: true } },
            ],
            env: [
              { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'settings', key: 'key' } } },
              { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
              { name: 'TWICE', value: '$(C_color) $(C_color) $$(C_color) $(NONE)' },
            ],
            resources: { limits: { memory: '64Mi' } },
            volumeMounts: ['config', 'secret', 'self', 'mixed'].map((name) => ({
              name,
              mountPath: `/etc/zeroth-test/${name}`,
            })),
          }),
        ],
      },
      { labels: { app: 'shown' } },
    );
    const pod = await cluster.see('configured', isReady);
    await until(async () => (await cluster.log('configured')).includes('TWICE'));
    const log = await cluster.log('configured');
    for (const line of ['C_color=red', 'SECRET=hidden', `IP=${pod.status?.podIP ?? ''}`, 'LIMIT=64'])
      t.match(log, line);
    t.match(log, 'TWICE=red red $(C_color) $(NONE)\n');
    t.match(log, 'KUBERNETES_SERVICE_PORT=6443');
    const read = (path: string): Promise<string> => exec('configured', ['cat', `/etc/zeroth-test/${path}`]);
    t.equal(await read('config/deep/color'), 'red');
    t.equal(await read('secret/key'), 'hidden');
    t.equal(await read('self/labels'), 'app="shown"');
    t.equal(await read('mixed/a.b'), 'dotted');
    t.match(await read('mixed/token'), /^[\w-]+\.[\w-]+\.[\w-]+$/);
    await client.patch(ConfigMap, 'default', 'settings', { data: { color: 'blue' } });
    await until(async () => (await read('config/deep/color')) === 'blue');
    await client.patch(Pod, 'default', 'configured', { metadata: { labels: { app: 'changed' } } });
    await until(async () => (await read('self/labels')) === 'app="changed"');
  },
);

void t.test('a missing config map is waited for, and the status says what is missing', async (t) => {
  await cluster.run('waiting', {
    containers: [
      shell('exec sleep 600', { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'soon', key: 'a' } } }] }),
    ],
  });
  const waiting = await cluster.see(
    'waiting',
    (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
  );
  t.equal(waiting.status?.containerStatuses?.[0]?.state?.waiting?.message, 'configmap "soon" not found');
  await client.create(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'soon', namespace: 'default' },
    data: { a: '1' },
  });
  await cluster.see('waiting', isReady);
});

void t.test('an image starts in the working directory that a pod names, whoever it runs as', async (t) => {
  await cluster.image('placed', {
    'bin/start': '#!/bin/sh\npwd; id -u; exec sleep 600\n',
    Procfile: 'web: ./bin/start',
  });
  const container = { name: 'main', image: 'placed', workingDir: '/' };
  const securityContext = process.getuid?.() === 0 ? { runAsUser: 65534 } : {};
  await cluster.run('placed', { securityContext, containers: [container] });
  await cluster.see('placed', isReady);
  const uid = process.getuid?.() === 0 ? 65534 : process.getuid?.();
  await until(async () => (await cluster.log('placed')) === `/\n${uid}\n`);
  t.pass();
});
