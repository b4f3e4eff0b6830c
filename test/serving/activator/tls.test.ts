import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectHttp2, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { Agent, request, type RequestOptions } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { Authority, tlsSecret } from '../authority.ts';
import { addressOf, Rig, split, startPod, waitFor, type Answer, type RigOptions } from './rig.ts';

const authority = await Authority.make();
const run = promisify(execFile);
const curlMissing = await run('curl', ['--version']).then(
  () => false as const,
  () => 'no curl on this machine',
);

const tlsOf = (hosts: string[], secretName: string) => ({
  tls: [{ hosts, secretName, secretNamespace: 'default' }],
});

/** A rig whose revision `a` is served as a.test and the rest, with one certificate for all of them. */
async function secured(t: Test, hosts: string[] = ['a.test'], options: RigOptions = {}): Promise<Rig> {
  const rig = await Rig.open(t, { ...options, tls: true });
  rig.revision('a');
  rig.route(hosts, [{ splits: [split('a')] }], tlsOf(hosts, 'a-cert'));
  rig.certificates.setSecret('default/a-cert', tlsSecret('a-cert', await authority.issue(hosts)));
  return rig;
}

function get(rig: Rig, host: string, options: RequestOptions = {}): Promise<Answer & { socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent: false,
      ca: authority.caCert,
      ...options,
      host: '127.0.0.1',
      port: rig.tlsPort,
      servername: host,
      headers: { Host: host, ...options.headers },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body,
          trailers: response.trailers,
          whole: response.complete,
          socket: response.socket as TLSSocket,
        }),
      );
    });
    outgoing.end();
  });
}

function handshake(rig: Rig, options: { servername?: string; ALPNProtocols?: string[]; maxVersion?: 'TLSv1.1' }) {
  const socket = connectTls({
    host: '127.0.0.1',
    port: rig.tlsPort,
    ca: authority.caCert,
    minVersion: 'TLSv1',
    ...options,
  });
  return new Promise<{ socket: TLSSocket; error?: NodeJS.ErrnoException }>((resolve) => {
    socket.once('secureConnect', () => resolve({ socket }));
    socket.once('error', (error) => resolve({ socket, error }));
  });
}

void t.test('each name is served with its own certificate', async (t) => {
  const rig = await Rig.open(t, { tls: true });
  const pod = await startPod(t, (incoming, response) => response.end(String(incoming.headers['x-forwarded-proto'])));
  for (const name of ['a', 'b']) {
    rig.revision(name);
    rig.pods(name, [pod.address]);
    rig.route([`${name}.test`], [{ splits: [split(name)] }], tlsOf([`${name}.test`], name));
    rig.certificates.setSecret(`default/${name}`, tlsSecret(name, await authority.issue([`${name}.test`])));
  }
  rig.revision('c');
  rig.pods('c', [pod.address]);
  rig.route(['x.wild.test'], [{ splits: [split('c')] }], tlsOf(['x.wild.test', '*.wild.test'], 'wild'));
  rig.certificates.setSecret('default/wild', tlsSecret('wild', await authority.issue(['*.wild.test'])));
  for (const host of ['a.test', 'b.test', 'x.wild.test']) {
    const answer = await get(rig, host);
    t.match(answer, { status: 200, body: 'https' }, host);
  }
  const upper = await get(rig, 'A.Test');
  t.equal(upper.status, 200, 'names are compared without regard to case');
  t.match((await handshake(rig, { servername: 'y.wild.test' })).error, undefined, 'a wildcard in spec.tls');
});

void t.test('a name without a certificate gets no handshake, and neither does a client that says none', async (t) => {
  const rig = await secured(t);
  for (const servername of ['other.test', undefined, 'a.test.other', '']) {
    const { error } = await handshake(rig, servername === undefined ? {} : { servername });
    t.match(error?.message, /handshake failure/, String(servername));
  }
  rig.certificates.deleteIngress('default/a.test');
  const { error } = await handshake(rig, { servername: 'a.test' });
  t.match(error?.message, /handshake failure/, 'when its Ingress is gone');
});

void t.test('TLS below 1.2 is refused', async (t) => {
  const rig = await secured(t);
  const { error } = await handshake(rig, { servername: 'a.test', maxVersion: 'TLSv1.1' });
  t.ok(error);
});

