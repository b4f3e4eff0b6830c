import { chmodSync } from 'node:fs';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { Node, Pod, type Container } from '../../../api/core.ts';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { isReady, openCluster } from './cluster.ts';
import { until } from './until.ts';

const cluster = await openCluster(t);

const SERVER = `
import { createServer } from 'node:http';
createServer((request, response) => response.end('hello from ' + process.env.HOSTNAME + ' ' + process.env.MESSAGE))
  .listen(process.env.PORT, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
`;
await cluster.image('hello', { 'server.mjs': SERVER });

const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: '/bin/sh',
  args: ['-c', script],
  ...more,
});

function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host, port, agent: false }, (response) => void text(response).then(resolve, reject)).on('error', reject);
  });
}

void t.test(
  'a server is ready at its own address and a port of its own, and its object goes when it is deleted',
  async (t) => {
    await cluster.run('hello', {
      containers: [
        {
          name: 'main',
          image: 'hello',
          ports: [{ containerPort: 8080 }],
          env: [
            { name: 'PORT', value: '8080' },
            { name: 'MESSAGE', value: '$(PORT)' },
          ],
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 10 },
        },
      ],
    });
    const pod = await cluster.see('hello', isReady);
    t.match(pod.status, {
      phase: 'Running',
      podIP: /^127\.\d+\.1\./,
      containerStatuses: [{ ready: true, started: true, restartCount: 0, imageID: /^hello@sha256:/ }],
    });
    const map = JSON.parse(pod.metadata.annotations?.[PORT_MAP_ANNOTATION] ?? '{}') as Record<string, number>;
    const port = map['8080'] ?? 0;
    t.equal(await ask(pod.status?.podIP ?? '', port), 'hello from hello 8080');
    t.equal(await cluster.log('hello'), 'listening\n');
    const connection = await cluster.agent.connect(pod, 8080);
    connection.end('GET / HTTP/1.0\r\n\r\n');
    t.match(await text(connection), /hello from hello/);
    await cluster.client.delete(Pod, 'default', 'hello');
    await until(async () => (await cluster.client.find(Pod, 'default', 'hello')) === undefined);
    await t.rejects(ask(pod.status?.podIP ?? '', port));
  },
);

void t.test('a program that hard-codes its port is found where it listens', async (t) => {
  const program = `require('http').createServer((q, s) => s.end('fixed')).listen(18081)`;
  await cluster.run('fixed', {
    containers: [
      {
        name: 'main',
        image: process.execPath,
        args: ['-e', program],
        ports: [{ containerPort: 18081 }],
        readinessProbe: { httpGet: { port: 18081 } },
      },
    ],
  });
  const pod = await cluster.see('fixed', isReady);
  t.equal(pod.metadata.annotations?.[PORT_MAP_ANNOTATION] ?? '{}', '{}');
  t.equal(await ask(pod.status?.podIP ?? '', 18081), 'fixed');
  await cluster.client.delete(Pod, 'default', 'fixed', { gracePeriodSeconds: 1 });
});

void t.test('an image that is not there says how to make it, and the pod runs once it is', async (t) => {
  const reason = (pod: Pod): string | undefined => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason;
  const never = { name: 'main', image: 'never', imagePullPolicy: 'Never' };
  await cluster.run('never', { containers: [never] });
  await cluster.see('never', (pod) => reason(pod) === 'ErrImageNeverPull');
  await cluster.run('later', { containers: [{ name: 'main', image: 'later' }] });
  const pod = await cluster.see('later', (pod) => reason(pod) === 'ErrImagePull');
  t.equal(
    pod.status?.containerStatuses?.[0]?.state?.waiting?.message,
    'image "later" is not in the store; run: zeroth build DIR -t later',
  );
  t.equal(pod.status?.phase, 'Pending');
  await cluster.image('later', { Procfile: 'web: sleep 600' });
  await cluster.see('later', isReady);
});

