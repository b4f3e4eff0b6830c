import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { Broker } from '../../../api/eventing/broker.ts';
import { lockFolder } from '../../../eventing/broker/log/file/lock.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { eventually } from '../eventually.ts';
import { BrokerProcess, buildBroker, EventingWorld, listenForBroker, type BrokerEnvironment } from '../world.ts';
import { post } from './in-process.ts';
import { newFolder } from './log/open-log.ts';

const folder = newFolder();
const program = await buildBroker(folder);
/** An API server that is not there: enough to start with. */
const NOWHERE = { ZEROTH_API_URL: 'http://127.0.0.1:9' };
const environment = (name: string): BrokerEnvironment => ({ ...NOWHERE, BROKER_DATA_DIR: join(folder, name) });

interface End {
  readonly code: number | null;
  readonly messages: { type: string; reason?: string; message?: string }[];
}

async function runToEnd(env: BrokerEnvironment): Promise<End> {
  const child = fork(program, [], {
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'error', ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const messages: End['messages'] = [];
  child.on('message', (message) => messages.push(message as End['messages'][number]));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, messages };
}

t.test('what keeps it from starting is said in one message, with exit 2', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => taken.close(resolve)));
  const port = (taken.address() as AddressInfo).port;
  mkdirSync(join(folder, 'locked'));
  const lock = await lockFolder(join(folder, 'locked'));
  const table: [name: string, env: BrokerEnvironment, reason: string, message: RegExp][] = [
    ['a port in use', { ...environment('a'), BROKER_LISTEN: `127.0.0.1:${port}` }, 'EADDRINUSE', new RegExp(`${port}`)],
    ['a locked folder', environment('locked'), 'FolderLocked', new RegExp(`in use by process ${process.pid}`)],
    ['no folder', NOWHERE, 'BadConfiguration', /BROKER_DATA_DIR/],
    [
      'a bad address',
      { ...environment('b'), ADMIN_LISTEN: 'here' },
      'BadConfiguration',
      /ADMIN_LISTEN must be HOST:PORT/,
    ],
    ['a bad level', { ...environment('c'), LOG_LEVEL: 'loud' }, 'BadConfiguration', /LOG_LEVEL/],
    ['no API server', { BROKER_DATA_DIR: join(folder, 'd') }, 'CONFIGURATION', /ZEROTH_API_URL/],
  ];
  for (const [name, env, reason, message] of table) {
    const { code, messages } = await runToEnd(env);
    t.equal(code, 2, name);
    t.match(messages[messages.length - 1], { type: 'failed', reason, message }, name);
  }
  await lock.release();
});

t.test('a lock left by a process that is gone is taken over', async (t) => {
  const dir = join(folder, 'stale');
  mkdirSync(dir);
  for (const stale of [
    JSON.stringify({ pid: 2 ** 22 - 1, started: '1' }),
    JSON.stringify({ pid: process.pid, started: 'another time' }),
    'nonsense',
    '',
  ]) {
    writeFileSync(join(dir, 'lock'), stale);
    const lock = await lockFolder(dir);
    t.equal(JSON.parse(readFileSync(join(dir, 'lock'), 'utf8')).pid, process.pid);
    await t.rejects(lockFolder(dir), { code: 'FolderLocked' });
    await lock.release();
    t.same(readdirSync(dir), []);
  }
});

function admin(process: BrokerProcess, path: string): Promise<Response> {
  return fetch(`http://${process.admin}${path}`);
}

async function exit(child: ChildProcess): Promise<number | null> {
  return child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)));
}

t.test('until it knows the brokers it is alive, not ready; it ends when its parent lets go', async (t) => {
  const broker = await BrokerProcess.start(program, environment('alone'));
  t.equal((await admin(broker, '/healthz')).status, 200);
  t.equal((await admin(broker, '/readyz')).status, 503);
  t.equal((await admin(broker, '/nothing')).status, 404);
  t.equal((await fetch(`http://${broker.admin}/metrics`, { method: 'POST' })).status, 405);
  const metrics = await (await admin(broker, '/metrics')).text();
  for (const name of [/^zeroth_broker_logs 0$/m, /^process_cpu_seconds_total /m]) t.match(metrics, name);
  t.equal(await post(`http://${broker.ingress}/ns/b`, '1'), 503);
  broker.child.disconnect();
  t.equal(await exit(broker.child), 0);
});

