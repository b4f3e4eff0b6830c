import t from 'tap';
import { Deployment, Pod, ReplicaSet } from '../../../api/core.ts';
import type { Admission } from '../../../kube/admission.ts';
import { failure } from '../../../kube/errors.ts';
import { makeDeployment, runPods, startWorld, until } from './world.ts';

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'one' }] } };

function replicaSet(replicas: number, name = 'web'): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

const bare = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: template.spec,
});

void t.test('bare pods that match are taken in, one too many goes', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Pod, bare('one'));
  await world.client.create(ReplicaSet, replicaSet(2));
  await until(
    world,
    Pod,
    (all) => all.length === 2 && all.every(({ metadata }) => metadata.ownerReferences?.[0]?.name === 'web'),
  );
  await until(world, ReplicaSet, ([set]) => set?.status?.availableReplicas === 2);
  await world.client.create(Pod, bare('late'));
  await until(world, Pod, (all) => all.length === 2 && !all.some(({ metadata }) => metadata.name === 'late'));
  t.same(world.log, []);
});

void t.test('a pod that is relabelled is let go, stays, and is replaced', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(ReplicaSet, replicaSet(1));
  const [pod] = await until(world, Pod, (all) => all.length === 1);
  const name = pod?.metadata.name ?? '';
  await world.client.patch(Pod, 'default', name, { metadata: { labels: { app: 'debug' } } });
  const both = await until(world, Pod, (all) => all.length === 2);
  const debugged = both.find(({ metadata }) => metadata.name === name);
  t.same(debugged?.metadata.ownerReferences ?? [], []);
  await world.client.delete(ReplicaSet, 'default', 'web');
  await until(world, Pod, (all) => all.length === 1 && all[0]?.metadata.name === name);
});

void t.test('the cheapest pod goes first', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(ReplicaSet, replicaSet(3));
  await until(world, ReplicaSet, ([set]) => set?.status?.availableReplicas === 3);
  const [, chosen] = world.informers.of(Pod).list();
  const cost = { 'controller.kubernetes.io/pod-deletion-cost': '-5' };
  await world.client.patch(Pod, 'default', chosen?.metadata.name ?? '', { metadata: { annotations: cost } });
  await world.client.patch(ReplicaSet, 'default', 'web', { spec: { replicas: 2 } });
  const left = await until(world, Pod, (all) => all.length === 2);
  t.notOk(left.some(({ metadata }) => metadata.uid === chosen?.metadata.uid));
});

void t.test('pods that cannot be made are told of, and made once they can', async (t) => {
  let refuse = true;
  const denied = failure(403, 'Forbidden', 'pods are forbidden: quota exceeded');
  const quota: Admission = { type: Pod, validate: () => (refuse ? { denied } : {}) };
  const world = await startWorld(t, { admissions: [quota] });
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 2 }));
  const told = (status: { conditions?: { type: string; status: string; reason?: string }[] } | undefined): boolean =>
    status?.conditions?.some((one) => one.type === 'ReplicaFailure' && one.reason === 'FailedCreate') === true;
  await until(world, ReplicaSet, ([set]) => told(set?.status));
  const [deployment] = await until(world, Deployment, ([one]) => told(one?.status));
  t.match(deployment?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message, /quota exceeded/);
  refuse = false;
  await until(world, Deployment, ([one]) => one?.status?.availableReplicas === 2 && !told(one.status));
});

void t.test('minReadySeconds delays availability, without polling', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  const set = replicaSet(1);
  await world.client.create(ReplicaSet, {
    ...set,
    spec: { ...set.spec, minReadySeconds: 1, selector: { matchLabels: labels }, template },
  });
  await until(world, ReplicaSet, ([one]) => one?.status?.readyReplicas === 1);
  t.equal(world.informers.of(ReplicaSet).list()[0]?.status?.availableReplicas, undefined);
  await until(world, ReplicaSet, ([one]) => one?.status?.availableReplicas === 1);
});
