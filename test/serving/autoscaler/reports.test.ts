import fc from 'fast-check';
import { connect } from 'node:net';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { LOAD_REPORT_PATH, type ActivatorMessage } from '../../../api/load-report.ts';
import { silentLogger } from '../../../kube/log.ts';
import { ReportError } from '../../../serving/autoscaler/errors.ts';
import { parseMessage, serveReports } from '../../../serving/autoscaler/reports.ts';

async function setUp(t: Test) {
  const messages: ActivatorMessage[] = [];
  const connections: number[] = [];
  let refused = 0;
  const waiting: (() => void)[] = [];
  const news = () => waiting.splice(0).forEach((resolve) => resolve());
  const server = await serveReports(
    '127.0.0.1',
    0,
    {
      onMessage: (message) => (messages.push(message), news()),
      onConnections: (count) => (connections.push(count), news()),
      onRefused: () => (refused++, news()),
    },
    silentLogger,
  );
  t.teardown(() => server.close());
  return {
    server,
    messages,
    connections,
    refused: () => refused,
    async until(condition: () => boolean) {
      while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    async open(path = LOAD_REPORT_PATH) {
      const socket = new WebSocket(server.url + path);
      await once(socket, 'open');
      return socket;
    },
  };
}

const wake = { type: 'wake', activator: 'a-1', at: 1, namespace: 'default', name: 'hello-00001' } as const;
const report = {
  type: 'report',
  activator: 'a-1',
  at: 2,
  revisions: [{ namespace: 'default', name: 'hello-00001', concurrency: 1.5, rps: 3 }],
} as const;

const coldStart = { ...wake, type: 'coldStart', at: 3, since: 1 } as const;
const busy = { type: 'busyPods', activator: 'a-1', at: 4, id: 7, pods: [{ host: '10.0.0.1', inFlight: 2 }] } as const;

void t.test('every message arrives as it was sent', async (t) => {
  const { messages, connections, open, until } = await setUp(t);
  const socket = await open();
  socket.send(JSON.stringify(wake));
  socket.send(JSON.stringify(report));
  socket.send(JSON.stringify(coldStart));
  socket.send(JSON.stringify(busy));
  await until(() => messages.length === 4);
  t.strictSame(messages, [wake, report, coldStart, busy]);
  socket.close();
  await until(() => connections.length === 2);
  t.strictSame(connections, [1, 0]);
});

void t.test('a message of another form closes its connection and disturbs no other', async (t) => {
  const { messages, open, until, refused } = await setUp(t);
  const good = await open();
  const bad: [name: string, data: string | Buffer, code: number][] = [
    ['not JSON', '{', 1007],
    ['a list', '[]', 1007],
    ['no activator', JSON.stringify({ ...wake, activator: '' }), 1007],
    ['another type', JSON.stringify({ ...wake, type: 'sleep' }), 1007],
    ['a negative load', JSON.stringify({ ...report, revisions: [{ ...report.revisions[0], rps: -1 }] }), 1007],
    ['a cold start since never', JSON.stringify({ ...coldStart, since: 'noon' }), 1007],
    ['a pod that is no address', JSON.stringify({ ...busy, pods: [{ host: 'hello', inFlight: 1 }] }), 1007],
    ['half a request', JSON.stringify({ ...busy, pods: [{ host: '10.0.0.1', inFlight: 0.5 }] }), 1007],
    ['too many pods', JSON.stringify({ ...busy, pods: Array.from({ length: 1001 }, () => busy.pods[0]) }), 1007],
    ['a path for a name', JSON.stringify({ ...wake, name: '../x' }), 1007],
    ['binary', Buffer.from(JSON.stringify(wake)), 1003],
  ];
  for (const [name, data, code] of bad) {
    const socket = await open();
    socket.send(data);
    const [closed] = (await once(socket, 'close')) as [number];
    t.equal(closed, code, name);
  }
  t.equal(refused(), bad.length);
  good.send(JSON.stringify(wake));
  await until(() => messages.length === 1);
  t.strictSame(messages, [wake]);
});

void t.test('an activator whose clock was set back meanwhile is not refused', async (t) => {
  const { messages, open, until } = await setUp(t);
  const socket = await open();
  socket.send(JSON.stringify({ ...coldStart, since: 9 }));
  await until(() => messages.length === 1);
  t.strictSame(messages, [{ ...coldStart, since: 3 }], 'its cold start took no time');
  socket.close();
});

void t.test('a question reaches every activator, and none that is gone', async (t) => {
  const { server, open, until, connections } = await setUp(t);
  const question = { type: 'whichPodsAreBusy', id: 1, namespace: 'default', name: 'hello-00001' } as const;
  t.equal(server.tell(question), 0);
  const sockets = [await open(), await open()];
  const heard = sockets.map(async (socket) => {
    const [data] = (await once(socket, 'message')) as [Buffer];
    return JSON.parse(data.toString()) as unknown;
  });
  t.equal(server.tell(question), 2);
  t.strictSame(await Promise.all(heard), [question, question]);
  sockets[0]?.close();
  await until(() => connections.at(-1) === 1);
  t.equal(server.tell(question), 1);
});

void t.test('a message of more than 4 MiB is not read', async (t) => {
  const { open, messages } = await setUp(t);
  const socket = await open();
  socket.send('x'.repeat((4 << 20) + 1));
  const [code] = (await once(socket, 'close')) as [number];
  t.equal(code, 1009);
  t.strictSame(messages, []);
});

void t.test('another path, and a request that is no WebSocket, get an HTTP error', async (t) => {
  const { server } = await setUp(t);
  const socket = new WebSocket(`${server.url}/other`);
  const [error] = (await once(socket, 'error')) as [Error];
  t.match(error.message, /404/);
  t.equal((await fetch(server.url.replace('ws', 'http') + LOAD_REPORT_PATH)).status, 426);
});

void t.test('activators are told of a restart', async (t) => {
  const { server, open } = await setUp(t);
  const socket = await open();
  const closed = once(socket, 'close') as Promise<[number]>;
  await server.close();
  t.equal((await closed)[0], 1012);
});

void t.test('a peer that never speaks does not keep the server from stopping', async (t) => {
  const { server } = await setUp(t);
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await server.close();
  socket.destroy();
  await closed;
});

void t.test('a port in use is said at once', async (t) => {
  const { server } = await setUp(t);
  const port = Number(new URL(server.url).port);
  const handlers = { onMessage: () => undefined, onConnections: () => undefined, onRefused: () => undefined };
  await t.rejects(serveReports('127.0.0.1', port, handlers, silentLogger), { code: 'EADDRINUSE' });
});

void t.test('no text makes the parser fail in another way, and what it takes has the documented form', (t) => {
  const value = fc.oneof(
    fc.json(),
    fc.string(),
    fc.constantFrom(...[wake, report, coldStart, busy].map((one) => JSON.stringify(one))),
  );
  fc.assert(
    fc.property(value, (text) => {
      try {
        const message = parseMessage(text);
        return (
          message.type !== 'report' || message.revisions.every(({ concurrency, rps }) => concurrency >= 0 && rps >= 0)
        );
      } catch (error) {
        return error instanceof ReportError;
      }
    }),
  );
  t.end();
});
