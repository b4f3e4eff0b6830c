import { CloudEvent, emitterFor, httpTransport, Mode } from 'cloudevents';
import t from 'tap';
import { Service } from '../../../api/core.ts';
import { Broker } from '../../../api/eventing/broker.ts';
import { Trigger } from '../../../api/eventing/trigger.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { eventually } from '../eventually.ts';
import { Subscriber } from '../subscriber.ts';
import { BrokerProcess, buildBroker, EventingWorld, listenForBroker } from '../world.ts';
import { post } from './in-process.ts';

const namespace = 'default';
const broker = (name: string): Broker => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name, namespace },
});
const trigger = (name: string, spec: Partial<Trigger['spec']> & Pick<Trigger['spec'], 'subscriber'>): Trigger => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name, namespace },
  spec: { broker: 'default', ...spec },
});

t.test('a posted event reaches the triggers that ask for it, also after a restart', async (t) => {
  const world = await EventingWorld.start();
  const program = await buildBroker(world.dir);
  const env = await listenForBroker(world);
  let process = await BrokerProcess.start(program, env);
  t.teardown(async () => {
    await process.kill('SIGKILL');
    await world.stop();
  });
  await world.startControllers();
  await world.publishIngress(process.ingress);
  await process.ready;
  const [all, orders] = [await Subscriber.start(), await Subscriber.start()];
  t.teardown(async () => void (await Promise.all([all.close(), orders.close()])));

  await world.client.create(Broker, broker('default'));
  await world.client.create(Trigger, trigger('all', { subscriber: { uri: all.url } }));
  await world.client.create(
    Trigger,
    trigger('orders', { subscriber: { uri: orders.url }, filter: { attributes: { type: 'order' } } }),
  );
  const ready = async () => {
    const b = await world.client.get(Broker, namespace, 'default');
    const triggers = (await world.client.list(Trigger)).items;
    return isReady(b) && triggers.every((one) => isReady(one));
  };
  await eventually('broker and triggers are ready', ready);

  const url = `http://${process.ingress}/default/default`;
  const emit = (mode: Mode) => emitterFor(httpTransport(url), { mode });
  await emit(Mode.BINARY)(new CloudEvent({ id: '1', type: 'order', source: '/s', data: { n: 1 } }));
  await emit(Mode.STRUCTURED)(new CloudEvent({ id: '2', type: 'other', source: '/s', data: { n: 2 } }));
  await eventually('all events arrived', () => all.received.length === 2 && orders.received.length === 1);
  t.match(orders.received[0], {
    headers: {
      'ce-id': '1',
      'ce-type': 'order',
      prefer: 'reply',
      'kn-namespace': 'default',
      'ce-knativearrivaltime': /^2/,
    },
    body: '{"n":1}',
  });
  t.notOk('ce-knativebrokerttl' in (orders.received[0]?.headers ?? {}));

  all.answer = () => ({ status: 503 });
  await emit(Mode.BINARY)(new CloudEvent({ id: '3', type: 'order', source: '/s', data: { n: 3 } }));
  await eventually('the failing subscriber was tried', () => all.received.length > 2);
  await process.kill('SIGKILL');
  all.answer = () => ({});
  process = await BrokerProcess.start(program, { ...env, BROKER_LISTEN: process.ingress });
  await process.ready;
  await eventually('the owed event arrived', () => all.ids.filter((id) => id === '3').length > 1);

  await world.client.delete(Trigger, namespace, 'orders');
  await world.client.delete(Broker, namespace, 'default');
  await eventually(
    'the broker is gone',
    async () =>
      (
        await fetch(url, {
          method: 'POST',
          headers: { 'ce-id': '1', 'ce-specversion': '1.0', 'ce-type': 'x', 'ce-source': '/' },
        })
      ).status === 404,
  );
  t.equal(await process.kill('SIGTERM'), 0);
});

t.test('events are owed to a Trigger whose subscriber comes later, and reach it through the gateway', async (t) => {
  const world = await EventingWorld.start();
  const gateway = await Subscriber.start(({ headers }) => {
    if (headers.host !== 'late.default.svc.cluster.local') return {};
    const reply = {
      'ce-specversion': '1.0',
      'ce-id': `re-${headers['ce-id']}`,
      'ce-source': '/late',
      'ce-type': 'answer',
    };
    return headers['ce-type'] === 'answer' ? {} : { headers: reply };
  });
  const env = { ...(await listenForBroker(world)), GATEWAY_INTERNAL: new URL(gateway.url).host };
  const process = await BrokerProcess.start(await buildBroker(world.dir), env);
  t.teardown(async () => {
    await process.kill('SIGKILL');
    await gateway.close();
    await world.stop();
  });
  await world.startControllers();
  await world.publishIngress(process.ingress);
  await world.client.create(Broker, broker('default'));
  const subscriber = { ref: { apiVersion: 'v1', kind: 'Service', name: 'late' } };
  await world.client.create(Trigger, trigger('late', { subscriber, filters: [{ cesql: "type = 'ask'" }] }));
  await world.client.create(Trigger, trigger('answers', { subscriber, filter: { attributes: { type: 'answer' } } }));
  await eventually('the triggers are subscribed', async () =>
    (await world.client.list(Trigger)).items.every(
      (one) => conditionOf(one.status, 'SubscriptionReady')?.status === 'True',
    ),
  );
  await eventually('the broker is ready', async () => isReady(await world.client.get(Broker, namespace, 'default')));
  for (const id of ['1', '2', '3'])
    t.equal(await post(`http://${process.ingress}/default/default`, id, { 'ce-type': 'ask' }), 202);
  t.equal(gateway.received.length, 0, 'nobody to send it to yet');
  await world.client.create(Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'late', namespace },
    spec: { ports: [{ port: 80 }] },
  });
  await eventually('questions and answers arrived', () => gateway.received.length === 6);
  t.same([...gateway.ids].sort(), ['1', '2', '3', 're-1', 're-2', 're-3']);
  t.ok(gateway.received.every(({ headers }) => headers.host === 'late.default.svc.cluster.local'));
});
