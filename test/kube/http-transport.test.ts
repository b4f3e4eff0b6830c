import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiError, TransportError } from '../../kube/errors.ts';
import { HttpTransport, parseWarnings, transportFromEnvironment } from '../../kube/http-transport.ts';
import type { WatchEvent } from '../../kube/transport.ts';

type Handler = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

/** A real server for one test. */
async function serve(t: Test, handler: Handler): Promise<string> {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function transport(t: Test, options: ConstructorParameters<typeof HttpTransport>[0]): HttpTransport {
  const made = new HttpTransport(options);
  t.teardown(() => made.close());
  return made;
}

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'transport-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

interface Seen {
  readonly events: WatchEvent[];
  readonly end: Promise<Error | undefined>;
  readonly first: Promise<WatchEvent>;
  close(): void;
}

function watch(transport: HttpTransport, path = '/api/v1/pods'): Seen {
  const events: WatchEvent[] = [];
  let ended!: (error: Error | undefined) => void;
  let seen!: (event: WatchEvent) => void;
  const end = new Promise<Error | undefined>((resolve) => (ended = resolve));
  const first = new Promise<WatchEvent>((resolve) => (seen = resolve));
  const handle = transport.watch(
    { method: 'GET', path, query: { watch: 'true' } },
    {
      onEvent: (event) => {
        events.push(event);
        seen(event);
      },
      onEnd: ended,
    },
  );
  return { events, end, first, close: () => handle.close() };
}

const json = (response: http.ServerResponse, status: number, body: unknown, headers: http.OutgoingHttpHeaders = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, resourceVersion: '7' } });
const line = (type: string, object: unknown) => JSON.stringify({ type, object }) + '\n';

t.test('a request carries method, path, query, body, content type and token', async (t) => {
  let seen: Record<string, unknown> = {};
  const url = await serve(t, (request, response, body) => {
    const { authorization, 'content-type': type, accept } = request.headers;
    seen = { method: request.method, url: request.url, body, authorization, type, accept };
    json(response, 200, pod('a'), { warning: '299 - "unknown field \\"spec.x\\"", 299 - "second"' });
  });
  const answer = await transport(t, { url, token: 'sesame' }).request({
    method: 'PATCH',
    path: '/api/v1/namespaces/n/pods/a%2Fb',
    query: { fieldManager: 'me & you', force: undefined },
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { ü: 'ä' } } },
  });
  t.same(seen, {
    method: 'PATCH',
    url: '/api/v1/namespaces/n/pods/a%2Fb?fieldManager=me+%26+you',
    body: '{"metadata":{"labels":{"ü":"ä"}}}',
    authorization: 'Bearer sesame',
    type: 'application/merge-patch+json',
    accept: 'application/json',
  });
  t.same(answer, { status: 200, body: pod('a'), warnings: ['unknown field "spec.x"', 'second'] });
});

t.test('an HTTP error is an answer, not an exception; text and empty bodies too', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/healthz') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    else if (request.url === '/none') response.writeHead(204).end();
    else json(response, 404, { kind: 'Status', code: 404 });
  });
  const api = transport(t, { url });
  t.same(await api.request({ method: 'GET', path: '/healthz' }), { status: 200, body: 'ok' });
  t.same(await api.request({ method: 'GET', path: '/none' }), { status: 204, body: undefined });
  t.same((await api.request({ method: 'GET', path: '/api/v1/x' })).status, 404);
});

t.test('a path before /api is kept', async (t) => {
  const url = await serve(t, (request, response) => json(response, 200, { url: request.url }));
  const answer = await transport(t, { url: `${url}/clusters/one` }).request({ method: 'GET', path: '/api/v1/pods' });
  t.same(answer.body, { url: '/clusters/one/api/v1/pods' });
});

t.test('connections are kept and used again', async (t) => {
  const ports = new Set<number | undefined>();
  const url = await serve(t, (request, response) => {
    ports.add(request.socket.remotePort);
    json(response, 200, {});
  });
  const api = transport(t, { url });
  for (let i = 0; i < 5; i++) await api.request({ method: 'GET', path: '/api' });
  t.equal(ports.size, 1);
});