t.test(
  'a damaged log: its Broker says which file, producers get 503, other Brokers work, nothing is changed',
  async (t) => {
    const world = await EventingWorld.start();
    const env = await listenForBroker(world);
    let broker = await BrokerProcess.start(program, env);
    t.teardown(async () => {
      await broker.kill('SIGKILL');
      await world.stop();
    });
    await world.startControllers();
    await world.publishIngress(broker.ingress);
    const get = (name: string) => world.client.get(Broker, 'default', name);
    for (const name of ['good', 'bad']) {
      await world.client.create(Broker, {
        apiVersion: 'eventing.knative.dev/v1',
        kind: 'Broker',
        metadata: { name, namespace: 'default' },
      });
      await eventually(`${name} is ready`, async () => isReady(await get(name)));
      for (let i = 0; i < 3; i++) t.equal(await post(`http://${broker.ingress}/default/${name}`, String(i)), 202);
    }
    t.match(
      await (await admin(broker, '/metrics')).text(),
      /http_server_request_duration_seconds_count\{namespace="default",broker="bad",code="202"} 3/,
    );
    t.equal((await admin(broker, '/readyz')).status, 200);
    await broker.kill('SIGKILL');
    const uid = (await get('bad')).metadata.uid ?? '';
    const file = join(env['BROKER_DATA_DIR'] ?? '', 'logs', 'default', 'bad', uid, `${'0'.repeat(20)}.log`);
    const bytes = readFileSync(file);
    bytes[50] = (bytes[50] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);

    broker = await BrokerProcess.start(program, { ...env, BROKER_LISTEN: broker.ingress });
    await broker.ready;
    const condition = await eventually('the Broker says so', async () => {
      const one = conditionOf((await get('bad')).status, 'TriggerChannelReady');
      return one?.status === 'False' ? one : undefined;
    });
    t.match(condition, { reason: 'ChannelFailure', message: new RegExp(`${file} is damaged at byte 0`) });
    t.equal(await post(`http://${broker.ingress}/default/bad`, 'x'), 503);
    t.equal(await post(`http://${broker.ingress}/default/good`, 'x'), 202);
    t.ok(readFileSync(file).equals(bytes));

    bytes[50] = (bytes[50] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
    await eventually('mended, it opens by itself', async () => isReady(await get('bad')), 60_000);
    t.equal(await post(`http://${broker.ingress}/default/bad`, 'x'), 202);
  },
);

t.test('a Broker made anew under its old name starts empty, and a deleted one leaves no file', async (t) => {
  const world = await EventingWorld.start();
  const env = await listenForBroker(world);
  const broker = await BrokerProcess.start(program, env);
  t.teardown(async () => {
    await broker.kill('SIGKILL');
    await world.stop();
  });
  await world.startControllers();
  await world.publishIngress(broker.ingress);
  const object: Broker = {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Broker',
    metadata: { name: 'b', namespace: 'default' },
  };
  const logs = () => readdirSync(join(env['BROKER_DATA_DIR'] ?? '', 'logs'), { recursive: true }).map(String);
  for (let round = 0; round < 2; round++) {
    const { metadata } = await world.client.create(Broker, object);
    await eventually('it is ready', async () => isReady(await world.client.get(Broker, 'default', 'b')));
    t.ok(logs().includes(`default/b/${metadata.uid ?? ''}`));
    t.equal(await post(`http://${broker.ingress}/default/b`, '1'), 202);
    await world.client.delete(Broker, 'default', 'b');
    await eventually('nothing is left', () => logs().length === 0);
  }
  await world.client.create(Broker, object);
  await eventually('it is ready', async () => isReady(await world.client.get(Broker, 'default', 'b')));
  t.equal(await broker.kill('SIGTERM'), 0);
  await world.client.delete(Broker, 'default', 'b');
  const again = await BrokerProcess.start(program, env);
  await again.ready;
  t.same(logs(), [], 'one deleted while nobody looked is cleared away at the next start');
  t.equal(await again.kill('SIGTERM'), 0);
});
