import { once } from 'node:events';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import type { Address } from '../../../serving/activator/backends.ts';
import { addressOf, Rig, waitFor } from './rig.ts';

/** Answers every request with the same bytes and, unless told otherwise, closes. */
async function saying(t: Test, text: string, close = true): Promise<Address> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write(text, 'latin1');
      if (close) socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return addressOf(server);
}

const OK = 'HTTP/1.1 200 OK\r\n';
const LONG = 'x'.repeat(300_000);

// What a pod says, and the status that clients of HTTP/1.1 and of HTTP/2 see. 0: the stream is reset.
const TABLE: [string, string, number, number][] = [
  ['nothing', '', 502, 502],
  ['noise', 'noise\r\n\r\n', 502, 502],
  ['status 0', 'HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n', 502, 502],
  ['status 99', 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n', 502, 502],
  ['status 999', 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n', 999, 502],
  ['101 unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n', 502, 502],
  ['an unknown interim status', `HTTP/1.1 199 X\r\n\r\n${OK}Content-Length: 0\r\n\r\n`, 200, 200],
  ['hints that are none', `HTTP/1.1 103 X\r\nLink: <<<\r\n\r\n${OK}Content-Length: 0\r\n\r\n`, 200, 200],
  ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 502, 502],
  ['length and chunks', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 502, 502],
  ['a NUL in a header', `${OK}A: b\0c\r\n\r\n`, 502, 502],
  ['a very long head', `${OK}A: ${LONG}\r\n\r\n`, 502, 502],
  ['bytes beyond ASCII', `${OK}A: \xe9\xff\r\nContent-Length: 0\r\n\r\n`, 200, 200],
  [
    'hop-by-hop headers',
    `${OK}Keep-Alive: 1\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nContent-Length: 0\r\n\r\n`,
    200,
    200,
  ],
  ['bad trailers', `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nconnection: x\r\n\r\n`, 200, 200],
  ['no end but the connection’s', `${OK}\r\nbody`, 200, 200],
];

void t.test('whatever a pod says, the client gets an answer and the gateway lives', async (t) => {
  const rig = await Rig.open(t);
  const session = connect(`http://127.0.0.1:${rig.port}`);
  t.teardown(() => session.destroy());
  for (const [name, text, http1, http2] of TABLE) {
    rig.revision('odd', { timeoutSeconds: 2 });
    rig.pods('odd', [await saying(t, text)]);
    t.equal((await rig.send('odd.test')).status, http1, `${name}, HTTP/1.1`);
    const stream = session.request({ ':path': '/', ':authority': 'odd.test' });
    let status = 0;
    stream.on('response', (headers) => (status = headers[':status'] ?? 0));
    stream.on('error', () => undefined);
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    t.equal(status, http2, `${name}, HTTP/2`);
  }
  await waitFor('free slots', () => rig.served('odd').throttle.inFlight === 0);
});

void t.test('a body that breaks off or goes wrong is cut for the client too', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('odd', { timeoutSeconds: 2 });
  for (const [name, text] of [
    ['short of its length', `${OK}Content-Length: 10\r\n\r\nabc`],
    ['without its last chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`],
    ['a bad chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n`],
  ] as const) {
    rig.pods('odd', [await saying(t, text)]);
    const answer = await rig.send('odd.test');
    t.equal(answer.status, 200, name);
    t.notOk(answer.whole, name);
  }
});

void t.test('bytes behind an answer are never taken for the next one', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('odd', { timeoutSeconds: 2 });
  rig.pods('odd', [
    await saying(t, `${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`, false),
  ]);
  for (let i = 0; i < 3; i++) {
    const answer = await rig.send('odd.test');
    t.not(answer.body, 'poison');
  }
});

void t.test('the request of a client over HTTP/2 that HTTP/1.1 cannot say', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('odd', { timeoutSeconds: 2 });
  rig.pods('odd', [await saying(t, `${OK}Content-Length: 0\r\n\r\n`)]);
  const session = connect(`http://127.0.0.1:${rig.port}`);
  session.on('error', () => undefined);
  t.teardown(() => session.destroy());
  const stream = session.request({ ':path': '/', ':authority': 'odd.test', ':method': 'BAD METHOD' });
  stream.on('error', () => undefined);
  stream.resume();
  const closed = once(stream, 'close').catch(() => undefined);
  await closed;
  t.equal((await rig.send('odd.test')).status, 200);
});
