import t from 'tap';
import { HorizontalPodAutoscaler } from '../../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { Metric } from '../../../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap } from '../../../../api/core.ts';
import {
  condition,
  createRevision,
  getPodAutoscaler,
  getService,
  NAME,
  serveRevision,
  startWorld,
  until,
} from '../world.ts';

const CLASS = { 'autoscaling.knative.dev/class': 'hpa.autoscaling.knative.dev' };

/** What a HorizontalPodAutoscaler's controller writes. */
async function act(world: Awaited<ReturnType<typeof startWorld>>, currentReplicas: number, desiredReplicas: number) {
  const status = {
    currentReplicas,
    desiredReplicas,
    conditions: [{ type: 'AbleToScale', status: 'True' as const, reason: 'SucceededGetScale' }],
  };
  await world.client.patch(HorizontalPodAutoscaler, 'default', NAME, { status }, { subresource: 'status' });
}

const getHpa = (world: Awaited<ReturnType<typeof startWorld>>) =>
  world.informers.of(HorizontalPodAutoscaler).get('default', NAME);

void t.test('a revision of the HPA class is scaled by a HorizontalPodAutoscaler and mirrors it', async (t) => {
  const world = await startWorld(t);
  await createRevision(world, {
    ...CLASS,
    'autoscaling.knative.dev/target': '60',
    'autoscaling.knative.dev/window': '20s',
  });
  await serveRevision(world);
  t.match(getHpa(world)?.spec, {
    maxReplicas: 2_147_483_647,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 60 } } }],
    behavior: { scaleDown: { stabilizationWindowSeconds: 20 } },
  });
  t.match(getService(world)?.spec, { mode: 'Serve', numActivators: 0 });
  t.notOk(world.informers.of(Metric).get('default', NAME), 'nothing is counted for it');
  await act(world, 1, 3);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
  t.match(getPodAutoscaler(world)?.status, { serviceName: NAME, desiredScale: 3, actualScale: 1 });
  t.notOk(
    world.writes.some(({ line }) => line.includes('/scale')),
    'scaled by nobody else',
  );
});

void t.test('a changed bound of the cluster reaches it', async (t) => {
  const world = await startWorld(t);
  await createRevision(world, CLASS);
  await serveRevision(world);
  await world.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', { data: { 'max-scale': '4' } });
  await until(world, 'maximum', () => getHpa(world)?.spec.maxReplicas === 4);
});

void t.test('passes over what has not changed write nothing', async (t) => {
  const world = await startWorld(t);
  await createRevision(world, {
    ...CLASS,
    'autoscaling.knative.dev/target': '1024',
    'autoscaling.knative.dev/metric': 'memory',
  });
  await serveRevision(world);
  await act(world, 1, 1);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
  await until(world, 'settled status', () => getPodAutoscaler(world)?.status?.actualScale === 1);
  world.writes.length = 0;
  await world.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', { data: { 'stable-window': '61s' } });
  await world.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', { data: { 'max-scale': '9' } });
  await until(world, 'maximum', () => getHpa(world)?.spec.maxReplicas === 9);
  t.strictSame(
    world.writes.map(({ line }) => line.split('/').at(-2)),
    ['horizontalpodautoscalers'],
    'one write for one change',
  );
});

void t.test(
  'where nobody acts on HorizontalPodAutoscalers, the revision says so instead of waiting silently',
  async (t) => {
    const world = await startWorld(t);
    await createRevision(world, CLASS);
    await serveRevision(world);
    await until(world, 'first status', () => condition(world, 'Ready') === 'Unknown');
    await until(world, 'reason', () => condition(world, 'Ready') === 'Unknown HorizontalPodAutoscalerNotServed', 100);
  },
);

void t.test('somebody else’s HorizontalPodAutoscaler of that name is left alone and named', async (t) => {
  const world = await startWorld(t);
  const theirs: HorizontalPodAutoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: NAME, namespace: 'default' },
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'theirs' } },
  };
  await world.client.create(HorizontalPodAutoscaler, theirs);
  await createRevision(world, CLASS);
  await until(world, 'NotOwned', () => condition(world, 'Active') === 'False NotOwned');
  t.equal(getHpa(world)?.spec.scaleTargetRef.name, 'theirs');
});
