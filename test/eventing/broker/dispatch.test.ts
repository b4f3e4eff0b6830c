import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { openPki } from '../../../local/apiserver/pki.ts';
import { eventually } from '../eventually.ts';
import { Subscriber, type Answer, type Received } from '../subscriber.ts';
import { BROKER, delivery, post, startBroker, type BrokerInProcess, type InProcessOptions } from './in-process.ts';
import { FaultyFiles } from './log/faulty-files.ts';
import { newFolder } from './log/open-log.ts';

type Teardown = { teardown(fn: () => Promise<void>): void };

async function start(t: Teardown, options: InProcessOptions = {}): Promise<BrokerInProcess> {
  const broker = await startBroker({ ...options, brokers: { dispatch: { saveEvery: 5 }, ...options.brokers } });
  t.teardown(() => broker.stop());
  return broker;
}

async function subscriber(t: Teardown, answer?: (request: Received, n: number) => Answer): Promise<Subscriber> {
  const one = await Subscriber.start(answer);
  t.teardown(() => one.close());
  return one;
}

const TRIGGER = { name: 'trigger', uid: 'trigger-uid' };
const settled = (broker: BrokerInProcess) => eventually('nothing is owed', () => broker.brokers.owed === 0);
const REPLY = {
  'ce-specversion': '1.0',
  'ce-id': 'r',
  'ce-source': '/reply',
  'ce-type': 'reply',
  'content-type': 'text/plain',
};

t.test('each trigger gets the events it asks for, from its creation on', async (t) => {
  const broker = await start(t);
  const [all, some] = [await subscriber(t), await subscriber(t)];
  await post(broker.url, 'before');
  await broker.brokers.subscribe(BROKER, { name: 'all', uid: 'all' }, delivery(all.url));
  await broker.brokers.subscribe(
    BROKER,
    { name: 'some', uid: 'some' },
    delivery(some.url, {}, { filter: ({ type }) => type === 'wanted' }),
  );
  for (let i = 0; i < 20; i++) await post(broker.url, String(i), { 'ce-type': i % 2 ? 'wanted' : 'other' });
  await settled(broker);
  t.same([...all.ids].sort(), Array.from({ length: 20 }, (_, i) => String(i)).sort());
  t.same([...some.ids].sort(), ['1', '11', '13', '15', '17', '19', '3', '5', '7', '9']);
});

t.test('a failing subscriber is tried 1 + retry times with the statuses Knative retries', async (t) => {
  const table: [status: number, attempts: number][] = [
    [500, 3],
    [404, 3],
    [429, 3],
    [400, 1],
    [302, 1],
  ];
  for (const [status, attempts] of table) {
    const broker = await start(t);
    const failing = await subscriber(t, () => ({ status, headers: { location: '/elsewhere' } }));
    await broker.brokers.subscribe(
      BROKER,
      TRIGGER,
      delivery(failing.url, { retry: 2, backoffPolicy: 'linear', backoffDelay: 'PT0.01S' }),
    );
    await post(broker.url, '1');
    await settled(broker);
    t.equal(failing.received.length, attempts, `status ${status}`);
    t.match(await broker.registry.metrics(), /events_settled_total\{.*result="dropped"} 1/);
  }
});

t.test('how deliveries go can be asked: the last failure until one succeeds', async (t) => {
  const broker = await start(t);
  let status = 500;
  const moody = await subscriber(t, () => ({ status, body: status === 500 ? 'answer 500' : '' }));
  const before = Date.now();
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(moody.url, { retry: 0 }));
  t.strictSame(broker.brokers.triggers, [
    { namespace: 'ns', broker: 'default', name: 'trigger', owed: 0, retrying: 0 },
  ]);
  await post(broker.url, '1');
  await settled(broker);
  const [failing] = broker.brokers.triggers;
  t.match(failing, {
    owed: 0,
    failure: { destination: moody.url, status: 500, message: 'answer 500', outcome: 'dropped' },
  });
  t.ok((failing?.failure?.at ?? 0) >= before);
  status = 200;
  await post(broker.url, '2');
  await settled(broker);
  const [well] = broker.brokers.triggers;
  t.equal(well?.failure, undefined);
  t.ok((well?.deliveredAt ?? 0) >= before);
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery('http://127.0.0.1:9/', { retry: 5, backoffPolicy: 'linear', backoffDelay: 'PT60S' }),
  );
  await post(broker.url, '3');
  await eventually('one waits for another attempt', () => broker.brokers.triggers[0]?.retrying === 1);
  t.match(broker.brokers.triggers[0], {
    owed: 1,
    failure: { destination: 'http://127.0.0.1:9/', message: /ECONNREFUSED/, outcome: 'retried' },
  });
  t.equal(broker.brokers.triggers[0]?.failure?.status, undefined, 'nobody answered');
});

