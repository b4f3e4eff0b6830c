import t from 'tap';
import { Metric } from '../../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap } from '../../../api/core.ts';
import {
  condition,
  connectActivator,
  createRevision,
  getPodAutoscaler,
  getService,
  NAME,
  pass,
  replicas,
  runPods,
  serveRevision,
  startWorld,
  until,
  type World,
} from './world.ts';

/** One pod, and the effect that a changed key has on it, with 100 requests at a time for as long as it takes. */
const steps: [data: Record<string, string>, effect: string, seen: (world: World) => boolean][] = [
  [{ 'container-concurrency-target-default': '20' }, '8 pods at 14 each', (world) => replicas(world) === 8],
  [{ 'max-scale': '4' }, 'at most 4', (world) => replicas(world) === 4],
  [
    { 'max-scale': '0', 'container-concurrency-target-percentage': '50' },
    '10 pods at 10 each',
    (world) => replicas(world) === 10,
  ],
  [{ 'min-scale': '12' }, 'at least 12', (world) => replicas(world) === 12],
  [
    { 'target-burst-capacity': '0' },
    'out of the activators’ path',
    (world) => getService(world)?.spec.mode === 'Serve' && getService(world)?.spec.numActivators === 2,
  ],
  [
    { 'target-burst-capacity': '90', 'activator-capacity': '10' },
    'as many activators as its pod’s 20 and a burst of 90 need',
    (world) => getService(world)?.spec.mode === 'Proxy' && getService(world)?.spec.numActivators === 11,
  ],
  [
    { 'stable-window': '30s', 'panic-window-percentage': '50' },
    'other windows',
    (world) => {
      const spec = world.informers.of(Metric).get('default', NAME)?.spec;
      return spec?.stableWindow === 30e9 && spec.panicWindow === 15e9;
    },
  ],
];

void t.test('every change of config-autoscaler acts on what runs, without a restart', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await createRevision(world);
  await serveRevision(world);
  await runPods(world, 1);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
  const load = () =>
    activator.send({
      type: 'report',
      activator: 'a-1',
      at: world.clock.now(),
      revisions: [{ namespace: 'default', name: NAME, concurrency: 100, rps: 100 }],
    });
  await pass(world, 10, load);
  for (const [data, effect, seen] of steps) {
    await world.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', { data });
    for (let second = 0; second < 90 && !seen(world); second++) await pass(world, 1, load);
    await until(world, effect, () => seen(world));
    t.pass(effect);
  }
  t.equal(getPodAutoscaler(world)?.status?.actualScale, 1);
  activator.close();
});

void t.test(
  'without scale to zero an idle revision keeps a pod, and loses it when that is allowed again',
  async (t) => {
    const world = await startWorld(t, { 'enable-scale-to-zero': 'false', 'stable-window': '6s' });
    const activator = await connectActivator(world);
    await createRevision(world);
    await serveRevision(world);
    await runPods(world, 1);
    await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
    await pass(world, 120);
    t.equal(replicas(world), 1);
    await world.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', {
      data: { 'enable-scale-to-zero': 'true' },
    });
    for (let second = 0; second < 90 && replicas(world) !== 0; second++) await pass(world, 1);
    await until(world, 'scale of zero', () => replicas(world) === 0);
    activator.close();
  },
);
