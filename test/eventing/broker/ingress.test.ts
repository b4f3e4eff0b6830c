import { CloudEvent, HTTP } from 'cloudevents';
import { connect } from 'node:net';
import t from 'tap';
import { eventually } from '../eventually.ts';
import { BROKER, post, startBroker, type BrokerInProcess } from './in-process.ts';
import { openLog, readAll } from './log/open-log.ts';
import { FaultyFiles } from './log/faulty-files.ts';

const BINARY = {
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-source': '/s',
  'ce-type': 'a',
  'content-type': 'application/json',
};

interface Case {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
}

const cases: Case[] = [
  { name: 'a binary event', headers: BINARY, body: '{}', status: 202 },
  { name: 'a trailing slash', path: '/ns/default/', headers: BINARY, body: '{}', status: 202 },
  { name: 'a query is ignored', path: '/ns/default?x=1', headers: BINARY, body: '{}', status: 202 },
  {
    name: 'a structured event',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: '{"specversion":"1.0","id":"1","source":"/s","type":"a"}',
    status: 202,
  },
  {
    name: 'a batch',
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    body: '[{"specversion":"1.0","id":"1","source":"/s","type":"a"}]',
    status: 202,
  },
  {
    name: 'an empty batch',
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    body: '[]',
    status: 202,
  },
  { name: 'the root', path: '/', headers: BINARY, body: '{}', status: 404 },
  { name: 'one segment', path: '/ns', headers: BINARY, body: '{}', status: 400 },
  { name: 'three segments', path: '/ns/default/x', headers: BINARY, body: '{}', status: 400 },
  { name: 'an unknown broker', path: '/ns/other', headers: BINARY, body: '{}', status: 404 },
  { name: 'an invalid event to an unknown broker', path: '/ns/other', body: '{}', status: 400 },
  { name: 'no event', headers: { 'content-type': 'application/json' }, body: '{}', status: 400 },
  { name: 'a bad timestamp', headers: { ...BINARY, 'ce-time': 'x' }, body: '{}', status: 400 },
  { name: 'TTL used up', headers: { ...BINARY, 'ce-knativebrokerttl': '1' }, body: '{}', status: 400 },
  { name: 'TTL left', headers: { ...BINARY, 'ce-knativebrokerttl': '2' }, body: '{}', status: 202 },
  { name: 'TTL that is no number', headers: { ...BINARY, 'ce-knativebrokerttl': 'x' }, body: '{}', status: 400 },
  { name: 'GET', method: 'GET', status: 405 },
  { name: 'PUT', method: 'PUT', headers: BINARY, body: '{}', status: 405 },
  { name: 'DELETE', method: 'DELETE', status: 405 },
  { name: 'OPTIONS', method: 'OPTIONS', status: 200 },
];

t.test('each request gets the status Knative gives it', async (t) => {
  const broker = await startBroker();
  t.teardown(() => broker.stop());
  for (const { name, method = 'POST', path = '/ns/default', headers, body, status } of cases) {
    const response = await fetch(broker.origin + path, { method, headers, body });
    t.equal(response.status, status, name);
    t.equal(response.headers.get('allow'), 'POST, OPTIONS', `${name}: Allow`);
    const text = await response.text();
    if (status >= 400)
      t.match(JSON.parse(text), { status, title: String, detail: /\w/ }, `${name}: says what is wrong`);
    if (method === 'OPTIONS')
      t.match(Object.fromEntries(response.headers), { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '*' });
  }
});

async function stored(broker: BrokerInProcess): Promise<string[]> {
  await broker.stop();
  const log = await openLog(`${broker.folder}/logs/ns/default/${BROKER.uid}`);
  const records = await readAll(log);
  await log.close();
  return records.map(({ text }) => text.slice(4));
}

t.test('what a 202 answered is on disk, marked with arrival time and TTL', async (t) => {
  const broker = await startBroker();
  const event = new CloudEvent({ id: 'x', source: '/s', type: 'a', data: { n: 1 }, ext: 'e' });
  const message = HTTP.structured(event);
  const response = await fetch(broker.url, {
    method: 'POST',
    headers: message.headers as Record<string, string>,
    body: String(message.body),
  });
  t.equal(response.status, 202);
  t.equal(
    await post(broker.url, 'y', {
      'ce-knativebrokerttl': '7',
      traceparent: '00-1-2-01',
      'x-other': 'no',
      'knative-x': 'yes',
    }),
    202,
  );
  const [first = '', second = ''] = await stored(broker);
  t.match(first, /"id":"x".*"ext":"e".*"knativearrivaltime":"2.*Z","knativebrokerttl":255}\]\{"n":1\}$/);
  t.match(second, /"knativebrokerttl":6.*},\{"traceparent":"00-1-2-01","knative-x":"yes"}\]/);
  t.notMatch(second, /x-other/);
});