t.test('back-off grows as the policy says', async (t) => {
  const broker = await start(t);
  const failing = await subscriber(t, () => ({ status: 503 }));
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery(failing.url, { retry: 3, backoffPolicy: 'exponential', backoffDelay: 'PT0.05S' }),
  );
  await post(broker.url, '1');
  await settled(broker);
  const gaps = failing.received.slice(1).map(({ at }, i) => at - (failing.received[i]?.at ?? 0));
  t.equal(gaps.length, 3);
  t.ok((gaps[0] ?? 0) >= 49 && (gaps[1] ?? 0) >= 99 && (gaps[2] ?? 0) >= 199, gaps.join());
});

t.test('what cannot be delivered goes to the dead letter sink and says why', async (t) => {
  const broker = await start(t);
  const failing = await subscriber(t, () => ({ status: 500, body: 'x'.repeat(2_000) }));
  const dead = await subscriber(t, (_, n) => ({ status: n === 1 ? 503 : 200 }));
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(failing.url, { retry: 1 }, { deadLetter: dead.url }));
  await post(broker.url, '1', {}, '{"kept":true}');
  await settled(broker);
  t.equal(failing.received.length, 2);
  t.equal(dead.received.length, 2, 'with the same retries');
  const data = Buffer.from('x'.repeat(2_000)).toString('base64').slice(0, 1_024);
  t.match(dead.received[1], {
    headers: {
      'ce-id': '1',
      'ce-knativeerrordest': failing.url,
      'ce-knativeerrorcode': '500',
      'ce-knativeerrordata': data,
      'kn-namespace': 'ns',
    },
    body: '{"kept":true}',
  });
  t.notOk(dead.received[1]?.headers.prefer, 'no reply is asked of it');
});

t.test('an unreachable subscriber dead-letters with code 500', async (t) => {
  const broker = await start(t);
  const gone = await Subscriber.start();
  const { url } = gone;
  await gone.close();
  const dead = await subscriber(t);
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(url, {}, { deadLetter: dead.url }));
  await post(broker.url, '1');
  await settled(broker);
  t.match(dead.received[0]?.headers, { 'ce-knativeerrorcode': '500', 'ce-knativeerrordest': url });
});

t.test('an attempt ends at its timeout', async (t) => {
  const broker = await start(t);
  const slow = await subscriber(t, () => ({ after: 60_000 }));
  const dead = await subscriber(t);
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery(slow.url, { timeout: 'PT0.05S', retry: 1 }, { deadLetter: dead.url }),
  );
  await post(broker.url, '1');
  await settled(broker);
  t.equal(slow.received.length, 2);
  t.match(Buffer.from(String(dead.received[0]?.headers['ce-knativeerrordata']), 'base64').toString(), /within 50 ms/);
});

t.test('a reply enters the broker with one pass less, before the event counts as delivered', async (t) => {
  const broker = await start(t);
  const replying = await subscriber(t, () => ({ headers: REPLY, body: 'answer' }));
  const sink = await subscriber(t);
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery(replying.url, {}, { filter: ({ type }) => type === 'test' }),
  );
  await broker.brokers.subscribe(
    BROKER,
    { name: 'replies', uid: 'replies' },
    delivery(sink.url, {}, { filter: ({ type }) => type === 'reply' }),
  );
  await post(broker.url, '1');
  await settled(broker);
  t.match(sink.received, [
    { headers: { 'ce-id': 'r', 'ce-source': '/reply', 'content-type': 'text/plain' }, body: 'answer' },
  ]);
});

t.test('a reply that matches its own trigger ends when its passes are used up, as a dead letter', async (t) => {
  const broker = await start(t);
  const loop = await subscriber(t, () => ({ headers: { ...REPLY, 'ce-type': 'test' } }));
  const dead = await subscriber(t);
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery(loop.url, { retry: 5 }, { deadLetter: dead.url, replyUrl: 'http://the-broker/' }),
  );
  await post(broker.url, '1', { 'ce-knativebrokerttl': '4' });
  await settled(broker);
  t.equal(loop.received.length, 3, 'passes 3, 2, 1');
  t.match(dead.received[0]?.headers, { 'ce-knativeerrorcode': '400', 'ce-knativeerrordest': 'http://the-broker/' });
});