void t.test('a program that fails is started again with back-off, and tells why it ended', async (t) => {
  await cluster.run('failing', {
    containers: [shell('echo run; echo problem >&2; exit 7', { terminationMessagePolicy: 'FallbackToLogsOnError' })],
  });
  const pod = await cluster.see(
    'failing',
    (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
  );
  const [status] = pod.status?.containerStatuses ?? [];
  t.match(status, { restartCount: 1, lastState: { terminated: { exitCode: 7, reason: 'Error' } } });
  t.match(status?.lastState?.terminated?.message, /problem/);
  t.match(status?.state?.waiting?.message, /^back-off 10s restarting failed container=main pod=failing_default\(/);
  t.equal(await cluster.log('failing', { previous: true }), 'run\nproblem\n');
});

void t.test('restart policies Never and OnFailure end a pod as they should', async (t) => {
  await cluster.run('once', { restartPolicy: 'Never', containers: [shell('exit 3')] });
  await cluster.run('well', { restartPolicy: 'OnFailure', containers: [shell('exit 0')] });
  t.match((await cluster.see('once', (pod) => pod.status?.phase === 'Failed')).status, {
    containerStatuses: [{ state: { terminated: { exitCode: 3, reason: 'Error' } } }],
  });
  t.match((await cluster.see('well', (pod) => pod.status?.phase === 'Succeeded')).status, {
    containerStatuses: [{ state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
  });
});

void t.test('init containers run first, one after the other, and share volumes with the others', async (t) => {
  await cluster.run('initialised', {
    volumes: [{ name: 'shared', emptyDir: {} }],
    initContainers: ['one', 'two'].map((name) =>
      shell(`echo ${name} >> /shared-volume/file`, {
        name,
        volumeMounts: [{ name: 'shared', mountPath: '/shared-volume' }],
      }),
    ),
    containers: [
      shell('cat /shared-volume/file; exec sleep 600', {
        volumeMounts: [{ name: 'shared', mountPath: '/shared-volume' }],
      }),
    ],
  });
  await cluster.see('initialised', isReady);
  await until(async () => (await cluster.log('initialised')) === 'one\ntwo\n');
  t.pass();
});

void t.test('a failed liveness probe restarts the container', async (t) => {
  await cluster.run('stuck', {
    terminationGracePeriodSeconds: 1,
    containers: [
      shell('exec sleep 600', {
        livenessProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 },
      }),
    ],
  });
  const pod = await cluster.see('stuck', (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  t.match(pod.status?.containerStatuses?.[0]?.lastState, { terminated: { exitCode: 143 } });
});

void t.test('after a restart of the agent pods run again', async (t) => {
  await cluster.run('lasting', { containers: [shell('exec sleep 600')] });
  await cluster.see('lasting', isReady);
  await cluster.run('mortal', { restartPolicy: 'Never', containers: [shell('exec sleep 600')] });
  await cluster.see('mortal', isReady);
  await cluster.run('done', { restartPolicy: 'Never', containers: [shell('echo result')] });
  await cluster.see('done', (pod) => pod.status?.phase === 'Succeeded');
  await cluster.restartAgent();
  const pod = await cluster.see(
    'lasting',
    (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(pod),
  );
  t.match(pod.status?.containerStatuses?.[0]?.lastState, {
    terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' },
  });
  await cluster.see('mortal', (pod) => pod.status?.phase === 'Failed');
  t.equal(await cluster.log('done'), 'result\n', 'what a finished pod said can still be read');
});

void t.test('runAsUser', { skip: process.getuid?.() !== 0 && 'only root may change users' }, async (t) => {
  // The folders of this test are private to root, as a state folder need not be.
  chmodSync(cluster.dir, 0o711);
  await cluster.image('whoami', { run: '#!/bin/sh\nid -u; id -g; touch "$TMPDIR/x" written && ls; exec sleep 600' });
  await cluster.run('other', {
    securityContext: { runAsUser: 12345, runAsGroup: 23456 },
    containers: [{ name: 'main', image: 'whoami' }],
  });
  await cluster.see('other', isReady);
  await until(async () => (await cluster.log('other')).split('\n').length > 3);
  t.match(await cluster.log('other'), /^12345\n23456\n/);
});

void t.test('the node is there and ready', async (t) => {
  const node = await cluster.client.get(Node, undefined, 'zeroth');
  t.match(
    node.status?.conditions?.find((condition) => condition.type === 'Ready'),
    { status: 'True' },
  );
  t.ok(node.status?.capacity?.cpu);
});
