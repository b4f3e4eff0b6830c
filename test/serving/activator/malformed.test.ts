import t from 'tap';
import { Rig, startPod, waitFor } from './rig.ts';

const H = 'Host: hello.test\r\n';

void t.test('what is not a request is refused, and nothing of it reaches a pod', async (t) => {
  const rig = await Rig.open(t);
  const seen: string[] = [];
  const pod = await startPod(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end('ok'));
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const table: [string, string, number][] = [
    ['not HTTP at all', 'hello there\r\n\r\n', 400],
    ['TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', `GET / HTTP/1.1\r\n${H}Host: other.test\r\n\r\n`, 400],
    ['an empty Host', 'GET / HTTP/1.1\r\nConnection: close\r\nHost:\r\n\r\n', 400],
    ['a Host with a space', 'GET / HTTP/1.1\r\nConnection: close\r\nHost: a b\r\n\r\n', 400],
    [
      'length and chunks',
      `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['two lengths', `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 400],
    ['the same length twice', `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400],
    ['a length that is no number', `POST / HTTP/1.1\r\n${H}Content-Length: 3x\r\n\r\nabc`, 400],
    ['a negative length', `POST / HTTP/1.1\r\n${H}Content-Length: -1\r\n\r\n`, 400],
    ['an unknown coding', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n`, 400],
    ['an unknown coding, and an end', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunked not last', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, 400],
    [
      'chunked twice',
      `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: hello.test\n\n', 400],
    ['one bare line feed', `GET / HTTP/1.1\r\n${H}A: b\nC: d\r\n\r\n`, 400],
    ['a folded header', `GET / HTTP/1.1\r\n${H}A: b\r\n c\r\n\r\n`, 400],
    ['a space before the colon', `GET / HTTP/1.1\r\n${H}A : b\r\n\r\n`, 400],
    ['a NUL in a header', `GET / HTTP/1.1\r\n${H}A: b\0c\r\n\r\n`, 400],
    ['a bad chunk size', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['a fragment-like target', `GET http://u@h/ HTTP/1.1\r\n${H}\r\n`, 400],
    ['a control character in the target', `GET /a\x01b HTTP/1.1\r\n${H}\r\n`, 400],
    ['an asterisk for GET', `GET * HTTP/1.1\r\n${H}\r\n`, 400],
    ['an unknown version', `GET / HTTP/9.9\r\n${H}\r\n`, 400],
    ['CONNECT', `CONNECT hello.test:80 HTTP/1.1\r\n${H}\r\n`, 405],
    ['an unknown expectation', `GET / HTTP/1.1\r\n${H}Expect: miracles\r\n\r\n`, 417],
    ['a large head', `GET / HTTP/1.1\r\n${H}A: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
  ];
  for (const [name, text, status] of table) {
    seen.length = 0;
    const client = await rig.socket();
    client.write(text);
    await client.closed();
    t.match(client.text, new RegExp(`^HTTP/1.1 ${status} `), name);
    t.equal(client.text.match(/^HTTP\/1.1 /gm)?.length, 1, `${name}: one answer`);
    if (name !== 'a bad chunk size') t.same(seen, [], name);
  }
  const good = await rig.send('hello.test');
  t.equal(good.status, 200, 'and nobody else was disturbed');
  await waitFor('all slots to be free', () => rig.served('hello').throttle.inFlight === 0);
});

void t.test('an absolute target names the host', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => response.end(`${request.headers.host} ${request.url}`));
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  client.write('GET http://hello.test/x?y HTTP/1.1\r\nHost: other.test\r\n\r\n');
  await client.until('hello.test /x?y');
  client.socket.destroy();
});

void t.test('a slow client gets 408 in time, others go on', async (t) => {
  const rig = await Rig.open(t, { headerTimeout: 300 });
  const pod = await startPod(t, (_, response) => response.end('ok'));
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const silent = await rig.socket();
  const slow = await rig.socket();
  slow.write('GET / HTTP/1.1\r\n');
  const preface = await rig.socket();
  preface.write('PRI * HT');
  const dripping = await rig.socket();
  dripping.write(`GET / HTTP/1.1\r\n${H}`);
  const drip = setInterval(() => dripping.write('A: b\r\n'), 50);
  t.equal((await rig.send('hello.test')).status, 200);
  await Promise.all([silent, slow, preface, dripping].map((client) => client.closed()));
  clearInterval(drip);
  t.equal(silent.text, '');
  for (const client of [slow, preface, dripping]) t.match(client.text, /^HTTP\/1.1 408 /);
});

void t.test('a connection kept open between requests is not a slow client', async (t) => {
  const rig = await Rig.open(t, { headerTimeout: 200 });
  const pod = await startPod(t, (_, response) => response.end('ok'));
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  client.write(`GET / HTTP/1.1\r\n${H}\r\n`);
  await client.until('ok');
  client.text = '';
  const later = Date.now() + 600;
  await waitFor('a pause', () => Date.now() > later);
  client.write(`GET / HTTP/1.1\r\n${H}\r\n`);
  await client.until('ok');
  client.socket.destroy();
});

void t.test('an endless pipeline is cut', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('hello');
  const client = await rig.socket();
  client.write(`GET / HTTP/1.1\r\n${H}\r\n`.repeat(200));
  await client.closed();
  await waitFor('an empty queue', () => rig.served('hello').throttle.queued === 0);
});

void t.test('an unknown host is told where to look', async (t) => {
  const rig = await Rig.open(t);
  const answer = await rig.send('nobody.test');
  t.equal(answer.status, 404);
  t.match(answer.body, /no route for host "nobody.test".*kubectl get ksvc/);
});
