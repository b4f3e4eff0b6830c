import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { Endpoints, EndpointSlice, Service } from '../../../api/core.ts';
import { SERVICE_TYPE_LABEL } from '../../../api/networking/serverless-service.ts';
import { backendsOf } from '../../../local/workloads/service-proxy/backends.ts';
import { listenersOf } from '../../../local/workloads/service-proxy/listeners.ts';
import { startWorld, until, type World } from './world.ts';

type Connected = (socket: Socket) => void;

async function listen(t: Test, connected: Connected, host = '127.0.0.1', port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    connected(socket);
  });
  server.listen({ host, port });
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const says =
  (text: string): Connected =>
  (socket) =>
    socket.end(text);

function service(name: string, port: number, targetPort = port): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ name: 'tcp', port, targetPort }] },
  };
}

const slice = (name: string, port: number, addresses: string[] = ['127.0.0.1']): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-${port}`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'tcp', port, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
});

/** All that a server says after `request`, half-closed at its end. */
async function ask(host: string, port: number, request?: string): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true });
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  if (request !== undefined) socket.end(request);
  await once(socket, 'end');
  socket.destroy();
  return answer;
}

async function created(world: World, one: Service): Promise<string> {
  const { spec } = await world.client.create(Service, one);
  const host = spec?.clusterIP ?? '';
  const port = one.spec?.ports?.[0]?.port ?? 0;
  // It listens once it accepts; without endpoints it then resets.
  for (;;) {
    const socket = connect({ host, port });
    const refused = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(false));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
    });
    socket.destroy();
    if (!refused) return host;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

void t.test('connections to a cluster IP go round the ready endpoints, and on when one refuses', async (t) => {
  const world = await startWorld(t);
  const [one, two] = [await listen(t, says('one')), await listen(t, says('two'))];
  const host = await created(world, service('s', 9_000));
  await world.client.create(EndpointSlice, slice('s', one));
  await world.client.create(EndpointSlice, slice('s', two));
  await until(world, EndpointSlice, (all) => all.filter(({ metadata }) => metadata.name.startsWith('s-')).length === 2);
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await ask(host, 9_000));
  t.same(answers.sort(), ['one', 'one', 'two', 'two']);

  await world.client.delete(EndpointSlice, 'default', `s-${two}`);
  await world.client.create(EndpointSlice, slice('s', 1));
  await until(world, EndpointSlice, (all) => all.some(({ metadata }) => metadata.name === 's-1'));
  for (let i = 0; i < 3; i++) t.equal(await ask(host, 9_000), 'one', 'a dead backend is passed over');
});

void t.test('half-close goes through: the whole request is answered after its end', async (t) => {
  const world = await startWorld(t);
  const port = await listen(t, (socket) => {
    let length = 0;
    socket.on('data', (chunk) => (length += chunk.length));
    socket.on('end', () => socket.end(`got ${length}`));
  });
  const host = await created(world, service('s', 9_000));
  await world.client.create(EndpointSlice, slice('s', port));
  await until(world, EndpointSlice, (all) => all.some(({ metadata }) => metadata.name === `s-${port}`));
  t.equal(await ask(host, 9_000, 'x'.repeat(3_000_000)), 'got 3000000');
});

void t.test('a receiver that does not read holds the sender up', async (t) => {
  const world = await startWorld(t);
  let receiver: Socket | undefined;
  const port = await listen(t, (socket) => (receiver = socket.pause()));
  const host = await created(world, service('s', 9_000));
  await world.client.create(EndpointSlice, slice('s', port));
  await until(world, EndpointSlice, (all) => all.some(({ metadata }) => metadata.name === `s-${port}`));
  const sender = connect({ host, port: 9_000 });
  sender.on('error', () => undefined);
  const size = 64 * 2 ** 20;
  sender.end(Buffer.alloc(size));
  let sent = -1;
  while (sender.bytesWritten - sender.writableLength !== sent || receiver === undefined) {
    sent = sender.bytesWritten - sender.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(sender.writableLength > 0, 'not all of it is taken');
  let received = 0;
  receiver.on('data', (chunk) => (received += chunk.length)).resume();
  await once(receiver, 'end');
  t.equal(received, size, 'and nothing is lost');
  sender.destroy();
});

void t.test('without endpoints a connection is reset; a user’s Endpoints do', async (t) => {
  const world = await startWorld(t);
  const host = await created(world, service('s', 9_000));
  await t.rejects(ask(host, 9_000), { code: 'ECONNRESET' });
  const port = await listen(t, says('mine'));
  await world.client.create(Endpoints, {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 's', namespace: 'default' },
    subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'tcp', port }] }],
  });
  await until(world, Endpoints, (all) => all.some(({ metadata }) => metadata.name === 's'));
  t.equal(await ask(host, 9_000), 'mine');
});

void t.test(
  'the cluster port leads to the gateway; a deleted Service is refused, its connections live on',
  async (t) => {
    const world = await startWorld(t);
    await listen(t, says('gateway'), world.network.gateway, world.network.clusterPort);
    const port = await listen(t, (socket) => void socket.pipe(socket));
    const host = await created(world, service('s', 9_000));
    await world.client.create(EndpointSlice, slice('s', port));
    await until(world, EndpointSlice, (all) => all.some(({ metadata }) => metadata.name === `s-${port}`));
    t.equal(await ask(host, world.network.clusterPort), 'gateway');

    const open = connect({ host, port: 9_000 });
    open.setEncoding('utf8').write('before');
    t.same(await once(open, 'data'), ['before']);
    await world.client.delete(Service, 'default', 's');
    await t.rejects(untilRefused(host), { code: 'ECONNREFUSED' });
    open.write('after');
    t.same(await once(open, 'data'), ['after']);
    open.destroy();
  },
);

async function untilRefused(host: string): Promise<never> {
  for (;;) await ask(host, 9_000, '');
}

void t.test('which sockets a Service needs', async (t) => {
  const network = { prefix: '127.9', gateway: '127.9.0.1', clusterPort: 80 };
  const given = (spec: NonNullable<Service['spec']>, labels?: Record<string, string>): string[] =>
    listenersOf({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', labels }, spec }, network).map(
      ({ host, port, leadsTo }) => `${host}:${port} ${leadsTo.gateway ? 'gateway' : leadsTo.portName}`,
    );
  const ip = '127.9.200.1';
  const ports = [
    { name: 'a', port: 1000 },
    { name: 'b', port: 1001, protocol: 'UDP' },
  ];
  t.same(given({ clusterIP: ip, ports }), [`${ip}:1000 a`, `${ip}:80 gateway`]);
  t.same(given({ clusterIP: ip, ports: [{ name: 'web', port: 80 }] }), [`${ip}:80 web`]);
  t.same(given({ clusterIP: 'None', ports }), []);
  t.same(given({ clusterIP: '10.0.0.1', ports }), []);
  t.same(given({ type: 'ExternalName', externalName: 'x' }), []);
  t.same(given({ clusterIP: ip, ports }, { [SERVICE_TYPE_LABEL]: 'Private' }), []);
});

void t.test('endpoints that are ready, or else serve while they leave', async (t) => {
  const one = slice('s', 1, ['127.0.0.1', '127.0.0.2', '127.0.0.3']);
  const [ready, leaving, down] = one.endpoints;
  if (ready === undefined || leaving === undefined || down === undefined) return;
  leaving.conditions = { ready: false, serving: true, terminating: true };
  down.conditions = { ready: false, serving: false, terminating: false };
  t.same(backendsOf('tcp', [one], undefined), [{ host: '127.0.0.1', port: 1 }]);
  t.same(backendsOf('tcp', [{ ...one, endpoints: [leaving, down] }], undefined), [{ host: '127.0.0.2', port: 1 }]);
  t.same(backendsOf('other', [one], undefined), []);
});
