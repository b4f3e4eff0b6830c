import { once } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import t, { type Test } from 'tap';
import type { Address } from '../../../serving/activator/backends.ts';
import { addressOf, closedAddress, Rig, startPod, waitFor } from './rig.ts';

const H2C = { containers: [{ name: 'user-container', ports: [{ name: 'h2c', containerPort: 8080 }] }] };

/** A gRPC-like server: echoes messages as they come and ends with trailers. */
async function h2cPod(t: Test): Promise<{ address: Address; seen: IncomingHttpHeaders[]; sessions: Set<object> }> {
  const seen: IncomingHttpHeaders[] = [];
  const sessions = new Set<object>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    seen.push(headers);
    stream.on('error', () => undefined);
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
    if (headers[':path'] === '/reset') return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    if (headers[':path'] === '/refused') return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    if (headers[':path'] === '/only-trailers')
      return stream.respond(
        { ':status': 200, 'grpc-status': '5', 'content-type': 'application/grpc' },
        { endStream: true },
      );
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-echo': String(trailers['x-sum']) }));
    if (headers[':path'] === '/half') {
      stream.write('half', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
      return;
    }
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const session of sessions) (session as { destroy(): void }).destroy();
    server.close();
  });
  return { address: addressOf(server), seen, sessions };
}

