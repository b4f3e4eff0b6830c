import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { Pod, type Container } from '../../../api/core.ts';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { processIds } from '../../../local/node/runtime/process/proc.ts';
import { readFileSync } from 'node:fs';
import { isReady, openCluster } from './cluster.ts';
import { until } from './until.ts';

const cluster = await openCluster(t);
const { client } = cluster;

const server = (program: string): Container => ({
  name: 'main',
  image: process.execPath,
  args: ['-e', program],
  ports: [{ containerPort: 8080 }],
  readinessProbe: { tcpSocket: { port: 8080 } },
});

const SLOW = `require('http').createServer((q, s) => setTimeout(() => s.end('whole'), 2500)).listen(process.env.PORT);`;

function ask(pod: Pod): Promise<string> {
  const map = JSON.parse(pod.metadata.annotations?.[PORT_MAP_ANNOTATION] ?? '{}') as Record<string, number>;
  const options = { host: pod.status?.podIP, port: map['8080'], agent: false };
  return new Promise((resolve, reject) => {
    get(options, (response) => void text(response).then(resolve, reject)).on('error', reject);
  });
}

const gone = (name: string, deadline?: number): Promise<void> =>
  until(async () => (await client.find(Pod, 'default', name)) === undefined, deadline);

void t.test('requests under way to a Knative revision are answered before its program hears of the end', async (t) => {
  const program = `${SLOW} process.on('SIGTERM', () => process.exit(0));`;
  await cluster.run('slow', { containers: [server(program)] }, { labels: { 'serving.knative.dev/revision': 'r' } });
  const pod = await cluster.see('slow', isReady);
  const answer = ask(pod);
  answer.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await client.delete(Pod, 'default', 'slow');
  await cluster.see('slow', (pod) => !isReady(pod), 2_000);
  t.equal(await answer, 'whole');
  await gone('slow');
});

void t.test('preStop runs first, then SIGTERM, then the end', async (t) => {
  await cluster.run('ordered', {
    containers: [
      {
        name: 'main',
        image: '/bin/sh',
        args: ['-c', 'trap "echo term; exit 0" TERM; echo up; while :; do sleep 0.05; done'],
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo post > /proc/1/fd/1'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo pre > /proc/1/fd/1'] } },
        },
      },
    ],
  });
  const pod = await cluster.see('ordered', isReady);
  await until(async () => /up/.test(await cluster.log('ordered')));
  const log = text(await cluster.agent.logs(pod, { follow: true }, new AbortController().signal));
  await client.delete(Pod, 'default', 'ordered');
  t.same(
    (await log)
      .trim()
      .split('\n')
      .filter((line) => line !== 'up'),
    ['post', 'pre', 'term'],
  );
  await gone('ordered');
});

void t.test('who does not end in its grace period is ended', async (t) => {
  const mark = `6${String(process.pid)}`;
  await cluster.run('deaf', {
    containers: [
      { name: 'main', image: '/bin/sh', args: ['-c', `trap "echo no" TERM; while :; do sleep ${mark}; done`] },
    ],
  });
  await cluster.see('deaf', isReady);
  await until(() => running(`sleep\0${mark}`));
  const begun = Date.now();
  await client.delete(Pod, 'default', 'deaf', { gracePeriodSeconds: 1 });
  await gone('deaf');
  t.ok(Date.now() - begun >= 900);
  await until(() => !running(`sleep\0${mark}`));
});

void t.test('an object removed by force takes its processes along', async () => {
  const mark = `5${String(process.pid)}`;
  await cluster.run('forced', {
    containers: [{ name: 'main', image: '/bin/sh', args: ['-c', `sleep ${mark} & wait`] }],
  });
  await cluster.see('forced', isReady);
  await until(() => running(`sleep\0${mark}`));
  await client.delete(Pod, 'default', 'forced', { gracePeriodSeconds: 0 });
  await until(() => !running(`sleep\0${mark}`));
});

void t.test('a finalizer sees how the pod ended', async (t) => {
  await cluster.run(
    'held',
    { restartPolicy: 'Never', containers: [{ name: 'main', image: '/bin/sleep', args: ['600'] }] },
    { finalizers: ['example.com/held'] },
  );
  await cluster.see('held', isReady);
  await client.delete(Pod, 'default', 'held', { gracePeriodSeconds: 1 });
  const pod = await cluster.see('held', (pod) => pod.status?.phase === 'Failed');
  t.match(pod.status?.containerStatuses?.[0]?.state, { terminated: { exitCode: 143 } });
  await client.patch(Pod, 'default', 'held', { metadata: { finalizers: null } });
  await gone('held');
});

function running(commandLine: string): boolean {
  return processIds().some((pid) => {
    try {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').startsWith(commandLine);
    } catch {
      return false;
    }
  });
}
