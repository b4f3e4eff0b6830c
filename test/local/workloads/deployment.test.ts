import t from 'tap';
import { Deployment, Pod, ReplicaSet } from '../../../api/core.ts';
import { makeDeployment, runPods, startWorld, until } from './world.ts';

void t.test('a Deployment becomes a ReplicaSet and pods on the node, and tells of it', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 3 }));
  const [deployment] = await until(world, Deployment, ([one]) => one?.status?.availableReplicas === 3);
  t.match(deployment, {
    metadata: { annotations: { 'deployment.kubernetes.io/revision': '1' } },
    status: { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3 },
  });
  const [set] = world.informers.of(ReplicaSet).list();
  t.match(set?.metadata.name, /^web-[a-z0-9]{8,10}$/);
  for (const pod of world.informers.of(Pod).list()) t.equal(pod.spec?.nodeName, 'zeroth');
  t.same(world.log, []);
});

void t.test('a scale patch brings a bound pod within milliseconds, in two writes', async (t) => {
  const world = await startWorld(t);
  const pods = runPods(world, t);
  pods.hold = true;
  await world.client.create(Deployment, makeDeployment('web', { replicas: 0 }));
  await until(world, Deployment, ([one]) => one?.status?.observedGeneration === 1);
  const times: number[] = [];
  for (let round = 0; round < 12; round++) {
    const before = performance.now();
    const born = until(world, Pod, (all) => all.some((pod) => pod.spec?.nodeName === 'zeroth'));
    await scale(1);
    await born;
    times.push(performance.now() - before);
    await until(world, Deployment, ([one]) => one?.status?.replicas === 1);
    await scale(0);
    await until(world, Pod, (all) => all.length === 0);
    await until(
      world,
      Deployment,
      ([one]) => one?.status?.replicas === undefined && one?.metadata.generation === one?.status?.observedGeneration,
    );
  }
  times.sort((a, b) => a - b);
  t.comment(`scale patch to bound pod: median ${times[6]?.toFixed(2)} ms, slowest ${times[11]?.toFixed(2)} ms`);
  t.same(world.log, []);

  async function scale(replicas: number): Promise<void> {
    await world.client.patch(Deployment, 'default', 'web', { spec: { replicas } }, { subresource: 'scale' });
  }
});

void t.test('a rolling update keeps enough pods available and leaves one ReplicaSet running', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 4 }));
  await until(world, Deployment, ([one]) => one?.status?.availableReplicas === 4);
  let least = 4;
  let most = 4;
  world.informers.of(Pod).onChange(() => {
    const alive = world.informers
      .of(Pod)
      .list()
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const ready = alive.filter(({ status }) =>
      status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
    );
    least = Math.min(least, ready.length);
    most = Math.max(most, alive.length);
  });
  const changed = { template: { spec: { containers: [{ name: 'c', image: 'two' }] } } };
  await world.client.patch(Deployment, 'default', 'web', { spec: changed });
  await until(world, Deployment, ([one]) => {
    const progress = one?.status?.conditions?.find(({ type }) => type === 'Progressing');
    return (
      one?.status?.observedGeneration === 2 &&
      progress?.reason === 'NewReplicaSetAvailable' &&
      one.status.updatedReplicas === 4 &&
      one.status.replicas === 4
    );
  });
  t.ok(least >= 3, `never fewer than three ready (${least})`);
  t.ok(most <= 5, `never more than five (${most})`);
  t.same(
    world.informers
      .of(ReplicaSet)
      .list()
      .map(({ spec }) => spec?.replicas)
      .sort(),
    [0, 4],
  );
  await until(world, Pod, (all) => all.length === 4 && all.every(({ spec }) => spec?.containers[0]?.image === 'two'));
  t.same(world.log, []);
});

void t.test('Recreate has no two templates at once', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 2, strategy: { type: 'Recreate' } }));
  await until(world, Deployment, ([one]) => one?.status?.availableReplicas === 2);
  let mixed = false;
  world.informers.of(Pod).onChange(() => {
    const images = new Set(
      world.informers
        .of(Pod)
        .list()
        .map(({ spec }) => spec?.containers[0]?.image),
    );
    if (images.size > 1) mixed = true;
  });
  const changed = { template: { spec: { containers: [{ name: 'c', image: 'two' }] } } };
  await world.client.patch(Deployment, 'default', 'web', { spec: changed });
  await until(world, Pod, (all) => all.length === 2 && all.every(({ spec }) => spec?.containers[0]?.image === 'two'));
  t.notOk(mixed);
});

void t.test('a pod that is deleted or fails is replaced, and only once', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 2 }));
  const [first, second] = await until(
    world,
    Pod,
    (all) => all.length === 2 && all.every(({ status }) => status?.podIP),
  );
  await world.client.delete(Pod, 'default', first?.metadata.name ?? '');
  await until(
    world,
    Pod,
    (all) => all.length === 2 && all.every(({ metadata }) => metadata.uid !== first?.metadata.uid),
  );
  if (second !== undefined) {
    await world.client.patch(
      Pod,
      'default',
      second.metadata.name,
      { status: { phase: 'Failed' } },
      { subresource: 'status' },
    );
  }
  await until(world, Pod, (all) => all.filter(({ status }) => status?.phase === 'Running').length === 2);
  t.equal(world.informers.of(Pod).list().length, 3, 'the failed one stays to be looked at');
});