function client(t: Test, rig: Rig): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${rig.port}`);
  session.on('error', () => undefined);
  t.teardown(() => session.destroy());
  return session;
}

interface H2Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
  readonly code: number;
}

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<H2Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  let response: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let text = '';
  stream.on('response', (received) => (response = received));
  stream.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  stream.on('error', () => undefined);
  if (body !== undefined) stream.end(body);
  await new Promise((resolve) => stream.once('close', resolve));
  return { headers: response, trailers, body: text, code: stream.rstCode ?? 0 };
}

const get = (host: string, path = '/'): OutgoingHttpHeaders => ({ ':path': path, ':authority': host });
const post = (host: string, path = '/', more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders => ({
  ...get(host, path),
  ':method': 'POST',
  te: 'trailers',
  'content-type': 'application/grpc',
  ...more,
});

void t.test('HTTP/2 through and through: unary, trailers, headers', async (t) => {
  const rig = await Rig.open(t);
  const pod = await h2cPod(t);
  rig.revision('grpc', H2C);
  const session = client(t, rig);
  const held = ask(session, post('grpc.test:80', '/hello.World/Say', { 'x-mine': 'kept' }), 'message');
  await waitFor('a queued call', () => rig.served('grpc').throttle.queued === 1);
  rig.pods('grpc', [pod.address]);
  const answer = await held;
  t.equal(answer.headers[':status'], 200);
  t.equal(answer.body, 'message');
  t.equal(answer.trailers['grpc-status'], '0');
  t.match(pod.seen[0], {
    ':method': 'POST',
    ':path': '/hello.World/Say',
    ':authority': 'grpc.test:80',
    te: 'trailers',
    'x-mine': 'kept',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'k-proxy-request': 'activator',
  });
  const only = await ask(session, post('grpc.test', '/only-trailers'), 'x');
  t.equal(only.headers['grpc-status'], '5');
  t.equal((await ask(session, get('nobody.test'))).headers[':status'], 404);
  await waitFor('free slots', () => rig.served('grpc').throttle.inFlight === 0);
});

void t.test('a bidirectional stream passes message by message', async (t) => {
  const rig = await Rig.open(t);
  const pod = await h2cPod(t);
  rig.revision('grpc', H2C);
  rig.pods('grpc', [pod.address]);
  const stream = client(t, rig).request(post('grpc.test'), { endStream: false });
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
  for (const message of ['one', 'two', 'three']) {
    stream.write(message);
    await waitFor(message, () => text.endsWith(message));
  }
  stream.end();
  await once(stream, 'close');
  t.equal(trailers['grpc-status'], '0');
});

void t.test('200 calls at a time share few connections and respect the limit of a pod', async (t) => {
  const rig = await Rig.open(t);
  const pod = await h2cPod(t);
  rig.revision('grpc', { ...H2C, containerConcurrency: 150 });
  rig.pods('grpc', [pod.address]);
  const session = client(t, rig);
  const streams = Array.from({ length: 200 }, () => session.request(post('grpc.test'), { endStream: false }));
  await waitFor('150 at the pod', () => rig.served('grpc').throttle.inFlight === 150 && pod.seen.length === 150);
  t.equal(rig.served('grpc').throttle.queued, 50);
  t.ok(pod.sessions.size <= 2, `${pod.sessions.size} connections`);
  for (const stream of streams) stream.resume().end('x');
  await Promise.all(streams.map((stream) => once(stream, 'close')));
  t.equal(pod.seen.length, 200);
  rig.pods('grpc', []);
});

void t.test(
  'failures: refused goes elsewhere, reset is 502, half an answer is reset, a client that leaves frees its slot',
  async (t) => {
    const rig = await Rig.open(t);
    const pod = await h2cPod(t);
    rig.revision('grpc', { ...H2C, timeoutSeconds: 2 });
    rig.pods('grpc', [await closedAddress(), pod.address]);
    const session = client(t, rig);
    for (let i = 0; i < 10; i++) t.equal((await ask(session, post('grpc.test'), 'x')).body, 'x');
    t.equal((await ask(session, post('grpc.test', '/reset'), 'x')).headers[':status'], 502);
    const half = await ask(session, post('grpc.test', '/half'), 'x');
    t.equal(half.headers[':status'], 200);
    t.not(half.code, 0, 'the stream is reset');
    const leaving = session.request(post('grpc.test'), { endStream: false });
    leaving.on('error', () => undefined);
    leaving.write('x');
    await waitFor('the call at the pod', () => rig.served('grpc').throttle.inFlight === 1);
    leaving.close(constants.NGHTTP2_CANCEL);
    await waitFor('free slots', () => rig.served('grpc').throttle.inFlight === 0);
    t.equal((await ask(session, post('grpc.test', '/refused'), 'x')).headers[':status'], 502);
  },
);

void t.test('from HTTP/2 to HTTP/1.1 and back', async (t) => {
  const rig = await Rig.open(t);
  const one = await startPod(t, (request, response) => {
    if (request.url === '/head') return response.writeHead(200, { 'Content-Length': 5 }).end();
    response.writeHead(200, { Trailer: 'X-Sum', 'X-Version': request.httpVersion, 'Set-Cookie': ['a=1', 'b=2'] });
    request.on('data', (chunk: Buffer) => response.write(chunk));
    request.on('end', () => {
      response.addTrailers([['X-Sum', String(request.trailers['x-sum'])]]);
      response.end();
    });
  });
  rig.revision('one');
  rig.pods('one', [one.address]);
  const session = client(t, rig);
  const stream = session.request(post('one.test'), { endStream: false, waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
  let text = '';
  let trailers: IncomingHttpHeaders = {};
  let headers: IncomingHttpHeaders = {};
  stream.on('response', (received) => (headers = received));
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  stream.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
  stream.write('ab');
  await waitFor('an echo', () => text === 'ab');
  stream.end('cd');
  await once(stream, 'close');
  t.equal(text, 'abcd');
  t.equal(headers['x-version'], '1.1');
  t.same(headers['set-cookie'], ['a=1', 'b=2']);
  t.equal(trailers['x-sum'], '42');
  const head = await ask(session, { ...get('one.test', '/head'), ':method': 'HEAD' });
  t.equal(head.headers['content-length'], '5');

  const pod = await h2cPod(t);
  rig.revision('two', H2C);
  rig.pods('two', [pod.address]);
  const answer = await rig.send('two.test', { method: 'POST', body: 'h1 to h2', headers: { TE: 'trailers' } });
  t.equal(answer.body, 'h1 to h2');
  t.equal(answer.trailers['grpc-status'], '0');
  t.equal((await rig.send('two.test')).status, 200);
  t.equal(pod.seen.at(-1)?.[':authority'], 'two.test');
});

void t.test('half a request never looks whole to the pod', async (t) => {
  const rig = await Rig.open(t);
  const ends: string[] = [];
  let bodies = 0;
  const pod = await startPod(t, (request) => {
    request.on('data', () => bodies++);
    request.on('end', () => ends.push('end'));
    request.on('error', () => ends.push('error'));
  });
  rig.revision('one');
  rig.pods('one', [pod.address]);
  // Frames by hand: node's client would end a stream properly before it resets it.
  const reset = await rig.socket();
  const headers = { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'one.test' };
  const block = Object.entries(headers).map(([name, value]) => `\0${literal(name)}${literal(value)}`);
  reset.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, '')}${frame(1, 4, 1, block.join(''))}`);
  reset.write(frame(0, 0, 1, 'half'));
  await waitFor('the body at the pod', () => bodies === 1);
  reset.write(frame(3, 0, 1, '\0\0\0\x08'));
  await waitFor('the reset to be noticed', () => ends.length === 1);
  reset.socket.destroy();
  const raw = await rig.socket();
  raw.write('POST / HTTP/1.1\r\nHost: one.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  await waitFor('both to be noticed', () => {
    if (bodies === 2) raw.socket.destroy();
    return ends.length === 2;
  });
  t.same(ends, ['error', 'error']);
});

