import t from 'tap';
import { Deployment, Endpoints, EndpointSlice, Pod, Service } from '../../../api/core.ts';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { makeDeployment, runPods, setPod, startWorld, until } from './world.ts';

const service = (name: string, spec: Partial<NonNullable<Service['spec']>> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels: { of: name } },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'web' }], ...spec },
});
const ofService = (name: string) => (slice: EndpointSlice) =>
  slice.metadata.labels?.['kubernetes.io/service-name'] === name;

void t.test('a pod that turns ready is in its Service’s slice at once, then in Endpoints', async (t) => {
  const world = await startWorld(t);
  const pods = runPods(world, t);
  pods.hold = true;
  await world.client.create(Service, service('web'));
  await until(world, EndpointSlice, (all) => all.filter(ofService('web')).length === 1);
  await world.client.create(Deployment, makeDeployment('web'));
  const [pod] = await until(world, Pod, (all) => all.length === 1);
  if (pod === undefined) return;
  const before = performance.now();
  const seen = until(world, EndpointSlice, (all) =>
    all.some(({ endpoints }) => endpoints?.[0]?.conditions?.ready === true),
  );
  await setPod(world, pod, { phase: 'Running', podIP: '127.1.1.9', ready: true });
  const slices = (await seen).filter(ofService('web'));
  t.comment(`pod ready to slice: ${(performance.now() - before).toFixed(2)} ms`);
  t.equal(slices.length, 1);
  t.match(slices[0], {
    metadata: { labels: { of: 'web' } },
    ports: [{ name: 'http', port: 8080 }],
    endpoints: [{ addresses: ['127.1.1.9'] }],
  });
  await until(world, Endpoints, (all) => all.some(({ subsets }) => subsets?.[0]?.addresses?.[0]?.ip === '127.1.1.9'));

  await world.client.patch(Pod, 'default', pod.metadata.name, {
    metadata: { annotations: { [PORT_MAP_ANNOTATION]: '{"8080":33000}' } },
  });
  await until(world, EndpointSlice, (all) =>
    all.filter(ofService('web')).every(({ ports }) => ports?.[0]?.port === 33000),
  );
  await world.client.patch(Deployment, 'default', 'web', { spec: { replicas: 0 } }, { subresource: 'scale' });
  await until(world, EndpointSlice, (all) =>
    all.filter(ofService('web')).every(({ endpoints }) => (endpoints ?? []).length === 0),
  );
  t.equal(world.informers.of(EndpointSlice).list().filter(ofService('web')).length, 1);
  t.same(world.log, []);
});

void t.test('a Service without selector is left alone; a deleted one leaves nothing', async (t) => {
  const world = await startWorld(t);
  await world.client.create(Service, service('own', { selector: undefined }));
  const mine: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'own', namespace: 'default' },
    subsets: [{ addresses: [{ ip: '127.1.2.3' }], ports: [{ port: 1 }] }],
  };
  const made = await world.client.create(Endpoints, mine);
  await world.client.create(Service, service('web'));
  await until(world, Endpoints, (all) => all.some(({ metadata }) => metadata.name === 'web'));
  t.equal(world.informers.of(Endpoints).get('default', 'own')?.metadata.resourceVersion, made.metadata.resourceVersion);
  t.same(world.informers.of(EndpointSlice).list().filter(ofService('own')), []);
  await world.client.delete(Service, 'default', 'web');
  await world.client.delete(Service, 'default', 'own');
  await until(world, Endpoints, (all) => !all.some(({ metadata }) => ['web', 'own'].includes(metadata.name)));
  await until(world, EndpointSlice, (all) => !all.some(ofService('web')));
  t.same(world.log, []);
});
