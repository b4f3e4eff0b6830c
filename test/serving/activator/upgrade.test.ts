import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { closedAddress, Rig, startPod, waitFor } from './rig.ts';

async function echoPod(
  t: Test,
): Promise<{ address: { host: string; port: number }; seen: Record<string, unknown>[]; sockets: Set<WebSocket> }> {
  const seen: Record<string, unknown>[] = [];
  const pod = await startPod(t, (_, response) => response.end('plain'));
  const sockets = new Set<WebSocket>();
  const server = new WebSocketServer({ noServer: true });
  pod.server.on('upgrade', (request, socket, head) => {
    seen.push({ url: request.url, ...request.headers });
    if (request.url === '/refused') {
      const body = 'not here';
      socket.end(`HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n${body.length}\r\n${body}\r\n0\r\n\r\n`);
      return;
    }
    server.handleUpgrade(request, socket, head, (client) => {
      sockets.add(client);
      client.on('message', (data: Buffer, isBinary) => client.send(data, { binary: isBinary }));
    });
  });
  return { address: pod.address, seen, sockets };
}

function open(rig: Rig, host: string, path = '/'): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${rig.port}${path}`, ['chat'], { headers: { Host: host } });
}

void t.test('a WebSocket waits for its pod, holds its slot, and echoes', async (t) => {
  const rig = await Rig.open(t);
  const pod = await echoPod(t);
  rig.revision('ws', { containerConcurrency: 1 });
  const first = open(rig, 'ws.test', '//chat?room=1');
  await waitFor('a queued upgrade', () => rig.served('ws').throttle.queued === 1);
  rig.pods('ws', [await closedAddress(), pod.address]);
  await once(first, 'open');
  t.equal(first.protocol, 'chat');
  t.match(pod.seen[0], {
    url: '//chat?room=1',
    host: 'ws.test',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'ws.test',
    'k-proxy-request': 'activator',
  });
  const large = Buffer.alloc(1 << 20, 'z');
  first.send(large);
  const [echoed] = (await once(first, 'message')) as [Buffer];
  t.ok(echoed.equals(large));

  const second = open(rig, 'ws.test');
  await waitFor('the second to wait', () => rig.served('ws').throttle.queued === 1);
  first.close(1000);
  await once(second, 'open');
  t.equal(rig.served('ws').throttle.inFlight, 1);
  for (const socket of pod.sockets) socket.close(1001);
  const [code] = (await once(second, 'close')) as [number];
  t.equal(code, 1001, 'the pod’s closing reaches the client');
  await waitFor('free slots', () => rig.served('ws').throttle.inFlight === 0);
  await waitFor('the count', () => rig.finished.length === 2);
  t.same(
    rig.finished.map(({ status }) => status),
    [101, 101],
  );
});

void t.test('an upgrade the pod refuses, and one nobody can take', async (t) => {
  const rig = await Rig.open(t);
  const pod = await echoPod(t);
  rig.revision('ws', { timeoutSeconds: 1 });
  rig.pods('ws', [pod.address]);
  const refused = await rig.socket();
  refused.write(
    'GET /refused HTTP/1.1\r\nHost: ws.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await refused.closed();
  t.match(refused.text, /^HTTP\/1.1 403 Forbidden\r\n/);
  t.match(refused.text, /\r\n\r\nnot here$/, 'its body is readable');

  const unknown = open(rig, 'nobody.test');
  const [error] = (await once(unknown, 'error')) as [Error];
  t.match(error.message, '404');
  rig.pods('ws', []);
  const [late] = (await once(open(rig, 'ws.test'), 'error')) as [Error];
  t.match(late.message, '504');
});

void t.test('time limits end an upgraded connection', async (t) => {
  const rig = await Rig.open(t);
  const pod = await echoPod(t);
  rig.revision('idle', { idleTimeoutSeconds: 0.3 });
  rig.revision('total', { timeoutSeconds: 0.4 });
  for (const name of ['idle', 'total']) rig.pods(name, [pod.address]);
  const idle = open(rig, 'idle.test');
  await once(idle, 'open');
  let beats = 5;
  const beat = setInterval(() => (beats-- > 0 ? idle.send('x') : clearInterval(beat)), 100);
  const started = Date.now();
  await once(idle, 'close');
  t.ok(Date.now() - started > 600, 'not while it is used');
  const total = open(rig, 'total.test');
  await once(total, 'open');
  await once(total, 'close');
});

void t.test('a pod that dies closes the connection', async (t) => {
  const rig = await Rig.open(t);
  const pod = await echoPod(t);
  rig.revision('ws');
  rig.pods('ws', [pod.address]);
  const client = open(rig, 'ws.test');
  await once(client, 'open');
  for (const socket of pod.sockets) socket.terminate();
  await once(client, 'close');
  await waitFor('a free slot', () => rig.served('ws').throttle.inFlight === 0);
});

void t.test('an offer of another protocol is an ordinary request', async (t) => {
  const rig = await Rig.open(t);
  const pod = await echoPod(t);
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  client.write(
    'GET / HTTP/1.1\r\nHost: hello.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  );
  await client.until(/^HTTP\/1.1 200 OK[^]*plain/);
  client.text = '';
  client.write('GET / HTTP/1.1\r\nHost: hello.test\r\n\r\n');
  await client.until('plain');
  client.socket.destroy();
});

void t.test('before the tables are filled requests and upgrades are held, and may leave', async (t) => {
  const rig = await Rig.open(t, { early: true });
  const pod = await echoPod(t);
  const client = open(rig, 'ws.test');
  const leaving = open(rig, 'ws.test');
  leaving.on('error', () => undefined);
  const answer = rig.send('ws.test');
  const unknown = rig.send('nobody.test');
  await waitFor('four connections', () => rig.gateway.connections === 4 && rig.dispatcher.open === 2);
  leaving.terminate();
  await waitFor('three connections', () => rig.gateway.connections === 3);
  rig.revision('ws');
  rig.pods('ws', [pod.address]);
  rig.ready();
  await once(client, 'open');
  t.equal((await answer).body, 'plain');
  t.equal((await unknown).status, 404);
  t.equal(pod.seen.length, 1);
  client.terminate();
});

void t.test('a connection whose pod stays silent ends with the limit to the start of the response', async (t) => {
  const rig = await Rig.open(t);
  const pod = await echoPod(t);
  rig.revision('start', { responseStartTimeoutSeconds: 0.5 });
  rig.pods('start', [pod.address]);
  const [silent, talking] = [open(rig, 'start.test'), open(rig, 'start.test')];
  await Promise.all([once(silent, 'open'), once(talking, 'open')]);
  const opened = Date.now();
  silent.on('error', () => undefined);
  talking.send('hello');
  await once(talking, 'message');
  await once(silent, 'close');
  t.ok(Date.now() - opened < 5_000);
  talking.send('again');
  const [again] = (await once(talking, 'message')) as [Buffer];
  t.equal(String(again), 'again', 'one that has begun goes on');
  talking.close();
  await once(talking, 'close');
});
