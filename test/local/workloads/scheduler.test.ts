import t from 'tap';
import { Deployment, Pod } from '../../../api/core.ts';
import { addNode, makeDeployment, runPods, startWorld, until } from './world.ts';

const pod = (name: string, cpu: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'one', resources: { requests: { cpu } } }] },
});
const scheduled = (one: Pod | undefined) => one?.status?.conditions?.find(({ type }) => type === 'PodScheduled');

void t.test('a bare pod is bound to the node', async (t) => {
  const world = await startWorld(t);
  await world.client.create(Pod, pod('one', '1'));
  const [bound] = await until(world, Pod, ([one]) => one?.spec?.nodeName === 'zeroth');
  t.match(scheduled(bound), { status: 'True' });
});

void t.test('pods wait for a node', async (t) => {
  const world = await startWorld(t, { node: false });
  await world.client.create(Pod, pod('one', '1'));
  await world.client.create(Deployment, makeDeployment('web'));
  const waiting = await until(
    world,
    Pod,
    (all) => all.length === 2 && all.every((one) => scheduled(one)?.status === 'False'),
  );
  for (const one of waiting)
    t.match(scheduled(one), { reason: 'Unschedulable', message: 'no nodes available to schedule pods' });
  await addNode(world.client);
  await until(world, Pod, (all) => all.every(({ spec }) => spec?.nodeName === 'zeroth'));
});

void t.test('a pod that does not fit says why, and is bound when others leave', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Pod, pod('one', '3'));
  await until(world, Pod, ([one]) => one?.spec?.nodeName === 'zeroth');
  await world.client.create(Pod, pod('two', '2'));
  const two = () => world.informers.of(Pod).get('default', 'two');
  await until(world, Pod, () => scheduled(two())?.status === 'False');
  t.match(scheduled(two()), { reason: 'Unschedulable', message: '0/1 nodes are available: 1 Insufficient cpu.' });
  await world.client.delete(Pod, 'default', 'one');
  await until(world, Pod, () => two()?.spec?.nodeName === 'zeroth');
  t.same(world.log, []);
});

void t.test('a ReplicaSet’s pods that do not fit are left to wait', async (t) => {
  const world = await startWorld(t);
  const template = { metadata: { labels: { app: 'web' } }, spec: pod('x', '1500m').spec };
  await world.client.create(Deployment, makeDeployment('web', { replicas: 4, template }));
  await until(
    world,
    Pod,
    (all) => all.length === 4 && all.filter((one) => scheduled(one)?.status === 'False').length === 2,
  );
  t.equal(
    world.informers
      .of(Pod)
      .list()
      .filter(({ spec }) => spec?.nodeName === 'zeroth').length,
    2,
  );
});
