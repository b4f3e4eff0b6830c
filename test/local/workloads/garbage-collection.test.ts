import t from 'tap';
import { ConfigMap, CustomResourceDefinition, Deployment, Pod, ReplicaSet, Secret } from '../../../api/core.ts';
import type { KubeObject, OwnerReference } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import { makeDeployment, runPods, startWorld, until, type World } from './world.ts';

interface Widget extends KubeObject {
  spec?: object;
}
const Widget = resourceType<Widget>('example.com/v1', 'Widget', 'widgets');

const map = (name: string, owners: OwnerReference[] = [], namespace = 'default'): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, ownerReferences: owners },
});
const owner = (object: KubeObject, block = true): OwnerReference => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  uid: object.metadata.uid ?? '',
  blockOwnerDeletion: block,
});
const names = (world: World) =>
  world.informers
    .of(ConfigMap)
    .list('default')
    .map(({ metadata }) => metadata.name)
    .sort();

void t.test('background: what a deleted object owned goes, to the last generation', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 2 }));
  await until(world, Pod, (all) => all.length === 2);
  await world.client.delete(Deployment, 'default', 'web');
  await until(world, ReplicaSet, (all) => all.length === 0);
  await until(world, Pod, (all) => all.length === 0);
  t.same(world.log, []);
});

void t.test('foreground: the owner stays until what blocks it is gone', async (t) => {
  const world = await startWorld(t);
  const pods = runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 2 }));
  await until(world, Pod, (all) => all.length === 2 && all.every(({ status }) => status?.podIP !== undefined));
  const order: string[] = [];
  for (const type of [Deployment, ReplicaSet, Pod])
    world.informers.of<KubeObject>(type).onChange((_previous, current) => {
      if (current === undefined) order.push(type.kind);
    });
  await world.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Foreground' });
  await until(world, Deployment, (all) => all.length === 0);
  t.same(order, ['Pod', 'Pod', 'ReplicaSet', 'Deployment']);
  pods.release();
});

void t.test('orphan: what it owned stays, and is taken in by a successor', async (t) => {
  const world = await startWorld(t);
  runPods(world, t);
  await world.client.create(Deployment, makeDeployment('web', { replicas: 2 }));
  const before = await until(world, Pod, (all) => all.length === 2);
  await world.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Orphan' });
  await until(world, Deployment, (all) => all.length === 0);
  const [set] = await until(
    world,
    ReplicaSet,
    ([one]) => one?.metadata.ownerReferences === undefined || one.metadata.ownerReferences.length === 0,
  );
  const created = await world.client.create(Deployment, makeDeployment('web', { replicas: 2 }));
  await until(
    world,
    ReplicaSet,
    (all) => all.length === 1 && all[0]?.metadata.ownerReferences?.[0]?.uid === created.metadata.uid,
  );
  t.equal(world.informers.of(ReplicaSet).list()[0]?.metadata.uid, set?.metadata.uid);
  t.same(
    world.informers
      .of(Pod)
      .list()
      .map(({ metadata }) => metadata.uid)
      .sort(),
    before.map(({ metadata }) => metadata.uid).sort(),
  );
});

void t.test('an owner that never was, or is another of that name, is none', async (t) => {
  const world = await startWorld(t);
  const { client } = world;
  const root = await client.create(ConfigMap, map('root'));
  await client.create(ConfigMap, map('kept', [owner(root)]));
  await client.create(ConfigMap, map('never', [{ ...owner(root), name: 'nobody', uid: 'no-such-uid' }]));
  await client.create(ConfigMap, map('other', [{ ...owner(root), uid: 'another-uid' }]));
  await client.create(
    ConfigMap,
    map('unknown', [{ apiVersion: 'nowhere.io/v1', kind: 'Nothing', name: 'x', uid: 'u' }]),
  );
  await client.create(Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'far', namespace: 'kube-system', ownerReferences: [owner(root)] },
  });
  await until(world, ConfigMap, () => names(world).join() === 'kept,root,unknown');
  await until(world, Secret, (all) => !all.some(({ metadata }) => metadata.name === 'far'));
  t.same(world.log, []);
});

void t.test('one of two owners gone: the object stays, and its reference goes', async (t) => {
  const world = await startWorld(t);
  const [one, two] = await Promise.all([
    world.client.create(ConfigMap, map('one')),
    world.client.create(ConfigMap, map('two')),
  ]);
  await world.client.create(ConfigMap, map('shared', [owner(one), owner(two)]));
  await world.client.delete(ConfigMap, 'default', 'one');
  const shared = () => world.informers.of(ConfigMap).get('default', 'shared');
  await until(world, ConfigMap, () => shared()?.metadata.ownerReferences?.length === 1);
  t.equal(shared()?.metadata.ownerReferences?.[0]?.name, 'two');
  await world.client.delete(ConfigMap, 'default', 'two');
  await until(world, ConfigMap, () => shared() === undefined);
});

void t.test('kinds of a CRD that comes later are followed, until it goes', async (t) => {
  const world = await startWorld(t);
  const root = await world.client.create(
    ConfigMap,
    map('early', [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'gone' }]),
  );
  t.ok(root);
  const crd: CustomResourceDefinition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  };
  await world.client.create(CustomResourceDefinition, crd);
  await until(
    world,
    CustomResourceDefinition,
    ([one]) =>
      one?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true,
  );
  await until(world, ConfigMap, () => !names(world).includes('early'));
  const widget = await world.client.create(Widget, {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w', namespace: 'default' },
  });
  await world.client.create(ConfigMap, map('child', [owner(widget)]));
  const second = await world.client.create(Widget, {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'x', namespace: 'default' },
  });
  await world.client.create(ConfigMap, map('grandchild', [owner(second)]));
  await world.client.delete(Widget, 'default', 'w');
  await until(
    world,
    ConfigMap,
    () => names(world).join() === 'grandchild' || names(world).join() === 'grandchild,kube-root-ca.crt',
  );
  await world.client.delete(CustomResourceDefinition, undefined, 'widgets.example.com');
  await until(world, CustomResourceDefinition, (all) => all.length === 0);
  await until(world, ConfigMap, () => !names(world).includes('child'));
});