t.test('a batch is taken whole or not at all', async (t) => {
  const broker = await startBroker();
  const batch = (ids: string[]) =>
    JSON.stringify(ids.map((id) => ({ specversion: '1.0', id, source: '/s', type: 'a', data: id })));
  const send = async (body: string) =>
    (
      await fetch(broker.url, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json' },
        body,
      })
    ).status;
  t.equal(await send(batch(['1', '2', '3'])), 202);
  t.equal(await send(batch(['4', '', '6'])), 400);
  t.equal((await stored(broker)).length, 3);
});

t.test('a body beyond the limit is refused, announced or not, and nothing else is disturbed', async (t) => {
  const broker = await startBroker({ limits: { body: 1_000 } });
  t.teardown(() => broker.stop());
  t.equal(await post(broker.url, '1', {}, 'x'.repeat(1_001)), 413);
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(500)),
  });
  const response = await fetch(broker.url, {
    method: 'POST',
    headers: BINARY,
    body: endless,
    duplex: 'half',
  } as RequestInit).catch((error: unknown) => error);
  if (response instanceof Response) t.equal(response.status, 413);
  t.equal(await post(broker.url, '2', {}, 'x'.repeat(1_000)), 202);
});

t.test('beyond the bound of bytes in flight producers are asked to come again', async (t) => {
  const broker = await startBroker({ limits: { inFlight: 2_000 } });
  t.teardown(() => broker.stop());
  const held = connect(Number(new URL(broker.origin).port), '127.0.0.1');
  held.write(`POST /ns/default HTTP/1.1\r\nHost: x\r\nContent-Length: 1500\r\n\r\n`);
  await eventually('the bytes are booked', () => broker.ingress.inFlightBytes() === 1_500);
  const response = await fetch(broker.url, { method: 'POST', headers: BINARY, body: 'x'.repeat(600) });
  t.equal(response.status, 429);
  t.equal(response.headers.get('retry-after'), '1');
  t.equal(await post(broker.url, '1', {}, 'x'.repeat(400)), 202, 'what fits is taken');
  held.destroy();
  await eventually('the bytes are given back', () => broker.ingress.inFlightBytes() === 0);
  t.equal(await post(broker.url, '2', {}, 'x'.repeat(600)), 202);
});

async function raw(broker: BrokerInProcess, text: string): Promise<string> {
  const socket = connect(Number(new URL(broker.origin).port), '127.0.0.1');
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer.split('\r\n')[0] ?? '';
}

t.test('malformed and slow requests get an answer in time', async (t) => {
  const broker = await startBroker({ limits: { headTimeout: 1_000, requestTimeout: 1_000, headers: 8_192 } });
  t.teardown(() => broker.stop());
  t.match(await raw(broker, 'NONSENSE\r\n\r\n'), / 400 /);
  t.match(await raw(broker, 'POST /ns/default HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n'), / 400 /);
  t.match(await raw(broker, `POST / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`), / 431 /);
  t.match(await raw(broker, 'POST /ns/default HTTP/1.1\r\nHost: x\r\nX:'), / 408 /, 'a head that never ends');
  t.match(
    await raw(broker, 'POST /ns/default HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc'),
    / 408 /,
    'a body that never ends',
  );
});

t.test('a full disk answers 507 and asks to come again; freed space takes events again', async (t) => {
  const files = new FaultyFiles();
  const broker = await startBroker({ brokers: { files } });
  t.teardown(() => broker.stop());
  t.equal(await post(broker.url, '1'), 202);
  files.space = 20;
  const response = await fetch(broker.url, { method: 'POST', headers: BINARY, body: '{}' });
  t.equal(response.status, 507);
  t.ok(Number(response.headers.get('retry-after')) > 0);
  t.match(await response.json(), { title: 'LogFull', detail: /disk is full/ });
  files.space = Infinity;
  t.equal(await post(broker.url, '2'), 202);
});

t.test('before all brokers are known the answer is "later", not "no such broker"', async (t) => {
  const broker = await startBroker({ synced: false });
  t.teardown(() => broker.stop());
  const response = await fetch(`${broker.origin}/ns/other`, { method: 'POST', headers: BINARY, body: '{}' });
  t.equal(response.status, 503);
  t.equal(response.headers.get('retry-after'), '1');
  broker.brokers.markSynced();
  t.equal(await post(`${broker.origin}/ns/other`, '1'), 404);
  await broker.brokers.remove(BROKER);
  t.equal(await post(broker.url, '1'), 404);
  t.notMatch(await broker.registry.metrics(), /broker="other"/, 'unknown paths are no labels');
});
