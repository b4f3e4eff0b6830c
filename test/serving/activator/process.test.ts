import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer as createHttp2Server } from 'node:http2';
import { createServer } from 'node:net';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { Service } from '../../../api/core.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { isReady } from '../../../kube/conditions.ts';
import { addressOf, closedAddress, RawClient, send, split, startPod } from './rig.ts';
import { World } from './process.ts';

void t.test('the activator process', async (t) => {
  const world = await World.open(t);
  const pod = await startPod(t, (request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 500);
    else response.end(`${request.headers.host}`);
  });
  const activator = await (await world.start(t)).ready();
  t.match(
    activator.messages.map(({ type }) => type),
    ['listening', 'ready'],
  );
  const external = activator.port('external');
  const internal = activator.port('internal');
  const admin = activator.port('admin');

  await t.test('an Ingress is served, and its status says so', async (t) => {
    await world.revision('hello');
    await world.route('hello', world.rules('hello'));
    const ingress = await ready('hello');
    t.equal(ingress.status?.observedGeneration, ingress.metadata.generation);
    t.same(ingress.status?.publicLoadBalancer, {
      ingress: [{ domainInternal: 'activator-service.knative-serving.svc.cluster.local' }],
    });
    t.same(
      ingress.status?.conditions?.map(({ type, status }) => [type, status]),
      [
        ['LoadBalancerReady', 'True'],
        ['NetworkConfigured', 'True'],
        ['Ready', 'True'],
      ],
    );
    const version = ingress.metadata.resourceVersion;
    const held = send(external, 'hello.default.localhost');
    await status((revisions) => revisions.some(({ name, queued }) => name === 'hello' && queued === 1));
    await world.pods('hello', [pod.address]);
    t.equal((await held).body, 'hello.default.localhost');
    t.equal((await world.client.get(Ingress, 'default', 'hello')).metadata.resourceVersion, version, 'written once');
  });

  await t.test('which names are answered where', async (t) => {
    // Unlike `hello`, no Service and no Revision is called so: only the rules speak of it.
    await world.route('routed', world.rules('routed', 'hello'));
    await ready('routed');
    const table: [number, string, number][] = [
      [external, 'HELLO.default.localhost.:8080', 200],
      [external, 'hello.default.svc.cluster.local', 200],
      [external, 'hello.default', 200],
      [internal, 'hello.default.svc', 200],
      [internal, 'hello.default.localhost', 404],
      [external, 'routed.default.localhost', 200],
      [external, 'routed.default.svc.cluster.local', 404],
      [internal, 'routed.default.svc.cluster.local', 200],
      [external, 'nobody.default.localhost', 404],
    ];
    for (const [port, host, expected] of table)
      t.equal((await send(port, host)).status, expected, `${host} on ${port === external ? 'external' : 'internal'}`);
  });

  await t.test('any Service with endpoints, by the port asked for', async (t) => {
    const other = await startPod(t, (_, response) => response.end('service'));
    await world.client.create(Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'plain', namespace: 'default' },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    await world.slice('plain', [other.address]);
    for (const [port, host] of [
      [external, 'plain.default.svc.cluster.local'],
      [internal, 'plain.default'],
      [internal, `plain.default.svc:${internal}`],
    ] as const)
      await waitForStatus(() => send(port, host), 200);
    await world.slice('plain', [await closedAddress()]);
    await waitForStatus(() => send(internal, 'plain.default'), 502);
    await world.slice('plain', []);
    await waitForStatus(() => send(internal, 'plain.default'), 503);
    await world.slice('plain', [{ host: '127.0.0.1', port: internal }]);
    await waitForStatus(() => send(internal, 'plain.default'), 508);
  });

  await t.test('a domain is rewritten to a Service and keeps its own host', async (t) => {
    await world.route('shop', [
      {
        hosts: ['shop.example'],
        visibility: 'ExternalIP',
        http: {
          paths: [
            {
              rewriteHost: 'hello.default.svc.cluster.local',
              appendHeaders: { 'K-Original-Host': 'shop.example' },
              splits: [{ ...split('hello') }],
            },
          ],
        },
      },
    ]);
    await ready('shop');
    t.equal((await send(external, 'shop.example')).body, 'shop.example');
  });

  await t.test('an ingress in front chooses the revision by header, from inside only', async (t) => {
    const headers = { 'Knative-Serving-Revision': 'hello', 'Knative-Serving-Namespace': 'default' };
    t.equal((await send(internal, 'any.example', { headers })).body, 'any.example');
    t.equal((await send(external, 'any.example', { headers })).status, 404);
  });

  await t.test('probes', async (t) => {
    const probe = (port: number, headers: Record<string, string>) => send(port, 'hello.default', { headers });
    t.equal((await probe(external, { 'K-Network-Probe': 'activator' })).body, 'activator');
    t.equal((await probe(external, { 'K-Network-Probe': 'queue' })).status, 400);
    const hash = await probe(external, { 'K-Network-Probe': 'probe', 'K-Network-Hash': 'h' });
    t.equal(hash.headers['k-network-hash'], 'h');
    t.equal((await probe(external, { 'K-Network-Probe': 'probe' })).status, 400);
    t.equal((await probe(internal, { 'User-Agent': 'kube-probe/1.35' })).body, 'ok');
    t.equal((await probe(external, { 'User-Agent': 'kube-probe/1.35' })).body, 'hello.default');
  });

  await t.test('WebSocket and HTTP/2, whose code is loaded when first needed', async (t) => {
    const echo = new WebSocketServer({ server: pod.server, clientTracking: true });
    echo.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data.toString())));
    const socket = new WebSocket(`ws://127.0.0.1:${external}/`, { headers: { Host: 'hello.default.localhost' } });
    await once(socket, 'open');
    socket.send('echo');
    t.equal(String(((await once(socket, 'message')) as [Buffer])[0]), 'echo');
    socket.close();
    const session = connect(`http://127.0.0.1:${external}`);
    t.teardown(() => session.destroy());
    const stream = session.request({ ':path': '/', ':authority': 'hello.default.localhost' });
    let body = '';
    stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
    await once(stream, 'end');
    t.equal(body, 'hello.default.localhost');
    session.close();

    const h2c = createHttp2Server((request, response) => response.end(`${request.httpVersion} ${request.authority}`));
    await new Promise<void>((resolve) => h2c.listen(0, '127.0.0.1', resolve));
    t.teardown(() => h2c.close());
    const containers = [{ name: 'user-container', image: 'x', ports: [{ name: 'h2c', containerPort: 8080 }] }];
    await world.revision('grpc', { containers });
    await world.pods('grpc', [addressOf(h2c)]);
    await world.route('grpc', world.rules('grpc'));
    await ready('grpc');
    t.equal((await send(external, 'grpc.default.localhost')).body, '2.0 grpc.default.localhost');
    await status((revisions) => revisions.every(({ inFlight }) => inFlight === 0));
    await world.client.delete(Ingress, 'default', 'grpc');
  });

  await t.test('its own page', async (t) => {
    t.equal((await send(admin, 'x', { path: '/healthz' })).status, 200);
    t.equal((await send(admin, 'x', { path: '/readyz' })).status, 200);
    t.equal((await send(admin, 'x', { path: '/nothing' })).status, 404);
    const { body } = await send(admin, 'x', { path: '/metrics' });
    const labels = 'namespace="default",revision="hello",service="svc",configuration="cfg"';
    for (const line of [
      `kn_revision_request_concurrency{${labels}} 0`,
      `http_server_request_duration_seconds_count{${labels},code_class="2xx"} 11`,
      `zeroth_cold_start_duration_seconds_count{${labels}} 1`,
    ])
      t.ok(body.includes(`${line}\n`), line);
  });

  await t.test('it stays small', async (t) => {
    for (let i = 0; i < 200; i++) await send(external, 'hello.default.localhost');
    const rollup = await readFile(`/proc/${activator.child.pid}/smaps_rollup`, 'utf8');
    const pss = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]) / 1024;
    t.comment(`PSS ${pss.toFixed(1)} MB`);
    t.ok(pss < 100, `${pss} MB`);
  });

  await t.test('changes and deletions arrive', async (t) => {
    await world.revision('next');
    await world.pods('next', [pod.address]);
    await world.route('hello', world.rules('hello', 'next'));
    await ready('hello');
    await send(external, 'hello.default.localhost');
    await status((revisions) => revisions.some(({ name }) => name === 'next'));
    await world.client.delete(Ingress, 'default', 'hello');
    await waitForStatus(() => send(external, 'hello.default.localhost'), 404);
    await world.client.delete(Revision, 'default', 'next');
    await status((revisions) => revisions.every(({ name }) => name !== 'next'));
    const metrics = await send(admin, 'x', { path: '/metrics' });
    t.notMatch(metrics.body, /revision="next"/, 'its series are gone');
  });

  await t.test('a drain lets requests finish, closes idle connections, and ends with 0', async (t) => {
    const idle = await RawClient.open(external);
    idle.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    await idle.until('shop.example');
    await world.route('hello', world.rules('hello'));
    await ready('hello');
    const running = send(external, 'hello.default.localhost', { path: '/slow', agent: undefined });
    await status((revisions) => revisions.some(({ inFlight }) => inFlight === 1));
    activator.child.disconnect();
    await idle.closed();
    const answer = await running;
    t.equal(answer.body, 'slow');
    t.equal(answer.headers.connection, 'close');
    t.equal(await activator.exit(), 0);
  });

  async function ready(name: string): Promise<Ingress> {
    return until(`Ingress ${name} to be ready`, async () => {
      const ingress = await world.client.get(Ingress, 'default', name);
      return isReady(ingress) ? ingress : undefined;
    });
  }

  async function status(holds: (revisions: RevisionStatus[]) => boolean): Promise<void> {
    await until('/status', async () => {
      const { body } = await send(admin, 'x', { path: '/status' });
      return holds((JSON.parse(body) as { revisions: RevisionStatus[] }).revisions) || undefined;
    });
  }
});

