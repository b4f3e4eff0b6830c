import t from 'tap';
import { ConfigMap, Service } from '../../../api/core.ts';
import { Broker } from '../../../api/eventing/broker.ts';
import { Trigger } from '../../../api/eventing/trigger.ts';
import { CLUSTER_PORT_KEY } from '../../../api/zeroth.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { eventually } from '../eventually.ts';
import { EventingWorld } from '../world.ts';

const meta = { apiVersion: 'eventing.knative.dev/v1' };
const namespace = 'default';
const INGRESS = 'http://broker-ingress.knative-eventing.svc.cluster.local';

t.test('statuses follow what they are about', async (t) => {
  const world = await EventingWorld.start();
  t.teardown(() => world.stop());
  await world.startControllers();
  const { client } = world;
  const broker = (name = 'b') => client.get(Broker, namespace, name);
  const trigger = (name = 't') => client.get(Trigger, namespace, name);
  const createTrigger = (name: string, spec: object, annotations?: Record<string, string>) =>
    client.create(Trigger, {
      ...meta,
      kind: 'Trigger',
      metadata: { name, namespace, annotations },
      spec: { broker: 'b', ...spec } as Trigger['spec'],
    });
  /** What the broker process does. */
  const openLog = (name = 'b') =>
    client.patch(
      Broker,
      namespace,
      name,
      { status: { annotations: { 'zeroth.dev/event-log': 'open' } } },
      { subresource: 'status' },
    );
  const subscribe = async (name = 't') =>
    client.patch(
      Trigger,
      namespace,
      name,
      { status: { annotations: { 'zeroth.dev/subscribed-to': (await broker()).metadata.uid } } },
      { subresource: 'status' },
    );
  const message = (object: Broker | Trigger, type: string) => conditionOf(object.status, type)?.message ?? '';

  await t.test('a Trigger without Broker says so, and catches up when the Broker comes', async (t) => {
    await createTrigger('t', {
      subscriber: { ref: { apiVersion: 'v1', kind: 'Service', name: 'sub' }, uri: '/in?x=1' },
    });
    await eventually(
      'BrokerDoesNotExist',
      async () => conditionOf((await trigger()).status, 'BrokerReady')?.reason === 'BrokerDoesNotExist',
    );
    await client.create(Broker, { ...meta, kind: 'Broker', metadata: { name: 'b', namespace } });
    await eventually(
      'the broker is seen',
      async () => conditionOf((await trigger()).status, 'BrokerReady')?.reason !== 'BrokerDoesNotExist',
    );
    await world.publishIngress('127.0.0.1:9');
    await openLog();
    await eventually('the broker is ready', async () => isReady(await broker()));
    t.equal((await broker()).status?.address?.url, `${INGRESS}/default/b`);
    t.same((await broker()).spec?.delivery, { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT0.2S' });
  });

  await t.test('a subscriber that comes later is found', async (t) => {
    t.match(message(await trigger(), 'SubscriberResolved'), /Service default\/sub does not exist/);
    await client.create(Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'sub', namespace },
      spec: { ports: [{ port: 80 }] },
    });
    await eventually(
      'resolved',
      async () => (await trigger()).status?.subscriberUri === 'http://sub.default.svc.cluster.local/in?x=1',
    );
    await subscribe();
    await eventually('the trigger is ready', async () => isReady(await trigger()));
    t.equal((await trigger()).status?.annotations?.['zeroth.dev/subscribed-to'], (await broker()).metadata.uid);
  });

  await t.test('the cluster port stands in every address', async (t) => {
    const map = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'config-network', namespace: 'knative-serving' },
      data: { [CLUSTER_PORT_KEY]: '8081' },
    };
    await client.apply(ConfigMap, map, { fieldManager: 'test' });
    await eventually(
      'both carry it',
      async () =>
        (await trigger()).status?.subscriberUri === 'http://sub.default.svc.cluster.local:8081/in?x=1' &&
        (await broker()).status?.address?.url === `${INGRESS}:8081/default/b`,
    );
    await client.patch(ConfigMap, 'knative-serving', 'config-network', { data: { [CLUSTER_PORT_KEY]: '80' } });
    await eventually('80 is not printed', async () => (await broker()).status?.address?.url === `${INGRESS}/default/b`);
    t.pass();
  });

  await t.test('a Broker as subscriber, by its address; a dead letter sink of the Broker is inherited', async (t) => {
    await client.patch(Broker, namespace, 'b', {
      spec: { delivery: { deadLetterSink: { ref: { apiVersion: 'v1', kind: 'Service', name: 'sub' } } } },
    });
    await createTrigger('t2', {
      subscriber: { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'b' } },
    });
    await subscribe('t2');
    await eventually('t2 is ready', async () => isReady(await trigger('t2')));
    t.match((await trigger('t2')).status, {
      subscriberUri: `${INGRESS}/default/b`,
      deadLetterSinkUri: 'http://sub.default.svc.cluster.local',
    });
    await client.delete(Service, namespace, 'sub');
    await eventually(
      't says its subscriber is gone',
      async () => conditionOf((await trigger()).status, 'SubscriberResolved')?.status === 'False',
    );
    await eventually(
      'the broker says its sink is gone',
      async () => conditionOf((await broker()).status, 'DeadLetterSinkResolved')?.status === 'False',
    );
  });

  await t.test('an unknown kind and a dependency', async (t) => {
    await createTrigger(
      't3',
      { subscriber: { ref: { apiVersion: 'nowhere.example/v1', kind: 'Thing', name: 'x' } } },
      { 'knative.dev/dependency': '{"apiVersion":"eventing.knative.dev/v1","kind":"Broker","name":"dep"}' },
    );
    await eventually('unknown kind', async () =>
      /no kind Thing in nowhere.example\/v1/.test(message(await trigger('t3'), 'SubscriberResolved')),
    );
    t.equal(conditionOf((await trigger('t3')).status, 'DependencyReady')?.reason, 'DependencyDoesNotExist');
    await client.create(Broker, { ...meta, kind: 'Broker', metadata: { name: 'dep', namespace } });
    await openLog('dep');
    await eventually(
      'the dependency is ready',
      async () => conditionOf((await trigger('t3')).status, 'DependencyReady')?.status === 'True',
    );
  });

  await t.test('a Broker of another class is left alone, and so are its Triggers', async (t) => {
    await client.create(Broker, {
      ...meta,
      kind: 'Broker',
      metadata: { name: 'kafka', namespace, annotations: { 'eventing.knative.dev/broker.class': 'Kafka' } },
    });
    await createTrigger('t4', { broker: 'kafka', subscriber: { uri: 'http://x.example' } });
    await createTrigger('t5', { subscriber: { uri: 'http://x.example' } });
    await eventually('t5 was looked at', async () => (await trigger('t5')).status?.subscriberUri);
    t.equal((await broker('kafka')).status, undefined);
    t.equal((await trigger('t4')).status, undefined);
  });

  await t.test('the API server applies the rules at the door', async (t) => {
    await t.rejects(createTrigger('bad', { broker: undefined, subscriber: {} }), {
      code: 400,
      message: /denied the request: validation failed: .*missing field\(s\): spec\.broker/s,
    });
    await t.rejects(client.patch(Trigger, namespace, 't', { spec: { broker: 'other' } }), {
      message: /Immutable fields changed/,
    });
    t.equal((await trigger()).metadata.labels?.['eventing.knative.dev/broker'], 'b');
  });
});
