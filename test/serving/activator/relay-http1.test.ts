import { once } from 'node:events';
import { request } from 'node:http';
import t from 'tap';
import type { IngressPath } from '../../../api/networking/ingress.ts';
import { closedAddress, RawClient, Rig, split, startPod, waitFor } from './rig.ts';

void t.test('a request reaches the pod with its host, path, body and where it came from', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const answer = await rig.send('Hello.test:8080', {
    method: 'POST',
    path: '/a%20b?x=1',
    body: 'payload',
    headers: { 'X-Mine': 'kept', 'Content-Length': 7, 'K-Original-Host': 'forged' },
  });
  t.equal(answer.status, 200);
  t.same(answer.headers['set-cookie'], ['a=1', 'b=2']);
  const seen = JSON.parse(answer.body) as {
    url: string;
    body: string;
    method: string;
    headers: Record<string, string>;
  };
  t.match(seen, {
    method: 'POST',
    url: '/a%20b?x=1',
    body: 'payload',
    headers: {
      host: 'Hello.test:8080',
      'x-mine': 'kept',
      'content-length': '7',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'Hello.test:8080',
      'x-forwarded-proto': 'http',
      forwarded: 'for=127.0.0.1;host="Hello.test:8080";proto=http',
      'k-proxy-request': 'activator',
    },
  });
  t.notOk('k-original-host' in seen.headers);
  await waitFor('the count', () => rig.finished.length === 1);
  t.same(rig.finished, [{ revision: 'hello', status: 200 }]);
  t.equal(rig.served('hello').meter.present, 0);
  t.equal(rig.served('hello').throttle.inFlight, 0);
});

void t.test('statuses and bodies of every shape pass unchanged', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => {
    const path = request.url ?? '';
    if (path === '/204') response.writeHead(204).end();
    else if (path === '/304') response.writeHead(304, { ETag: '"x"' }).end();
    else if (path === '/length') response.writeHead(200, { 'Content-Length': 5 }).end('12345');
    else if (path === '/chunked') {
      response.write('12');
      response.end('345');
    } else if (path === '/418') response.writeHead(418, { 'X-Tea': 'pot' }).end('short');
    else if (path === '/trailers') {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('body');
      response.addTrailers([['X-Sum', '42']]);
      response.end();
    } else response.writeHead(500).end('broken');
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  for (const [path, status, body] of [
    ['/204', 204, ''],
    ['/304', 304, ''],
    ['/length', 200, '12345'],
    ['/chunked', 200, '12345'],
    ['/418', 418, 'short'],
    ['/500', 500, 'broken'],
  ] as const) {
    const answer = await rig.send('hello.test', { path });
    t.same([answer.status, answer.body, answer.whole], [status, body, true], path);
  }
  const head = await rig.send('hello.test', { path: '/length', method: 'HEAD' });
  t.same([head.status, head.headers['content-length'], head.body], [200, '5', '']);
  const trailers = await rig.send('hello.test', { path: '/trailers', headers: { TE: 'trailers' } });
  t.equal(trailers.trailers['x-sum'], '42');
});

