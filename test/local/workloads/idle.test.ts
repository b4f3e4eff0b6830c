import t from 'tap';
import { Deployment, Endpoints, EndpointSlice, Pod, Service } from '../../../api/core.ts';
import type { ApiRequest, Transport } from '../../../kube/transport.ts';
import { Client } from '../../../kube/client.ts';
import { Informers } from '../../../kube/informers.ts';
import { silentLogger } from '../../../kube/log.ts';
import { startWorkloads } from '../../../local/workloads/main.ts';
import { makeDeployment, runPods, startWorld, until } from './world.ts';

const SERVICES = 200;

void t.test('started over a settled state, and in every resync, nothing is written', async (t) => {
  const world = await startWorld(t, { caCert: 'PEM' });
  runPods(world, t);
  await Promise.all(
    Array.from({ length: SERVICES }, async (_, i) => {
      const name = `s${i}`;
      await world.client.create(Deployment, makeDeployment(name, { replicas: i % 20 === 0 ? 1 : 0 }));
      await world.client.create(Service, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'default' },
        spec: { clusterIP: 'None', selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
      });
    }),
  );
  await until(
    world,
    Deployment,
    (all) =>
      all.length === SERVICES &&
      all.every(
        ({ status, spec }) => status?.observedGeneration === 1 && (status.availableReplicas ?? 0) === spec?.replicas,
      ),
  );
  await until(world, EndpointSlice, (all) => all.length >= SERVICES);
  await until(world, Endpoints, (all) => all.filter(({ subsets }) => subsets !== undefined).length === SERVICES / 20);
  t.equal(world.informers.of(Pod).list().length, SERVICES / 20);

  const writes: ApiRequest[] = [];
  const counting: Transport = {
    request: (request, signal) => {
      if (request.method !== 'GET' && !request.path.includes('/events')) writes.push(request);
      return world.server.transport.request(request, signal);
    },
    watch: (request, watcher) => world.server.transport.watch(request, watcher),
  };
  await world.workloads.stop();
  const client = new Client(counting);
  const informers = new Informers(client, silentLogger);
  let passes = 0;
  let again!: () => void;
  const resynced = new Promise<void>((resolve) => (again = resolve));
  const second = await startWorkloads({
    client,
    informers,
    log: silentLogger,
    systemNamespace: 'zeroth-system',
    network: world.network,
    caCert: 'PEM',
    resync: 100,
    onPass: (controller) => {
      if (controller === 'deployment-controller' && ++passes === 4 * SERVICES) again();
    },
  });
  await resynced;
  await second.stop();
  informers.stop();
  t.same(
    writes.map(({ method, path }) => `${method} ${path}`),
    [],
  );
});