t.test('a read survives a pooled connection that the server has closed', async (t) => {
  let drop = false;
  const url = await serve(t, (request, response) => {
    if (drop) {
      drop = false;
      request.socket.resetAndDestroy();
    } else json(response, 200, {});
  });
  const api = transport(t, { url });
  await api.request({ method: 'GET', path: '/api' });
  drop = true;
  t.equal((await api.request({ method: 'GET', path: '/api' })).status, 200);
  drop = true;
  await t.rejects(api.request({ method: 'POST', path: '/api', body: {} }), { code: 'ECONNRESET' });
});

t.test('a rotated token file is read again on 401, for requests and watches', async (t) => {
  const file = join(folder(t), 'token');
  writeFileSync(file, 'old\n');
  let valid = 'old';
  const url = await serve(t, (request, response) => {
    if (request.headers.authorization !== `Bearer ${valid}`) return json(response, 401, { kind: 'Status', code: 401 });
    if (request.url?.includes('watch')) return response.write(line('ADDED', pod('a')));
    return json(response, 200, {});
  });
  const api = transport(t, { url, tokenFile: file });
  t.equal((await api.request({ method: 'GET', path: '/api' })).status, 200);
  valid = 'new';
  t.equal((await api.request({ method: 'GET', path: '/api' })).status, 401, 'the file still has the old one');
  writeFileSync(file, 'new\n');
  t.equal((await api.request({ method: 'GET', path: '/api' })).status, 200);
  valid = 'newer';
  writeFileSync(file, 'newer\n');
  const seen = watch(api);
  t.equal((await seen.first).type, 'ADDED');
  seen.close();
  rmSync(file);
  valid = 'gone';
  await t.rejects(api.request({ method: 'GET', path: '/api' }), { code: 'ENOENT' });
  writeFileSync(file, 'x');
});

t.test('watch events arrive one by one, whatever the chunks', async (t) => {
  const url = await serve(t, (_request, response) => {
    const bytes = Buffer.from(line('ADDED', pod('ä')) + '\n' + line('BOOKMARK', pod('')) + line('DELETED', pod('b')));
    let at = 0;
    const next = (): void => {
      if (at >= bytes.length) return void response.end();
      response.write(bytes.subarray(at, (at += 3)));
      setImmediate(next);
    };
    next();
  });
  const seen = watch(transport(t, { url }));
  t.equal(await seen.end, undefined);
  t.same(
    seen.events.map((event) => event.type),
    ['ADDED', 'BOOKMARK', 'DELETED'],
  );
  t.match(seen.events[0], { object: { metadata: { name: 'ä' } } });
});

t.test('a watch that cannot start ends with the Status; one that breaks ends with an error', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url?.startsWith('/gone')) {
      return json(response, 410, { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    }
    response.write(line('ADDED', pod('a')));
    if (request.url?.startsWith('/cut')) setImmediate(() => response.socket?.destroy());
    else if (request.url?.startsWith('/text')) response.write('nonsense\n');
    else if (request.url?.startsWith('/shape')) response.write('{"type":"ADDED"}\n');
    else response.write('x'.repeat(2_000));
    return response;
  });
  const api = transport(t, { url, maxLine: 1_000 });
  const gone = await watch(api, '/gone').end;
  t.ok(gone instanceof ApiError);
  t.match(gone, { code: 410, reason: 'Expired', message: 'too old' });
  for (const [path, code] of [
    ['/cut', 'ECONNRESET'],
    ['/text', 'MALFORMED'],
    ['/shape', 'MALFORMED'],
    ['/long', 'TOO_LARGE'],
  ] as const) {
    const seen = watch(api, path);
    t.match(await seen.end, { code }, path);
    t.equal(seen.events.length, 1, `${path}: what came before was delivered`);
  }
  t.match(await watch(transport(t, { url: 'http://127.0.0.1:1' })).end, { code: 'ECONNREFUSED' });
});

t.test('a watch on which nothing comes is ended for renewal', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(200).flushHeaders());
  t.equal(await watch(transport(t, { url, watchIdle: 50 })).end, undefined);
});

t.test('a closed watch is silent, and the server sees it go', async (t) => {
  let left!: () => void;
  const gone = new Promise<void>((resolve) => (left = resolve));
  const url = await serve(t, (_request, response) => {
    response.on('close', left);
    response.write(line('ADDED', pod('a')) + line('ADDED', pod('b')));
  });
  const events: string[] = [];
  let ended = false;
  const handle = transport(t, { url }).watch(
    { method: 'GET', path: '/w' },
    {
      onEvent: (event) => {
        events.push(event.type);
        handle.close();
      },
      onEnd: () => (ended = true),
    },
  );
  await gone;
  t.same(events, ['ADDED']);
  t.equal(ended, false);
});

