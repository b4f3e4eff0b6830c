import { connect } from 'node:net';
import t from 'tap';
import { Broker } from '../../../api/eventing/broker.ts';
import { Trigger } from '../../../api/eventing/trigger.ts';
import { isReady } from '../../../kube/conditions.ts';
import { eventually } from '../eventually.ts';
import { Subscriber } from '../subscriber.ts';
import { BrokerProcess, buildBroker, EventingWorld, listenForBroker } from '../world.ts';

const EVENTS = 2_000;
const PRODUCERS = 16;
const namespace = 'default';

/** Posts events until told to stop, over one connection at a time; notes what a 202 answered. */
async function produce(address: () => string, next: () => number | undefined, accepted: Set<string>): Promise<void> {
  for (let number = next(); number !== undefined; number = next()) {
    const id = String(number);
    // An event whose answer was lost is sent again, as a producer does.
    while (!accepted.has(id)) if ((await send(address(), id)) === 202) accepted.add(id);
  }
}

const sockets = new Map<string, ReturnType<typeof connect>[]>();

function send(address: string, id: string): Promise<number> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const idle = sockets.get(address) ?? [];
    sockets.set(address, idle);
    const socket = idle.pop() ?? connect(Number(port), host).setNoDelay(true);
    const done = (status: number): void => {
      socket.removeAllListeners();
      if (status === 0) {
        socket.on('error', () => undefined).destroy();
        setTimeout(() => resolve(0), 20);
      } else {
        socket.on('error', () => undefined);
        idle.push(socket);
        resolve(status);
      }
    };
    socket.once('data', (chunk) => done(Number(chunk.toString('latin1', 9, 12))));
    socket.once('error', () => done(0));
    socket.once('close', () => done(0));
    socket.write(
      `POST /default/default HTTP/1.1\r\nHost: b\r\nce-specversion: 1.0\r\nce-id: ${id}\r\nce-source: /kill\r\nce-type: n\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
  });
}

t.test(
  `${EVENTS} events, the broker SIGKILLed in the middle: each acknowledged one is delivered or dead-lettered`,
  async (t) => {
    const world = await EventingWorld.start();
    const program = await buildBroker(world.dir);
    const env = await listenForBroker(world);
    let broker = await BrokerProcess.start(program, env);
    t.teardown(async () => {
      for (const idle of sockets.values()) for (const socket of idle) socket.destroy();
      await broker.kill('SIGKILL');
      await world.stop();
    });
    await world.startControllers();
    await world.publishIngress(broker.ingress);
    const address = broker.ingress;
    const [good, bad, dead] = [
      await Subscriber.start(),
      await Subscriber.start(() => ({ status: 500 })),
      await Subscriber.start(),
    ];
    t.teardown(async () => void (await Promise.all([good.close(), bad.close(), dead.close()])));
    const meta = { apiVersion: 'eventing.knative.dev/v1' };
    await world.client.create(Broker, { ...meta, kind: 'Broker', metadata: { name: 'default', namespace } });
    for (const [name, url, delivery] of [
      ['good', good.url, undefined],
      [
        'bad',
        bad.url,
        { retry: 1, backoffPolicy: 'linear', backoffDelay: 'PT0.05S', deadLetterSink: { uri: dead.url } },
      ],
    ] as const)
      await world.client.create(Trigger, {
        ...meta,
        kind: 'Trigger',
        metadata: { name, namespace },
        spec: { broker: 'default', subscriber: { uri: url }, ...(delivery && { delivery }) },
      });
    await eventually('both triggers are ready', async () =>
      (await world.client.list(Trigger)).items.every((one) => isReady(one)),
    );

    const accepted = new Set<string>();
    let number = 0;
    const next = (): number | undefined => (number < EVENTS ? number++ : undefined);
    const producing = Promise.all(Array.from({ length: PRODUCERS }, () => produce(() => address, next, accepted)));
    for (const share of [0.3, 0.7]) {
      await eventually('enough are accepted', () => accepted.size > EVENTS * share, 120_000);
      await broker.kill('SIGKILL');
      broker = await BrokerProcess.start(program, { ...env, BROKER_LISTEN: address });
    }
    await producing;
    t.equal(accepted.size, EVENTS);
    await eventually('all were delivered', () => new Set(good.ids).size === EVENTS, 120_000);
    await eventually('all were dead-lettered', () => new Set(dead.ids).size === EVENTS, 120_000);
    t.ok(good.received.length < EVENTS * 1.5, `${good.received.length - EVENTS} came twice`);
  },
);
