import t from 'tap';
import { ConfigMap, Deployment, Namespace, Pod, ServiceAccount } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { makeDeployment, runPods, startWorld, until } from './world.ts';

const namespace = (name: string): Namespace => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

void t.test('a namespace has its service account and the CA, and gets them back', async (t) => {
  const world = await startWorld(t, { caCert: 'PEM' });
  await world.client.create(Namespace, namespace('team'));
  const account = () => world.informers.of(ServiceAccount).get('team', 'default');
  const map = () => world.informers.of(ConfigMap).get('team', 'kube-root-ca.crt');
  await until(world, ConfigMap, () => map()?.data?.['ca.crt'] === 'PEM');
  const uid = account()?.metadata.uid;
  t.ok(uid);
  await world.client.delete(ServiceAccount, 'team', 'default');
  await until(world, ServiceAccount, () => account() !== undefined && account()?.metadata.uid !== uid);
  await world.client.patch(ConfigMap, 'team', 'kube-root-ca.crt', { data: { 'ca.crt': 'other' } });
  await until(world, ConfigMap, () => map()?.data?.['ca.crt'] === 'PEM');
  t.same(world.log, []);
});

void t.test('a deleted namespace takes all that is in it along', async (t) => {
  const world = await startWorld(t, { caCert: 'PEM' });
  runPods(world, t);
  await world.client.create(Namespace, namespace('team'));
  const deployment = makeDeployment('web', { replicas: 3 });
  await world.client.create(Deployment, { ...deployment, metadata: { ...deployment.metadata, namespace: 'team' } });
  await until(world, Pod, (all) => all.length === 3 && all.every(({ status }) => status?.podIP !== undefined));
  await world.client.delete(Namespace, undefined, 'team');
  await until(world, Namespace, (all) => !all.some(({ metadata }) => metadata.name === 'team'));
  for (const type of [Pod, Deployment, ConfigMap, ServiceAccount])
    t.same((await world.client.list<KubeObject>(type, { namespace: 'team' })).items, [], type.kind);
  t.same(world.log, []);
});

void t.test('a finalizer in it keeps it, and the conditions say so', async (t) => {
  const world = await startWorld(t);
  await world.client.create(Namespace, namespace('team'));
  await world.client.create(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] },
  });
  await world.client.delete(Namespace, undefined, 'team');
  const condition = (type: string) =>
    world.informers
      .of(Namespace)
      .get(undefined, 'team')
      ?.status?.conditions?.find((one) => one.type === type);
  await until(world, Namespace, () => condition('NamespaceFinalizersRemaining')?.status === 'True');
  t.match(condition('NamespaceContentRemaining'), {
    reason: 'SomeResourcesRemain',
    message: 'Some resources are remaining: configmaps. has 1 resource instances',
  });
  t.match(condition('NamespaceFinalizersRemaining')?.message, /example\.com\/hold in 1 resource instances/);
  await world.client.patch(ConfigMap, 'team', 'held', { metadata: { finalizers: null } });
  await until(world, Namespace, (all) => !all.some(({ metadata }) => metadata.name === 'team'));
});