void t.test('methods without and with bodies keep their framing', async (t) => {
  const rig = await Rig.open(t);
  const seen: (string | undefined)[][] = [];
  const pod = await startPod(t, (request, response) => {
    seen.push([request.method, request.headers['content-length'], request.headers['transfer-encoding']]);
    request.resume().on('end', () => response.end('ok'));
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  const head = 'Host: hello.test\r\n';
  const requests = [
    `GET / HTTP/1.1\r\n${head}\r\n`,
    `POST / HTTP/1.1\r\n${head}\r\n`,
    `POST / HTTP/1.1\r\n${head}Content-Length: 0\r\n\r\n`,
    `PUT / HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\nab`,
    `DELETE / HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
    `PROPFIND / HTTP/1.1\r\n${head}\r\n`,
  ];
  for (const text of requests) {
    client.text = '';
    client.write(text);
    await client.until('ok');
  }
  t.same(seen, [
    ['GET', undefined, undefined],
    ['POST', '0', undefined],
    ['POST', '0', undefined],
    ['PUT', '2', undefined],
    ['DELETE', undefined, 'chunked'],
    ['PROPFIND', '0', undefined],
  ]);
  client.socket.destroy();
});

void t.test('both ways stream: the pod answers before the request has ended', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => {
    response.writeHead(200);
    response.flushHeaders();
    request.pipe(response);
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  client.write('POST / HTTP/1.1\r\nHost: hello.test\r\nTransfer-Encoding: chunked\r\n\r\n');
  await client.until('200 OK');
  client.write('3\r\none\r\n');
  await client.until('one');
  client.write('3\r\ntwo\r\n');
  await client.until('two');
  client.write('0\r\n\r\n');
  await client.until(/0\r\n\r\n$/);
  client.socket.destroy();
});

void t.test('a slow reader holds back the pod, a large body passes whole', async (t) => {
  const rig = await Rig.open(t);
  const size = 64 * 2 ** 20;
  let written = 0;
  const pod = await startPod(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': size });
    const chunk = Buffer.alloc(65_536, 'x');
    const more = (): void => {
      while (written < size) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const outgoing = request({ host: '127.0.0.1', port: rig.port, headers: { Host: 'hello.test' }, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
  let before = -1;
  await waitFor('the pod to be held back', () => {
    const still = before === written;
    before = written;
    return still && written > 0;
  });
  t.ok(written < size / 2, `${written} of ${size} bytes written while nobody reads`);
  let read = 0;
  for await (const chunk of response) read += (chunk as Buffer).length;
  t.equal(read, size);
});

void t.test('a client that asks first whether its body is wanted gets the pod’s word', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => request.pipe(response));
  pod.server.on('checkContinue', (request, response) => {
    if (request.url === '/no') response.writeHead(413, { Connection: 'close' }).end('too much');
    else {
      response.writeContinue();
      request.pipe(response);
    }
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const head = 'HTTP/1.1\r\nHost: hello.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n';
  const yes = await rig.socket();
  yes.write(`POST / ${head}`);
  await yes.until('HTTP/1.1 100 Continue\r\n\r\n');
  yes.write('data');
  await yes.until(/200 OK[^]*data/);
  yes.socket.destroy();
  const no = await rig.socket();
  no.write(`POST /no ${head}`);
  await no.until(/^HTTP\/1.1 413 [^]*too much/);
  no.socket.destroy();
});

void t.test('early hints reach the client', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (_, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.end('ok');
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  client.write('GET / HTTP/1.1\r\nHost: hello.test\r\n\r\n');
  await client.until(/^HTTP\/1.1 103 [^]*link: <\/style.css>[^]*HTTP\/1.1 200 OK/i);
  client.socket.destroy();
});

void t.test('a client that leaves takes its request away from the pod, and its slot is free', async (t) => {
  const rig = await Rig.open(t);
  let gone = 0;
  let reached = 0;
  const pod = await startPod(t, (request, response) => {
    reached++;
    if (request.url === '/next') response.end('next');
    else response.on('close', () => gone++);
  });
  rig.revision('one', { containerConcurrency: 1 });
  rig.pods('one', [pod.address]);
  const running = await rig.socket();
  running.write('GET / HTTP/1.1\r\nHost: one.test\r\n\r\n');
  await waitFor('the request at the pod', () => reached === 1);
  const waiting = await rig.socket();
  waiting.write('GET / HTTP/1.1\r\nHost: one.test\r\n\r\n');
  await waitFor('a queued request', () => rig.served('one').throttle.queued === 1);
  waiting.socket.destroy();
  await waitFor('the queue to empty', () => rig.served('one').throttle.queued === 0);
  const next = rig.send('one.test', { path: '/next' });
  await waitFor('the next in line', () => rig.served('one').throttle.queued === 1);
  running.socket.destroy();
  t.equal((await next).body, 'next');
  await waitFor('the pod to notice', () => gone === 1);
  await waitFor('all to be counted', () => rig.finished.length === 3);
  t.same(rig.finished.map(({ status }) => status).sort(), [0, 0, 200]);
});

void t.test('HTTP/1.0 and keep-alive', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (request, response) => {
    if (request.url === '/trailers') response.setHeader('Trailer', 'X-Sum');
    response.write('chun');
    if (request.url === '/trailers') response.addTrailers([['X-Sum', '42']]);
    response.end('ked');
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  for (const path of ['/', '/trailers']) {
    const old = await rig.socket();
    old.write(`GET ${path} HTTP/1.0\r\nHost: hello.test\r\n\r\n`);
    await old.closed();
    t.match(old.text, /^HTTP\/1.1 200 OK[^]*\r\n\r\nchunked$/, path);
  }
  const kept = await rig.socket();
  for (let i = 0; i < 3; i++) {
    kept.text = '';
    kept.write('GET / HTTP/1.1\r\nHost: hello.test\r\n\r\n');
    await kept.until(/ked\r\n0\r\n\r\n$/);
  }
  kept.write('GET /a HTTP/1.1\r\nHost: hello.test\r\n\r\nGET /b HTTP/1.1\r\nHost: hello.test\r\n\r\n');
  await kept.until(/(ked\r\n0\r\n\r\n[^]*){3}$/);
  kept.socket.destroy();
});

void t.test('pods that are gone: refused goes elsewhere, broken off is 502, half an answer is cut', async (t) => {
  const rig = await Rig.open(t);
  const nobody = await closedAddress();
  const pod = await startPod(t, (request, response) => {
    if (request.url === '/reset') request.socket.resetAndDestroy();
    else if (request.url === '/half') {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('half');
      setImmediate(() => response.destroy());
    } else if (request.url === '/garbage') request.socket.end('this is not HTTP\r\n\r\n');
    else response.end('fine');
  });
  rig.revision('two');
  rig.pods('two', [nobody, pod.address]);
  for (let i = 0; i < 20; i++) t.equal((await rig.send('two.test', { method: 'POST', body: 'x' })).body, 'fine');

  rig.revision('one');
  rig.pods('one', [pod.address]);
  t.equal((await rig.send('one.test', { path: '/reset' })).status, 502);
  t.equal((await rig.send('one.test', { path: '/garbage' })).status, 502);
  const half = await rig.send('one.test', { path: '/half' });
  t.same([half.status, half.body, half.whole], [200, 'half', false]);
  await waitFor('the slots to be free', () => rig.served('one').throttle.inFlight === 0);
});

void t.test('a request whose only pod refuses waits until one listens', async (t) => {
  const rig = await Rig.open(t);
  rig.revision('late');
  rig.pods('late', [await closedAddress()]);
  const answer = rig.send('late.test', { method: 'POST', body: 'kept' });
  await waitFor('a refusal', () => rig.served('late').throttle.queued === 1);
  const pod = await startPod(t, (request, response) => request.pipe(response));
  rig.pods('late', [pod.address]);
  t.equal((await answer).body, 'kept');
});

void t.test('a pod that is taken away lets its idle connections go', async (t) => {
  const rig = await Rig.open(t);
  const sockets = new Set<object>();
  const pod = await startPod(t, (_, response) => response.end('ok'));
  pod.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  t.equal((await rig.send('hello.test')).status, 200);
  t.equal((await rig.send('hello.test')).status, 200);
  t.equal(sockets.size, 1, 'one connection for both');
  rig.pods('hello', []);
  await waitFor('the connection to close', () => sockets.size === 0);
});

void t.test('the answer is complete although the request’s body was never read', async (t) => {
  const rig = await Rig.open(t);
  const pod = await startPod(t, (_, response) => response.writeHead(401, { Connection: 'close' }).end('who?'));
  rig.revision('hello');
  rig.pods('hello', [pod.address]);
  const client = await rig.socket();
  client.write('POST / HTTP/1.1\r\nHost: hello.test\r\nContent-Length: 100000000\r\n\r\nstart');
  await client.until(/401 Unauthorized[^]*who\?/);
  const piece = 'x'.repeat(1 << 16);
  const pump = setInterval(() => client.write(piece), 1);
  await client.closed();
  clearInterval(pump);
});

void t.test('a split follows its weights and sets its headers', async (t) => {
  const rig = await Rig.open(t);
  const counts: Record<string, number> = {};
  const pod = await startPod(t, (request, response) => {
    const name = String(request.headers['x-revision']);
    counts[name] = (counts[name] ?? 0) + 1;
    t.equal(request.headers['knative-serving-revision'], undefined);
    response.end(String(request.headers['knative-serving-tag']));
  });
  const paths: IngressPath[] = [
    {
      appendHeaders: { 'Knative-Serving-Tag': 'blue' },
      splits: [
        { ...split('a', 90), appendHeaders: { 'X-Revision': 'a', 'Knative-Serving-Revision': 'a' } },
        { ...split('b', 10), appendHeaders: { 'X-Revision': 'b' } },
      ],
    },
  ];
  rig.revision('a');
  rig.revision('b');
  rig.route(['split.test'], paths);
  rig.pods('a', [pod.address]);
  rig.pods('b', [pod.address]);
  const client = await RawClient.open(rig.port);
  for (let i = 0; i < 100; i++) {
    client.text = '';
    client.write('GET / HTTP/1.1\r\nHost: split.test\r\nKnative-Serving-Tag: forged\r\n\r\n');
    await client.until('blue');
  }
  client.socket.destroy();
  t.same(counts, { a: 90, b: 10 });
});
