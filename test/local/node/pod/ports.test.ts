import { createServer } from 'node:net';
import t from 'tap';
import type { Container } from '../../../../api/core.ts';
import { AddressPool } from '../../../../local/node/addresses.ts';
import { acceptsPort, declaredPort, findPort } from '../../../../local/node/pod/port-map.ts';
import { PortPool, portLimits, portRange } from '../../../../local/node/ports.ts';
import { parseTcpTable } from '../../../../local/node/runtime/process/proc.ts';

const all = (port: number) => ({ address: '0.0.0.0', port });
const local = (port: number) => ({ address: '127.0.0.1', port });

for (const [name, listeners, expected] of [
  ['the one it was given', [all(20001), all(9000)], { port: 20001, loopbackOnly: false }],
  ['the declared one', [all(9000), all(8080)], { port: 8080, loopbackOnly: false }],
  ['the only one', [all(3000)], { port: 3000, loopbackOnly: false }],
  ['loopback only', [local(20001)], { port: 20001, loopbackOnly: true }],
  ['loopback and everywhere', [local(20001), all(20001)], { port: 20001, loopbackOnly: false }],
  ['its own address', [{ address: '127.7.1.1', port: 8080 }], { port: 8080, loopbackOnly: false }],
  ['several others: unknown', [all(3000), all(4000)], undefined],
  ['another address: unreachable', [{ address: '10.0.0.1', port: 8080 }], undefined],
  ['nothing yet', [], undefined],
] satisfies [string, { address: string; port: number }[], object | undefined][]) {
  void t.test(`a program's port is ${name}`, async (t) => {
    t.same(findPort(8080, 20001, listeners, '127.7.1.1'), expected);
  });
}

void t.test('ports by number, by name, and 0 for the first', async (t) => {
  const container: Container = {
    name: 'c',
    ports: [
      { containerPort: 8080, name: 'web' },
      { containerPort: 9000, name: 'admin' },
    ],
  };
  t.same(
    [8080, 'admin', 0, '7070', 'none'].map((port) => declaredPort(container, port)),
    [8080, 9000, 8080, 7070, 8080],
  );
  t.equal(acceptsPort({ name: 'c' }, 8080), true);
  t.equal(acceptsPort({ name: 'c', env: [{ name: 'PORT', value: '8080' }] }, 8080), true);
  t.equal(acceptsPort({ name: 'c', env: [{ name: 'PORT', value: '9090' }] }, 8080), false, 'the manifest knows better');
});

void t.test('the range lies outside that of outgoing connections', async (t) => {
  t.same(portRange('32768\t60999\n'), { first: 10240, last: 32767 });
  t.same(portRange('1024 50000'), { first: 50001, last: 65535 });
  t.same(portRange('1024 65535'), { first: 10240, last: 65535 });
});

void t.test('a port in use is not handed out, one given back rests', async (t) => {
  const taken = (await freeTriple()) + 1;
  const server = createServer().listen(taken, '127.0.0.3');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  let now = 0;
  const pool = new PortPool({ first: taken - 1, last: taken + 1 }, 1, () => now);
  const first = await pool.take();
  t.not(first, taken);
  const second = await pool.take();
  t.not(second, first);
  await t.rejects(pool.take(), { code: 'NoFreePort' });
  pool.release(first);
  await t.rejects(pool.take(), { code: 'NoFreePort' });
  now = 61_000;
  t.equal(await pool.take(), first);
});

/** The first of three free ports in a row, below those that the system hands out to anybody. */
async function freeTriple(): Promise<number> {
  for (let port = 20_000 + (process.pid % 1_000) * 3; port < 32_000; port += 3) {
    const free = await Promise.all([port, port + 1, port + 2].map(canListen));
    if (free.every(Boolean)) return port;
  }
  throw new Error('no three free ports in a row');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}

void t.test('addresses: each once, those given back last', async (t) => {
  const pool = new AddressPool('127.9');
  const first = pool.take();
  t.equal(first, '127.9.1.1');
  pool.release(first);
  const rest = Array.from({ length: 127 * 254 - 1 }, () => pool.take());
  t.equal(new Set(rest).size, rest.length);
  t.notOk(rest.includes(first));
  t.equal(pool.take(), first);
  t.throws(() => pool.take(), { code: 'NoFreeAddress' });
});

void t.test('the kernel’s socket table', async (t) => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0
   1: 0101097F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0 20 4 30 10 -1
   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 7 1 0
   3: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 8 1 0
`;
  t.same(
    parseTcpTable(table).map(({ local: at, listening, inode }) => [at.address, at.port, listening, inode]),
    [
      ['127.0.0.1', 8080, true, '4242'],
      ['127.9.1.1', 8080, false, '4243'],
      ['0.0.0.0', 80, true, '7'],
      ['127.0.0.1', 81, true, '8'],
    ],
  );
});

void t.test('who may not listen on low ports is told what that changes', async (t) => {
  t.same(portLimits(0, { clusterPort: 8080 }), []);
  t.same(portLimits(80, { clusterPort: 80 }), []);
  t.same(portLimits(1024, { clusterPort: 80 }), [], 'permitted in another way');
  const [line = '', ...more] = portLimits(1024, { clusterPort: 8080 });
  t.match(line, /below 1024.* port 8080,/);
  t.notMatch(line, /\n/);
  t.same(more, []);
});