t.test('an answer that is neither empty nor an event is a failed delivery', async (t) => {
  for (const answer of [
    { body: 'hello' },
    { headers: { ...REPLY, 'ce-type': '' }, body: 'x' },
    { headers: { 'content-type': 'application/cloudevents+json' }, body: '{' },
  ]) {
    const broker = await start(t);
    const odd = await subscriber(t, () => answer);
    const dead = await subscriber(t);
    await broker.brokers.subscribe(BROKER, TRIGGER, delivery(odd.url, { retry: 1 }, { deadLetter: dead.url }));
    await post(broker.url, '1');
    await settled(broker);
    t.equal(odd.received.length, 2);
    t.equal(dead.received[0]?.headers['ce-knativeerrorcode'], '502');
  }
});

t.test('format json delivers structured events', async (t) => {
  const broker = await start(t);
  const sink = await subscriber(t);
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(sink.url, { format: 'json' }));
  await post(broker.url, '1', {}, '{"n":12345678901234567890}');
  await settled(broker);
  t.match(sink.received[0]?.headers['content-type'], /^application\/cloudevents\+json/);
  t.match(sink.received[0]?.body, /"id":"1".*"data":\{"n":12345678901234567890}}$/);
});

t.test('a slow or failing trigger does not hold up the others', async (t) => {
  const broker = await start(t);
  const [slow, failing, quick] = [
    await subscriber(t, () => ({ after: 60_000 })),
    await subscriber(t, () => ({ status: 503 })),
    await subscriber(t),
  ];
  await broker.brokers.subscribe(BROKER, { name: 'slow', uid: 'slow' }, delivery(slow.url));
  await broker.brokers.subscribe(
    BROKER,
    { name: 'failing', uid: 'failing' },
    delivery(failing.url, { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT60S' }),
  );
  await broker.brokers.subscribe(BROKER, { name: 'quick', uid: 'quick' }, delivery(quick.url));
  for (let i = 0; i < 300; i++) await post(broker.url, String(i));
  await eventually('the quick one has all', () => quick.received.length === 300);
  t.ok(slow.received.length <= 64, 'the slow one has no more under way than it may');
  await broker.brokers.keepOnly(BROKER, new Set(['quick']));
});

t.test('too many events waiting for another attempt stop the reading, not the waiting', async (t) => {
  const broker = await start(t, { brokers: { dispatch: { saveEvery: 5, waiting: 20, concurrency: 4 } } });
  let failing = true;
  const sink = await subscriber(t, () => ({ status: failing ? 503 : 200 }));
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery(sink.url, { retry: 100, backoffPolicy: 'linear', backoffDelay: 'PT0.05S' }),
  );
  for (let i = 0; i < 100; i++) await post(broker.url, String(i));
  await eventually('retries go on', () => sink.received.length > 60);
  t.ok(new Set(sink.ids).size <= 24, `${new Set(sink.ids).size} events were looked at`);
  failing = false;
  await settled(broker);
  t.equal(new Set(sink.ids).size, 100);
});

t.test('a paused trigger keeps its place', async (t) => {
  const broker = await start(t);
  const sink = await subscriber(t);
  await broker.brokers.subscribe(BROKER, TRIGGER, undefined);
  for (let i = 0; i < 10; i++) await post(broker.url, String(i));
  t.equal(sink.received.length, 0);
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(sink.url));
  await settled(broker);
  t.equal(sink.received.length, 10);
});

t.test('a restart resumes: owed events come, settled ones do not come again', async (t) => {
  const broker = await startBroker();
  const sink = await subscriber(t, (request) => ({ status: request.headers['ce-type'] === 'later' ? 503 : 200 }));
  const spec = { retry: 10, backoffPolicy: 'linear', backoffDelay: 'PT0.2S' } as const;
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(sink.url, spec));
  for (let i = 0; i < 20; i++) await post(broker.url, String(i), { 'ce-type': i % 5 === 0 ? 'later' : 'now' });
  await eventually('only the failing ones are owed', () => broker.brokers.owed === 4 && sink.received.length >= 20);
  await broker.stop();
  const before = sink.received.length;
  sink.answer = () => ({});
  const again = await start(t, { folder: broker.folder });
  await again.brokers.subscribe(BROKER, TRIGGER, delivery(sink.url, spec));
  await settled(again);
  t.same(sink.ids.slice(before).sort(), ['0', '10', '15', '5']);
});