t.test('an answer that never comes, an abort and close() all reject', async (t) => {
  let arrived!: () => void;
  const url = await serve(t, () => arrived?.());
  const api = transport(t, { url, answerTimeout: 50 });
  await t.rejects(api.request({ method: 'GET', path: '/api' }), { code: 'TIMEOUT' });

  const patient = transport(t, { url });
  const abort = new AbortController();
  const here = new Promise<void>((resolve) => (arrived = resolve));
  const asked = patient.request({ method: 'GET', path: '/api' }, abort.signal);
  await here;
  abort.abort(new Error('enough'));
  await t.rejects(asked, { message: 'enough' });
  await t.rejects(patient.request({ method: 'GET', path: '/api' }, abort.signal), { message: 'enough' });

  const again = new Promise<void>((resolve) => (arrived = resolve));
  const last = patient.request({ method: 'GET', path: '/api' });
  await again;
  patient.close();
  await t.rejects(last, { code: 'CLOSED' });
  await t.rejects(patient.request({ method: 'GET', path: '/api' }), { code: 'CLOSED' });
});

t.test('a peer that accepts but never finishes TLS is given up', async (t) => {
  const server = net.createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const api = transport(t, { url: `https://127.0.0.1:${port}`, connectTimeout: 50 });
  await t.rejects(api.request({ method: 'GET', path: '/api' }), { code: 'CONNECT_TIMEOUT' });
});

t.test('an answer larger than the limit is refused', async (t) => {
  const url = await serve(t, (_request, response) => json(response, 200, { fill: 'x'.repeat(5_000) }));
  await t.rejects(transport(t, { url, maxBody: 1_000 }).request({ method: 'GET', path: '/' }), { code: 'TOO_LARGE' });
});

const openssl = spawnSync('openssl', ['version']).status === 0;
t.test('over TLS the server must be known by the CA', { skip: !openssl && 'openssl is not installed' }, async (t) => {
  const dir = folder(t);
  spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=test'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(dir, 'key'), '-out', join(dir, 'ca.crt')],
  ]);
  const server = https.createServer(
    { cert: readFileSync(join(dir, 'ca.crt')), key: readFileSync(join(dir, 'key')) },
    (request, response) => void json(response, 200, { auth: request.headers.authorization }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const env = {
    ZEROTH_API_URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ZEROTH_API_TOKEN_FILE: join(dir, 'token'),
    ZEROTH_API_CA_FILE: join(dir, 'ca.crt'),
  };
  writeFileSync(env.ZEROTH_API_TOKEN_FILE, 'sesame\n');
  const known = transportFromEnvironment(env);
  t.teardown(() => known.close());
  t.same((await known.request({ method: 'GET', path: '/api' })).body, { auth: 'Bearer sesame' });
  const stranger = transport(t, { url: env.ZEROTH_API_URL });
  await t.rejects(stranger.request({ method: 'GET', path: '/api' }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});

t.test('an environment that names no API server says what to set', async (t) => {
  t.throws(() => transportFromEnvironment({}), { code: 'CONFIGURATION', message: /ZEROTH_API_URL/ });
  t.throws(() => transportFromEnvironment({ ZEROTH_API_URL: 'nowhere' }), { code: 'CONFIGURATION' });
  t.throws(() => transportFromEnvironment({ ZEROTH_API_URL: 'ftp://x' }), TransportError);
  t.throws(() => transportFromEnvironment({ ZEROTH_API_URL: 'https://x', ZEROTH_API_CA_FILE: '/does/not/exist' }), {
    code: 'CONFIGURATION',
  });
});

t.test('warnings of any number and quoting are read', async (t) => {
  for (const [header, expected] of [
    [undefined, []],
    ['299 - "one"', ['one']],
    ['299 kube "a, b", 299 - "c \\\\ \\"d\\""', ['a, b', 'c \\ "d"']],
    ['nonsense', []],
  ] as const)
    t.same(parseWarnings(header), expected);
});
