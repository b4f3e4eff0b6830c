import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { openCluster } from './cluster.ts';
import { until } from './until.ts';

const cluster = await openCluster(t);
const skip =
  cluster.agent.limits.some((limit) => limit.startsWith('no network namespaces')) && 'no network namespaces here';

/** Somebody has the port that the program insists on. */
const owner = createServer((_, response) => response.end('owner')).listen(0, '127.0.0.1');
await new Promise((resolve) => owner.once('listening', resolve));
t.teardown(() => owner.close());
const taken = (owner.address() as AddressInfo).port;

void t.test('a program that nobody probes counts as ready before it fails for its port', { skip }, async (t) => {
  const late = `setTimeout(() => require('http').createServer((q, s) => s.end('late')).listen(${String(taken)}), 300)`;
  const ports = [{ containerPort: taken }];
  await cluster.run('late', { containers: [{ name: 'main', image: process.execPath, args: ['-e', late], ports }] });
  await until(async () => (await ask('late').catch(() => '')) === 'late', 20_000);
  t.equal((await cluster.get('late')).status?.containerStatuses?.[0]?.restartCount, 0);
});

async function ask(name: string): Promise<string> {
  const pod = await cluster.get(name);
  const map = JSON.parse(pod.metadata.annotations?.[PORT_MAP_ANNOTATION] ?? '{}') as Record<string, number>;
  const port = map[String(taken)] ?? taken;
  return new Promise((resolve, reject) => {
    const request = get({ host: pod.status?.podIP, port, agent: false, timeout: 1_000 }, (response) => {
      void text(response).then(resolve, reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
  });
}
