import t, { type Test } from 'tap';
import { Deployment } from '../../api/core.ts';
import { Client } from '../../kube/client.ts';
import { createController } from '../../kube/controller.ts';
import { Informers } from '../../kube/informers.ts';
import { silentLogger } from '../../kube/log.ts';
import type { Outcome, World } from '../../kube/reconciler.ts';
import type { Transport } from '../../kube/transport.ts';
import { startServer } from '../local/apiserver/support.ts';

type Status = NonNullable<Deployment['status']>;

const NAME = 'a';

/** A Deployment and its only controller, whose pass is given; what it writes is recorded. */
async function startController(
  t: Test,
  pass: (deployment: Deployment, world: World) => Promise<Outcome<Status>>,
): Promise<{ client: Client; writes: string[]; settled: () => Promise<void>; stop: () => Promise<void> }> {
  const { server } = await startServer(t);
  const writes: string[] = [];
  const transport: Transport = {
    async request(request, signal) {
      const response = await server.transport.request(request, signal);
      if (request.method !== 'GET' && !request.path.includes('/events'))
        writes.push(`${request.method} ${request.path.split('/').slice(7).join('/')} ${response.status}`);
      return response;
    },
    watch: (request, watcher) => server.transport.watch(request, watcher),
  };
  const labels = { app: NAME };
  const client = new Client(server.transport);
  await client.create(Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  const controlled = new Client(transport);
  const informers = new Informers(controlled, silentLogger);
  let running = 0;
  let wake: (() => void) | undefined;
  const controller = createController<Deployment>(
    {
      name: 'test',
      kind: Deployment,
      owns: [],
      watches: [],
      async reconcile(deployment, world) {
        running++;
        return pass(deployment, world);
      },
    },
    {
      client: controlled,
      informers,
      log: silentLogger,
      systemNamespace: 'system',
      onPass: () => {
        running--;
        wake?.();
      },
    },
  );
  t.teardown(async () => {
    await controller.stop();
    informers.stop();
  });
  await controller.start();
  return {
    client,
    writes,
    stop: () => controller.stop(),
    // Passes follow each other in microtasks: after a turn of the event loop without one there is none to come.
    async settled() {
      for (let quiet = 0; quiet < 3; quiet++) {
        while (running > 0) {
          quiet = 0;
          await new Promise<void>((resolve) => (wake = resolve));
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function readyIs(status: 'True' | 'False' | 'Unknown', message: string): Status {
  return { conditions: [{ type: 'Ready', status, message }] };
}

const label = (world: World, value: string) =>
  world.client.patch(Deployment, 'default', NAME, { metadata: { labels: { value } } });

void t.test('a state on its way is not written when the next pass follows at once', async (t) => {
  let passes = 0;
  const { client, writes, settled } = await startController(t, async (_deployment, world) => {
    passes++;
    if (passes === 1) await label(world, 'changed');
    return { status: passes === 1 ? readyIs('Unknown', 'on its way') : readyIs('True', 'done') };
  });
  await settled();
  t.same(writes, [`PATCH ${NAME} 200`, `PUT ${NAME}/status 200`]);
  const { status } = await client.get(Deployment, 'default', NAME);
  t.match(status?.conditions?.[0], { type: 'Ready', status: 'True' });
});

for (const [status, why] of [
  ['False', 'a failure'],
  ['True', 'success'],
] as const) {
  void t.test(`${why} is written also when another pass follows`, async (t) => {
    let passes = 0;
    const { writes, settled } = await startController(t, async (_deployment, world) => {
      if (++passes === 1) await label(world, 'changed');
      return { status: readyIs(status, 'always the same') };
    });
    await settled();
    t.same(writes, [`PATCH ${NAME} 200`, `PUT ${NAME}/status 200`]);
  });
}

void t.test('an object that never comes to rest still says how it is', async (t) => {
  let passes = 0;
  const { client, writes, stop } = await startController(t, async (_deployment, world) => {
    await label(world, `pass-${++passes}`);
    return { status: readyIs('Unknown', 'always changing') };
  });
  while (!writes.some((write) => write.includes('/status')) && passes < 50)
    await new Promise((resolve) => setImmediate(resolve));
  await stop();
  t.ok(passes <= 6, `${passes} passes until the first status`);
  t.match((await client.get(Deployment, 'default', NAME)).status?.conditions?.[0], { message: 'always changing' });
});

void t.test('a pass that changes its own object writes the status over what it has made', async (t) => {
  const { writes, settled } = await startController(t, async (deployment, world) => {
    if (deployment.metadata.labels?.['value'] === undefined) await label(world, 'set');
    return { status: { observedGeneration: 1, replicas: 0 } };
  });
  await settled();
  t.same(writes, [`PATCH ${NAME} 200`, `PUT ${NAME}/status 200`], 'and is refused nothing');
});

void t.test('another reason for not being ready waits a moment for what comes next', async (t) => {
  const { client, writes, settled } = await startController(t, (deployment) => {
    const value = deployment.metadata.labels?.['value'] ?? 'none';
    return Promise.resolve({ status: readyIs(value === 'done' ? 'True' : 'Unknown', value) });
  });
  const change = async (value: string): Promise<void> => {
    await client.patch(Deployment, 'default', NAME, { metadata: { labels: { value } } });
    await settled();
  };
  const message = async () => (await client.get(Deployment, 'default', NAME)).status?.conditions?.[0]?.message;
  await settled();
  t.equal(await message(), 'none', 'the first is written at once');
  await change('one');
  await change('two');
  await change('done');
  t.equal(await message(), 'done', 'success is written at once');
  t.equal(writes.length, 2, 'and what came in between never was');
  await change('again');
  t.equal(await message(), 'again', 'being ready no more is written at once');
  await change('waiting');
  t.equal(await message(), 'again');
  const late = Date.now() + 5_000;
  while ((await message()) !== 'waiting' && Date.now() < late) await new Promise((resolve) => setImmediate(resolve));
  t.equal(await message(), 'waiting', 'what lasts is written');
});