void t.test('ALPN gives h2 to who asks for it, and the same routes', async (t) => {
  const rig = await secured(t);
  const pod = await startPod(t, (incoming, response) => response.end(incoming.url));
  rig.pods('a', [pod.address]);
  const { socket } = await handshake(rig, { servername: 'a.test', ALPNProtocols: ['http/1.1'] });
  t.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  const session = connectHttp2(`https://a.test:${rig.tlsPort}`, {
    ca: authority.caCert,
    lookup: (_, options, done) =>
      'all' in options && options.all === true
        ? done(null, [{ address: '127.0.0.1', family: 4 }])
        : (done as (error: null, address: string, family: number) => void)(null, '127.0.0.1', 4),
  });
  t.teardown(() => session.destroy());
  t.equal((await once(session, 'connect')) && session.alpnProtocol, 'h2');
  const stream = session.request({ ':path': '/over-h2' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  t.equal(headers[':status'], 200);
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += String(chunk);
  t.equal(body, '/over-h2');
});

void t.test('gRPC with trailers goes through TLS to an h2c pod', async (t) => {
  const rig = await Rig.open(t, { tls: true });
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.respond({ ':status': 200, 'x-scheme': String(headers['x-forwarded-proto']) }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  rig.revision('g', { containers: [{ name: 'user-container', ports: [{ name: 'h2c', containerPort: 8080 }] }] });
  rig.pods('g', [addressOf(server)]);
  rig.route(['g.test'], [{ splits: [split('g')] }], tlsOf(['g.test'], 'g'));
  rig.certificates.setSecret('default/g', tlsSecret('g', await authority.issue(['g.test'])));
  const { socket } = await handshake(rig, { servername: 'g.test', ALPNProtocols: ['h2'] });
  const session = connectHttp2('https://g.test', { createConnection: () => socket });
  t.teardown(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/pkg.Echo/Say', te: 'trailers' });
  let trailers: Record<string, unknown> = {};
  stream.on('trailers', (received: Record<string, unknown>) => (trailers = received));
  stream.end('hello');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  t.equal(headers['x-scheme'], 'https');
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += String(chunk);
  t.equal(body, 'hello');
  t.equal(trailers['grpc-status'], '0');
});

void t.test('a WebSocket over TLS', async (t) => {
  const rig = await secured(t);
  const pod = await startPod(t, (_, response) => response.end());
  const sockets = new WebSocketServer({ server: pod.server });
  sockets.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data)));
  rig.pods('a', [pod.address]);
  const socket = new WebSocket(`wss://127.0.0.1:${rig.tlsPort}/`, {
    agent: new Agent({ ca: authority.caCert, servername: 'a.test' }),
    headers: { Host: 'a.test' },
  });
  await once(socket, 'open');
  socket.send('over tls');
  const [data] = (await once(socket, 'message')) as [Buffer];
  t.equal(data.toString(), 'over tls');
  socket.terminate();
});

void t.test('a certificate is swapped under load: new handshakes see it, no request fails', async (t) => {
  const rig = await secured(t);
  const pod = await startPod(t, (_, response) => response.end('ok'));
  rig.pods('a', [pod.address]);
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: authority.caCert });
  t.teardown(() => agent.destroy());
  const serials = new Set<string>();
  let failed = 0;
  let sent = 0;
  let running = true;
  const load = Array.from({ length: 8 }, async (_, i) => {
    while (running) {
      sent++;
      try {
        // Half of them over connections that stay, half over ones of their own.
        const answer = await get(rig, 'a.test', i % 2 === 0 ? { agent } : {});
        if (answer.status !== 200 || answer.body !== 'ok') failed++;
        if (i % 2 === 1) serials.add(answer.socket.getPeerCertificate().serialNumber);
      } catch {
        failed++;
      }
    }
  });
  for (let rotation = 1; rotation <= 5; rotation++) {
    await waitFor(`certificate ${rotation} to be seen`, () => serials.size >= rotation);
    const pair = await authority.issue(['a.test']);
    // As `kubectl replace --force` does: for a moment there is none.
    if (rotation === 3) rig.certificates.setSecret('default/a-cert', undefined);
    rig.certificates.setSecret('default/a-cert', tlsSecret('a-cert', pair));
  }
  await waitFor('the last certificate to be seen', () => serials.size >= 6);
  running = false;
  await Promise.all(load);
  t.equal(failed, 0, `of ${sent}`);
});

void t.test('what cannot be served is said, without a word of the key', async (t) => {
  const rig = await secured(t);
  const ours = 'default/a.test';
  t.equal(rig.certificates.problemOf(ours), undefined);
  const [one, other] = [await authority.issue(['a.test']), await authority.issue(['a.test'])];
  const broken: [string, { cert: string; key: string }][] = [
    ['another key', { cert: one.cert, key: other.key }],
    ['no PEM', { cert: 'hello', key: one.key }],
    ['nothing', { cert: '', key: '' }],
  ];
  for (const [name, pair] of broken) {
    rig.certificates.setSecret('default/a-cert', tlsSecret('a-cert', pair));
    const problem = rig.certificates.problemOf(ours);
    t.match(problem, { reason: 'CertificateSecretInvalid', final: true }, name);
    t.match(problem?.message, /^Secret default\/a-cert /);
    t.notMatch(problem?.message, /BEGIN|PRIVATE/);
    t.match((await handshake(rig, { servername: 'a.test' })).error, undefined, `${name}: the last good one stays`);
  }
  rig.route(['a.test'], [{ splits: [split('a')] }], tlsOf(['a.test'], 'not-there'));
  t.match(rig.certificates.problemOf(ours), { reason: 'CertificateSecretNotFound', final: false });
  t.match((await handshake(rig, { servername: 'a.test' })).error?.message, /handshake failure/);
});