interface RevisionStatus {
  readonly name: string;
  readonly inFlight: number;
  readonly queued: number;
}

async function waitForStatus(ask: () => Promise<{ status: number }>, expected: number): Promise<void> {
  await until(`status ${expected}`, async () => (await ask()).status === expected || undefined);
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

void t.test('a process that cannot start says why', async (t) => {
  const world = await World.open(t);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => taken.close());
  const { port } = addressOf(taken);
  const inUse = await world.start(t, { GATEWAY_EXTERNAL: `127.0.0.1:${port}` });
  t.match(await inUse.message('failed'), { reason: 'EADDRINUSE', message: String(port) });
  t.equal(await inUse.exit(), 2);
  const wrong = await world.start(t, { GATEWAY_INTERNAL: 'nowhere' });
  t.match(await wrong.message('failed'), { message: /GATEWAY_INTERNAL="nowhere"/ });
  t.equal(await wrong.exit(), 2);
});

void t.test('a request that comes before the caches are filled is held, not refused', async (t) => {
  const world = await World.open(t);
  const pod = await startPod(t, (_, response) => response.end('served'));
  await world.revision('hello');
  await world.route('hello', world.rules('hello'));
  await world.pods('hello', [pod.address]);
  const activator = await world.start(t);
  await activator.message('listening');
  const answer = await send(activator.port('external'), 'hello.default.localhost');
  t.equal(answer.body, 'served');
  await activator.ready();
  activator.child.kill('SIGTERM');
  t.equal(await activator.exit(), 0);
});