function literal(text: string): string {
  return String.fromCharCode(text.length) + text;
}

function frame(type: number, flags: number, stream: number, payload: string): string {
  return `\0\0${String.fromCharCode(payload.length, type, flags)}\0\0\0${String.fromCharCode(stream)}${payload}`;
}

void t.test('malformed and abusive HTTP/2', async (t) => {
  const rig = await Rig.open(t);
  const raw = await rig.socket();
  raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  raw.write('this is no frame at all, however long one looks at it');
  await raw.closed();
  const slowly = await rig.socket();
  for (const piece of ['PRI * HT', 'TP/2.0\r\n\r\n', 'SM\r\n\r\n\0\0\0\x04\0\0\0\0\0']) slowly.write(piece);
  await slowly.until('\0\0');
  slowly.socket.destroy();
  const session = client(t, rig);
  const answer = await ask(session, { ':method': 'CONNECT', ':authority': 'x:80' });
  t.equal(answer.headers[':status'], 400);
  t.equal((await ask(session, get('a:b'))).headers[':status'], 400);
});

void t.test('a drain tells HTTP/2 clients and lets calls finish', async (t) => {
  const rig = await Rig.open(t);
  const pod = await h2cPod(t);
  rig.revision('grpc', H2C);
  rig.pods('grpc', [pod.address]);
  const session = client(t, rig);
  const stream = session.request(post('grpc.test'), { endStream: false });
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  stream.write('before');
  await waitFor('an echo', () => text === 'before');
  const goaway = once(session, 'goaway');
  await rig.gateway.drain();
  await goaway;
  stream.end('after');
  await once(stream, 'close');
  t.equal(text, 'beforeafter');
});

void t.test('a plain Service whose port says h2c is spoken to in HTTP/2', async (t) => {
  const rig = await Rig.open(t, { servicePort: { name: 'h2c', h2c: true } });
  const pod = await h2cPod(t);
  rig.backends.take(undefined, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'plain-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'plain' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [pod.address.host], conditions: { ready: true } }],
    ports: [{ name: 'h2c', port: pod.address.port, protocol: 'TCP' }],
  });
  rig.route(['plain.test'], [{ splits: [{ serviceName: 'plain', serviceNamespace: 'default', servicePort: 81 }] }]);
  const stream = client(t, rig).request({ ':method': 'POST', ':path': '/', ':authority': 'plain.test' });
  stream.end('to a service');
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += String(chunk);
  t.equal(body, 'to a service');
  t.equal(pod.seen[0]?.[':path'], '/');
});