void t.test('a client that never finishes its handshake is let go, and drained at once', async (t) => {
  const rig = await secured(t, ['a.test'], { headerTimeout: 100 });
  const silent = connectTcp(rig.tlsPort ?? 0, '127.0.0.1');
  silent.on('error', () => undefined);
  await once(silent, 'connect');
  await once(silent, 'close');
  await waitFor('the connection to be forgotten', () => rig.secureGateway.connections === 0);
  const { socket } = await handshake(rig, { servername: 'a.test' });
  socket.on('error', () => undefined);
  await once(socket.resume(), 'close');
  await waitFor('a silent TLS client to be let go', () => rig.secureGateway.connections === 0);

  const slow = await secured(t);
  const waiting = connectTcp(slow.tlsPort ?? 0, '127.0.0.1');
  waiting.on('error', () => undefined);
  await waitFor('a connection in handshake', () => slow.secureGateway.connections === 1);
  await slow.secureGateway.drain();
  await once(waiting, 'close');
  t.pass();
});

void t.test('plain HTTP to a host with TLS: served, redirected, or refused', async (t) => {
  const rig = await secured(t);
  const pod = await startPod(t, (_, response) => response.end('ok'));
  rig.pods('a', [pod.address]);
  const tls = tlsOf(['a.test'], 'a-cert');
  const paths = [{ splits: [split('a')] }, { path: '/.well-known/acme-challenge/x', splits: [split('a')] }];
  rig.route(['a.test'], paths, { ...tls, httpOption: 'Enabled' });
  t.match(await rig.send('a.test'), { status: 200 });
  rig.route(['a.test'], paths, { ...tls, httpOption: 'Redirected' });
  for (const method of ['GET', 'POST', 'HEAD'])
    t.match(
      await rig.send(`a.test:${rig.port}`, { path: '/p?q=1', method }),
      { status: 301, headers: { location: `https://a.test:${rig.tlsPort}/p?q=1` } },
      method,
    );
  t.match(await rig.send('a.test', { path: '/.well-known/acme-challenge/x' }), { status: 200, body: 'ok' });
  t.match(await get(rig, 'a.test'), { status: 200, body: 'ok' }, 'not over TLS');
  rig.tlsPort = 443;
  t.match(await rig.send('a.test'), { headers: { location: 'https://a.test/' } }, 'the port that needs no saying');
  rig.route(['a.test'], paths, tls);
  t.match(await rig.send('a.test'), { status: 404, body: /plain HTTP is not served .* use https:\/\/a\.test/ });
  rig.route(['a.test'], paths, { httpOption: 'Redirected' });
  t.match(await rig.send('a.test'), { status: 200 }, 'there is no certificate to be sent to');
  rig.tlsPort = undefined;
  rig.route(['a.test'], paths, { ...tls, httpOption: 'Redirected' });
  t.match(await rig.send('a.test'), { status: 200 }, 'there is no TLS listener to be sent to');
});

void t.test('a WebSocket over plain HTTP is redirected too, and a name rewritten to is not', async (t) => {
  const rig = await secured(t);
  const pod = await startPod(t, (_, response) => response.end('ok'));
  rig.pods('a', [pod.address]);
  rig.route(['a.test'], [{ splits: [split('a')] }], { ...tlsOf(['a.test'], 'a-cert'), httpOption: 'Redirected' });
  rig.route(['mapped.test'], [{ rewriteHost: 'a.test', splits: [split('a')] }], { httpOption: 'Enabled' });
  t.match(await rig.send('mapped.test'), { status: 200, body: 'ok' });
  const socket = new WebSocket(`ws://127.0.0.1:${rig.port}/x`, { headers: { Host: 'a.test' } });
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { statusCode: number; headers: object },
  ];
  t.match(response, { statusCode: 301, headers: { location: `https://a.test:${rig.tlsPort}/x` } });
});

void t.test('curl is served, follows a redirect, and checks the certificate', { skip: curlMissing }, async (t) => {
  const rig = await secured(t);
  const pod = await startPod(t, (incoming, response) => response.end(`hello ${incoming.url}`));
  rig.pods('a', [pod.address]);
  rig.route(['a.test'], [{ splits: [split('a')] }], { ...tlsOf(['a.test'], 'a-cert'), httpOption: 'Redirected' });
  const ca = join(t.testdir({}), 'ca.crt');
  writeFileSync(ca, authority.caCert);
  const ports = [rig.port, rig.tlsPort, 9];
  const resolve = ['a.test', 'b.test'].flatMap((host) =>
    ports.flatMap((port) => ['--resolve', `${host}:${port}:127.0.0.1`]),
  );
  const curl = (args: string[]) => run('curl', ['-sS', '--cacert', ca, '--max-time', '10', ...resolve, ...args]);
  t.equal((await curl(['-L', `http://a.test:${rig.port}/x`])).stdout, 'hello /x');
  const failed = await curl([`https://b.test:${rig.tlsPort}/`]).then(
    () => undefined,
    (error: { stderr: string }) => error.stderr,
  );
  t.match(failed, /handshake failure|alert/i);
});
