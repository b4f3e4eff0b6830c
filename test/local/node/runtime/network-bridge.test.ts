import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { systemClock } from '../../../../kube/clock.ts';
import { ProcessRuntime } from '../../../../local/node/runtime/process/process-runtime.ts';
import { childrenOf } from '../../../../local/node/runtime/process/proc.ts';
import type { RunningContainer } from '../../../../local/node/runtime/runtime.ts';
import { until } from '../until.ts';

const folder = mkdtempSync(join(tmpdir(), 'zeroth-bridge-'));
const runtime = await ProcessRuntime.open({ folder: join(folder, 'runtime'), clock: systemClock, warm: 1 });
t.teardown(async () => {
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});
const skip = !runtime.ownNetworks && 'no network namespaces here';
const TO = 8080;
let number = 0;

/** A port of 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(program: string, port: number): Promise<RunningContainer> {
  const scratch = join(folder, `scratch-${String(number++)}`);
  mkdirSync(scratch);
  return runtime.start({
    podUid: scratch,
    name: 'main',
    argv: [process.execPath, '-e', program],
    env: {},
    imageFolder: undefined,
    workingDir: '/',
    mounts: [],
    scratch,
    hosts: '127.0.0.1 localhost\n',
    hostname: 'bridged',
    network: { listen: [{ host: '127.0.0.1', port, to: TO }], outward: [] },
  });
}

/** How a request ended, and after how many milliseconds; it has no timeout of its own. */
function ask(port: number): Promise<{ answer: string; took: number }> {
  const begun = Date.now();
  return new Promise((resolve) => {
    const end = (answer: string): void => resolve({ answer, took: Date.now() - begun });
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      text(response).then(end, (error: NodeJS.ErrnoException) => end(error.code ?? 'broken'));
    }).on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'broken'));
  });
}

const LATE = `setTimeout(() => require('http').createServer((q, s) => s.end('here')).listen(${String(TO)}), 200)`;

void t.test('each request ends while a way in is handed over, and when the program goes', { skip }, async (t) => {
  const port = await freePort();
  const starting = start(LATE, port);
  const asked: ReturnType<typeof ask>[] = [];
  let answered = 0;
  const askMore = async (count: number, until: () => boolean): Promise<void> => {
    for (let sent = 0; sent < count || !until(); sent++) {
      const one = ask(port);
      asked.push(one);
      void one.then(({ answer }) => (answered += answer === 'here' ? 1 : 0));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await askMore(200, () => answered > 20);
  const container = await starting;
  const last = askMore(40, () => true);
  container.kill();
  await Promise.all([last, container.exited]);
  const ends = await Promise.all(asked);
  t.ok(ends.length >= 240);
  t.same(
    ends.filter(({ took }) => took > 5_000),
    [],
    'none waits',
  );
  const kinds = [...new Set(ends.map(({ answer }) => answer))].sort();
  t.strictSame(
    kinds.filter((kind) => !['ECONNREFUSED', 'ECONNRESET', 'here'].includes(kind)),
    [],
    kinds.join(),
  );
  await until(async () => (await ask(port)).answer === 'ECONNREFUSED');
});

void t.test('who has said all it will say still hears the whole answer', { skip }, async (t) => {
  const size = 8_000_000;
  const program = `require('net').createServer({ allowHalfOpen: true }, (s) => s.resume().on('end', () => s.end(Buffer.alloc(${String(size)})))).listen(${String(TO)}, () => console.log('up'))`;
  const port = await freePort();
  const container = await start(program, port);
  await new Promise((resolve) => container.stdout.once('data', resolve));
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end('hello');
  // A slow reader: the answer fills all buffers on its way.
  await new Promise((resolve) => setTimeout(resolve, 300));
  let received = 0;
  for await (const chunk of socket) received += (chunk as Buffer).length;
  t.equal(received, size);
  container.kill();
  await container.exited;
});

void t.test('a program whose backlog is full keeps nobody waiting', { skip }, async (t) => {
  // It is stopped as soon as it listens: the kernel takes what fits and no more.
  const program = `require('net').createServer().listen({ port: ${String(TO)}, backlog: 1 }, () => { console.log('up'); setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 20) })`;
  const port = await freePort();
  const container = await start(program, port);
  await new Promise((resolve) => container.stdout.once('data', resolve));
  await until(() => /\nState:\tT/.test(readFileSync(`/proc/${String(container.pid())}/status`, 'utf8')));
  const all = Array.from({ length: 8 }, () => ask(port));
  const first = await Promise.race(all);
  t.ok(first.took < 5_000, `${String(first.took)} ms`);
  container.kill();
  await container.exited;
  await Promise.all(all);
});

void t.test('a container goes with the way that leads to it', { skip }, async (t) => {
  const port = await freePort();
  const before = new Set(bridges());
  const container = await start(LATE, port);
  const own = bridges().filter((pid) => !before.has(pid));
  t.equal(own.length, 1);
  process.kill(own[0] as number, 'SIGKILL');
  t.equal((await container.exited).code, 137);
});

function bridges(): number[] {
  return childrenOf(process.pid).filter((pid) => {
    try {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes('message.inward');
    } catch {
      return false;
    }
  });
}