t.test('a dead letter under way at a restart still ends in the sink', async (t) => {
  const broker = await startBroker();
  const failing = await subscriber(t, () => ({ status: 500 }));
  const dead = await subscriber(t, () => ({ status: 503 }));
  const spec = { retry: 50, backoffPolicy: 'linear', backoffDelay: 'PT0.02S' } as const;
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(failing.url, { retry: 0 }, { deadLetter: dead.url }));
  await broker.brokers.subscribe(BROKER, TRIGGER, {
    ...delivery(failing.url, { ...spec, retry: 1 }, { deadLetter: dead.url }),
  });
  await post(broker.url, '1');
  await eventually('the dead letter was tried', () => dead.received.length > 0);
  await broker.stop();
  dead.answer = () => ({});
  const again = await start(t, { folder: broker.folder });
  if (again.brokers.owed === 0)
    await again.brokers.subscribe(BROKER, TRIGGER, delivery(failing.url, spec, { deadLetter: dead.url }));
  await settled(again);
  t.equal(dead.ids[dead.ids.length - 1], '1');
});

t.test('a full disk does not stop deliveries', async (t) => {
  const files = new FaultyFiles();
  const broker = await start(t, { brokers: { files, dispatch: { saveEvery: 5 } } });
  const sink = await subscriber(t);
  await broker.brokers.subscribe(BROKER, TRIGGER, undefined);
  for (let i = 0; i < 10; i++) await post(broker.url, String(i));
  files.space = 0;
  t.equal(await post(broker.url, 'x'), 507);
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(sink.url));
  await eventually('all were delivered', () => sink.received.length === 10);
});

t.test('a new subscriber address is used for what is still owed', async (t) => {
  const broker = await start(t);
  const [old, other] = [await subscriber(t, () => ({ status: 503 })), await subscriber(t)];
  await broker.brokers.subscribe(
    BROKER,
    TRIGGER,
    delivery(old.url, { retry: 100, backoffPolicy: 'linear', backoffDelay: 'PT0.02S' }),
  );
  await post(broker.url, '1');
  await eventually('the old one was tried', () => old.received.length > 1);
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(other.url));
  await settled(broker);
  t.same(other.ids, ['1']);
});

t.test('addresses inside the cluster are reached through the gateway with their own Host', async (t) => {
  const gateway = await subscriber(t);
  const { hostname, port } = new URL(gateway.url);
  const broker = await start(t, { sender: { gateway: { host: hostname, port: Number(port) } } });
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery('http://svc.ns.svc.cluster.local:8081/path?x=1'));
  await broker.brokers.subscribe(
    BROKER,
    { name: 'local', uid: 'local' },
    delivery(`http://any.name.localhost:${port}/local`),
  );
  await post(broker.url, '1');
  await settled(broker);
  t.same(gateway.received.map(({ headers, path }) => `${headers.host}${path}`).sort(), [
    `any.name.localhost:${port}/local`,
    'svc.ns.svc.cluster.local:8081/path?x=1',
  ]);
});

t.test('a connection that the subscriber closed between two events costs no attempt', async (t) => {
  const broker = await start(t);
  const sink = await subscriber(t);
  await broker.brokers.subscribe(BROKER, TRIGGER, delivery(sink.url));
  await post(broker.url, '1');
  await settled(broker);
  sink.dropIdle();
  await post(broker.url, '2');
  await settled(broker);
  t.match(await broker.registry.metrics(), /result="delivered"} 2/);
});

t.test('an https subscriber is trusted by the CA of its status, and by no other', async (t) => {
  const pki = await openPki(newFolder());
  const server = createServer({ cert: pki.cert, key: pki.key }, (request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(202).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const broker = await start(t);
  const base = delivery(url.href);
  await broker.brokers.subscribe(
    BROKER,
    { name: 'trusting', uid: 'a' },
    { ...base, subscriber: { url, caCerts: pki.caCert } },
  );
  await broker.brokers.subscribe(BROKER, { name: 'doubting', uid: 'b' }, base);
  await post(broker.url, '1');
  await settled(broker);
  const metrics = await broker.registry.metrics();
  t.match(metrics, /trigger="trusting",result="delivered"} 1/);
  t.match(metrics, /trigger="doubting",result="dropped"} 1/);
});
