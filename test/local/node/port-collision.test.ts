import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { Pod, type Container } from '../../../api/core.ts';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { isReady, openCluster } from './cluster.ts';
import { until } from './until.ts';

const cluster = await openCluster(t);
const skip =
  cluster.agent.limits.some((limit) => limit.startsWith('no network namespaces')) && 'no network namespaces here';

/** Somebody has the port that the program insists on. */
const owner = createServer((_, response) => response.end('owner')).listen(0, '127.0.0.1');
await new Promise((resolve) => owner.once('listening', resolve));
t.teardown(() => owner.close());
const taken = (owner.address() as AddressInfo).port;

function ask(pod: Pod, declared: number): Promise<string> {
  const map = JSON.parse(pod.metadata.annotations?.[PORT_MAP_ANNOTATION] ?? '{}') as Record<string, number>;
  const port = map[String(declared)] ?? declared;
  return new Promise((resolve, reject) => {
    get({ host: pod.status?.podIP, port, agent: false }, (response) => void text(response).then(resolve, reject)).on(
      'error',
      reject,
    );
  });
}

const stubborn = (probe: Pick<Container, 'readinessProbe'>): Container => ({
  name: 'main',
  image: process.execPath,
  args: ['-e', `require('http').createServer((q, s) => s.end(process.env.HOSTNAME)).listen(${String(taken)})`],
  ports: [{ containerPort: taken }],
  ...probe,
});

void t.test('programs that insist on a port that is taken run beside each other', { skip }, async (t) => {
  await cluster.run('one', { containers: [stubborn({ readinessProbe: { tcpSocket: { port: taken } } })] });
  await cluster.see('one', isReady, 20_000);
  await cluster.run('two', { containers: [stubborn({ readinessProbe: { httpGet: { port: taken } } })] });
  for (const name of ['one', 'two']) {
    const pod = await cluster.see(name, isReady, 20_000);
    t.equal(await ask(pod, taken), name);
    t.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0, 'that was no failure of the program');
  }
});

void t.test(
  'from inside, addresses of the instance are reached, and a command runs in the same network',
  { skip },
  async (t) => {
    const { gateway, clusterPort } = cluster.network;
    const server = createServer((request, response) => response.end(`gateway of ${String(request.headers.host)}`));
    await new Promise<void>((resolve) => server.listen(clusterPort, gateway, resolve));
    t.teardown(() => server.close());
    const stdout = new PassThrough();
    const output = text(stdout);
    const program = `
    const { get } = require('http');
    const show = (host, port) => new Promise((done) => get({ host, port, headers: { host: 'a.b' } }, (r) => r.on('data', (d) => console.log(String(d))).on('end', done)));
    show('${gateway}', ${String(clusterPort)}).then(() => show('127.0.0.1', ${String(taken)}));
  `;
    const code = await cluster.agent.exec(await cluster.get('one'), {
      command: [process.execPath, '-e', program],
      tty: false,
      stdout,
      signal: new AbortController().signal,
    });
    stdout.end();
    t.equal(await output, 'gateway of a.b\none\n');
    t.equal(code, 0);
  },
);

void t.test('they go as others do, and their ways in with them', { skip }, async (t) => {
  const pod = await cluster.get('two');
  await cluster.client.delete(Pod, 'default', 'two', { gracePeriodSeconds: 2 });
  await until(async () => (await cluster.client.find(Pod, 'default', 'two')) === undefined);
  await until(
    async () => (await ask(pod, taken).catch((error: NodeJS.ErrnoException) => error.code)) === 'ECONNREFUSED',
  );
  t.pass();
});

void t.test('a program that swallows the refusal of its port, and waits, gets it after all', { skip }, async (t) => {
  const silent = `
    const server = require('http').createServer((q, s) => s.end(process.env.HOSTNAME));
    server.on('error', () => {});
    server.listen(${String(taken)});
    setInterval(() => {}, 1000);
  `;
  const container = stubborn({ readinessProbe: { tcpSocket: { port: taken } } });
  // Another image than the one that is known by now.
  await cluster.run('silent', { containers: [{ ...container, image: '/usr/bin/env', args: ['node', '-e', silent] }] });
  const pod = await cluster.see('silent', isReady, 20_000);
  t.equal(await ask(pod, taken), 'silent');
  t.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0, 'that was no failure of the program');
});

void t.test('a program that takes its time is left alone', { skip }, async (t) => {
  const late = `
    const busyUntil = Date.now() + 1500;
    while (Date.now() < busyUntil);
    require('http').createServer((q, s) => s.end(String(process.pid) + ' ' + process.env.PORT)).listen(process.env.PORT);
  `;
  const container = stubborn({ readinessProbe: { tcpSocket: { port: taken } } });
  await cluster.run('late', {
    containers: [{ ...container, image: '/usr/bin/nice', args: ['node', '-e', late] }],
  });
  const pod = await cluster.see('late', isReady, 20_000);
  const [, port] = (await ask(pod, taken)).split(' ');
  t.not(port, String(taken), 'it shares the network of the host, as those do that heed PORT');
});
