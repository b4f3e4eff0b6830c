import { WebSocketServer, type WebSocket } from 'ws';
import t, { type Test } from 'tap';
import type { ActivatorMessage } from '../../../api/load-report.ts';
import { addressOf, Rig, startPod, waitFor } from './rig.ts';

async function autoscaler(t: Test): Promise<{ url: string; messages: ActivatorMessage[]; drop(): void }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/reports/v1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const messages: ActivatorMessage[] = [];
  const sockets = new Set<WebSocket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as ActivatorMessage));
  });
  t.teardown(() => {
    for (const socket of sockets) socket.terminate();
    server.close();
  });
  return {
    url: `ws://127.0.0.1:${addressOf(server).port}`,
    messages,
    drop: () => sockets.forEach((socket) => socket.terminate()),
  };
}

void t.test('the first request wakes the revision at once, once, and is held until the pod is there', async (t) => {
  const scaler = await autoscaler(t);
  const rig = await Rig.open(t, { autoscalerUrl: scaler.url });
  rig.revision('cold');
  await waitFor('the stream', () => rig.reporter.connected);
  const started = performance.now();
  const before = Date.now();
  const answers = [rig.send('cold.test'), rig.send('cold.test'), rig.send('cold.test')];
  await waitFor('a wake', () => scaler.messages.length > 0);
  t.ok(performance.now() - started < 500, 'long before the first report');
  t.match(scaler.messages[0], { type: 'wake', namespace: 'default', name: 'cold', activator: 'test' });
  await waitFor('all three in the queue', () => rig.served('cold').throttle.queued === 3);
  t.equal(scaler.messages.filter(({ type }) => type === 'wake').length, 1);
  const pod = await startPod(t, (_, response) => response.end('awake'));
  rig.pods('cold', [pod.address]);
  for (const answer of answers) t.equal((await answer).body, 'awake');
  const [cold, ...more] = scaler.messages.filter((message) => message.type === 'coldStart');
  t.match(cold, { namespace: 'default', name: 'cold', activator: 'test' });
  t.ok(
    cold !== undefined && cold.since >= before && cold.since < cold.at && cold.at <= Date.now(),
    'told with its times',
  );
  t.strictSame(more, [], 'once, not by request');

  await waitFor('reports until idle', () => {
    const reports = scaler.messages.filter((message) => message.type === 'report');
    const load = reports.at(-1)?.revisions[0];
    return reports.length >= 2 && load?.concurrency === 0 && load.rps === 0;
  });
  const first = scaler.messages.find((message) => message.type === 'report')!;
  t.ok(first.revisions[0]!.rps > 1 && first.revisions[0]!.rps <= 3, 'the wake is left out of the rate');
  // Down to zero and asked again: another wake.
  rig.pods('cold', []);
  const again = rig.send('cold.test');
  await waitFor('another wake', () => scaler.messages.filter(({ type }) => type === 'wake').length === 2);
  rig.pods('cold', [pod.address]);
  t.equal((await again).body, 'awake');
});

void t.test('without the autoscaler requests wait, and it is told when it returns', async (t) => {
  const scaler = await autoscaler(t);
  const rig = await Rig.open(t, { autoscalerUrl: scaler.url });
  rig.revision('cold');
  await waitFor('the stream', () => rig.reporter.connected);
  scaler.drop();
  await waitFor('the stream to break', () => !rig.reporter.connected);
  const answer = rig.send('cold.test');
  await waitFor('a wake', () => scaler.messages.find(({ type }) => type === 'wake'));
  t.ok(rig.reporter.errors > 0);
  const pod = await startPod(t, (_, response) => response.end('awake'));
  rig.pods('cold', [pod.address]);
  t.equal((await answer).body, 'awake');
});

void t.test('1,000 requests for a cold revision are all served, never more than cc at a time', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('busy', { containerConcurrency: 10 });
  const answers = Array.from({ length: 1000 }, (_, i) => rig.send('busy.test', { method: 'POST', body: `n${i}` }));
  await waitFor('1,000 in the queue', () => rig.served('busy').throttle.queued === 1000);
  const running = [0, 0];
  let most = 0;
  const pods = await Promise.all(
    running.map((_, n) =>
      startPod(t, (request, response) => {
        most = Math.max(most, ++running[n]!);
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () =>
          setImmediate(() => {
            running[n]!--;
            response.end(body);
          }),
        );
      }),
    ),
  );
  rig.pods(
    'busy',
    pods.map(({ address }) => address),
  );
  const bodies = await Promise.all(answers.map(async (answer) => (await answer).body));
  t.same(
    bodies,
    Array.from({ length: 1000 }, (_, i) => `n${i}`),
  );
  t.ok(most <= 10, `${most} at a time`);
  t.ok(most > 1);
});

void t.test('a full queue answers 503 and when to come again', async (t) => {
  const rig = await Rig.open(t, { queueLimit: 3 });
  rig.revision('full', { timeoutSeconds: 1 });
  const waiting = [1, 2, 3].map(() => rig.send('full.test'));
  await waitFor('a full queue', () => rig.served('full').throttle.queued === 3);
  const refused = await rig.send('full.test');
  t.equal(refused.status, 503);
  t.equal(refused.headers['retry-after'], '1');
  t.match(refused.body, 'pending request queue full');
  for (const answer of waiting) {
    t.equal((await answer).status, 504);
    t.match((await answer).body, 'activator request timeout');
  }
});

void t.test('the time limits of a revision', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => {
    if (request.url === '/silent') return;
    if (request.url === '/length') response.setHeader('Content-Length', 100);
    response.write('first');
    if (request.url === '/steady') {
      let left = 6;
      const tick = setInterval(() => {
        if (--left > 0) return void response.write('more');
        clearInterval(tick);
        response.end('end');
      }, 100);
    }
  });
  rig.revision('total', { timeoutSeconds: 0.3 });
  rig.revision('start', { responseStartTimeoutSeconds: 0.2 });
  rig.revision('idle', { idleTimeoutSeconds: 0.3 });
  for (const name of ['total', 'start', 'idle']) rig.pods(name, [pod.address]);

  t.equal((await rig.send('total.test', { path: '/silent' })).status, 504);
  t.equal((await rig.send('start.test', { path: '/silent' })).status, 504);
  const late = await rig.send('total.test');
  t.same([late.status, late.body, late.whole], [200, 'firstactivator request timeout', true], 'as Knative ends it');
  const length = await rig.send('total.test', { path: '/length' });
  t.same([length.status, length.body, length.whole], [200, 'first', false], 'an announced length is not lied about');
  t.equal((await rig.send('idle.test')).body, 'firstactivator request timeout');
  const steady = await rig.send('idle.test', { path: '/steady' });
  t.equal(steady.body, 'firstmoremoremoremoremoreend');
  for (const name of ['total', 'start', 'idle'])
    await waitFor('free slots', () => rig.served(name).throttle.inFlight === 0);
});

void t.test('a revision that is deleted while requests wait for it', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('gone');
  const answer = rig.send('gone.test');
  await waitFor('a queued request', () => rig.served('gone').throttle.queued === 1);
  rig.remove('gone');
  t.equal((await answer).status, 404);
  t.equal((await rig.send('gone.test')).status, 404);
});
