import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import t, { type Test } from 'tap';
import type { Address } from '../../../serving/activator/backends.ts';
import { Rig, waitFor } from './rig.ts';

const SERVER = `
  const server = require('http').createServer((request, response) => {
    request.resume();
    setTimeout(() => response.end(String(process.pid)), 5);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function processPod(t: Test): Promise<{ address: Address; pid: number; kill(): void }> {
  const child = spawn(process.execPath, ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  let line = '';
  child.stdout.on('data', (chunk: Buffer) => (line += chunk.toString()));
  await waitFor('a port', () => line.includes('\n'));
  return { address: { host: '127.0.0.1', port: Number(line) }, pid: child.pid ?? 0, kill: () => child.kill('SIGKILL') };
}

void t.test('a pod is killed under load: what had not reached it goes elsewhere, the rest gets 502', async (t) => {
  const rig = await Rig.open(t);
  const [doomed, other] = await Promise.all([processPod(t), processPod(t)]);
  rig.revision('pair', { containerConcurrency: 8 });
  rig.pods('pair', [doomed.address, other.address]);
  const agent = new Agent({ keepAlive: true, maxSockets: 40 });
  t.teardown(() => agent.destroy());
  const counts = { doomed: 0, other: 0, failed: 0 };
  let sent = 0;
  const client = async (): Promise<void> => {
    while (sent++ < 2000) {
      const method = sent % 2 === 0 ? 'POST' : 'GET';
      const { status, body } = await rig.send('pair.test', {
        agent,
        method,
        ...(method === 'POST' ? { body: 'x' } : {}),
      });
      if (status === 502) counts.failed++;
      else if (status !== 200) t.fail(`status ${status}: ${body}`);
      else if (Number(body) === doomed.pid) counts.doomed++;
      else counts.other++;
      // Nothing tells the activator: it finds out by itself.
      if (sent === 500) doomed.kill();
    }
  };
  await Promise.all(Array.from({ length: 40 }, client));
  t.comment(JSON.stringify(counts));
  t.ok(counts.doomed > 0 && counts.other > counts.doomed);
  t.ok(counts.failed <= 8, `${counts.failed} requests were at the pod when it died`);
  t.equal(counts.doomed + counts.other + counts.failed, 2000);
  t.equal(rig.served('pair').throttle.inFlight, 0);
});
