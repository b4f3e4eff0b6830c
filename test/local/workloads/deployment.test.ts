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
