import t from 'tap';
import { Metric, PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap } from '../../../api/core.ts';
import { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { Wake } from '../../../api/load-report.ts';
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

const SCALE = `PATCH /apis/apps/v1/namespaces/default/deployments/${NAME}-deployment/scale`;
const wake = (world: World): Wake => ({
  type: 'wake',
  activator: 'a-1',
  at: world.clock.now(),
  namespace: 'default',
  name: NAME,
});
const load = (world: World, concurrency: number) =>
  ({
    type: 'report',
    activator: 'a-1',
    at: world.clock.now(),
    revisions: [{ namespace: 'default', name: NAME, concurrency, rps: concurrency }],
  }) as const;

const isEvent = (body: unknown): body is { message: string } =>
  typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Event' && 'message' in body;

/** A ready revision with one pod that the autoscaler has an activator for. */
async function ready(world: World, annotations: Record<string, string> = {}): Promise<void> {
  await createRevision(world, annotations);
  await serveRevision(world);
  await runPods(world, 1);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
}

/** Idle for as long as it takes. */
async function sleep(world: World): Promise<void> {
  await until(world, 'inactive PodAutoscaler', () => {
    world.clock.advance(1000);
    return condition(world, 'Active') === 'False NoTraffic';
  });
  await until(world, 'scale of zero', () => {
    world.clock.advance(1000);
    return replicas(world) === 0;
  });
  await runPods(world, 0);
  await until(world, 'actual scale of zero', () => getPodAutoscaler(world)?.status?.actualScale === 0);
}

void t.test('a new revision becomes ready with its first pod, and kubectl shows its scale', async (t) => {
  const world = await startWorld(t);
  await createRevision(world);
  await serveRevision(world);
  t.match(getService(world), {
    metadata: { ownerReferences: [{ kind: 'PodAutoscaler', controller: true }] },
    spec: { mode: 'Proxy', numActivators: 3, objectRef: { kind: 'Deployment', name: `${NAME}-deployment` } },
  });
  await until(world, 'Queued', () => condition(world, 'Active') === 'Unknown Queued');
  await runPods(world, 1);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
  t.equal(getService(world)?.spec.numActivators, 4, 'a pod’s 100 requests and a burst of 211, 100 an activator');
  t.match(getPodAutoscaler(world)?.status, {
    observedGeneration: 1,
    serviceName: NAME,
    metricsServiceName: `${NAME}-private`,
    actualScale: 1,
  });
  t.match(world.informers.of(Metric).get('default', NAME), {
    spec: { stableWindow: 60e9, panicWindow: 6e9, scrapeTarget: '' },
  });
  t.strictSame(world.log, []);
});

void t.test('the first request of a revision at zero scales it with no timer in between', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await ready(world);
  await sleep(world);
  t.match(getPodAutoscaler(world)?.status, { desiredScale: 0 });
  world.writes.length = 0;
  // The clock stands still: nothing that waits for a timer can happen.
  activator.send(wake(world));
  await until(world, 'scale of one', () => replicas(world) === 1, 0);
  t.strictSame(world.writes[0], { line: SCALE, body: { spec: { replicas: 1 } } }, 'before any other write');
  await until(world, 'Queued', () => condition(world, 'Active') === 'Unknown Queued');
  await runPods(world, 1);
  await until(world, 'active PodAutoscaler', () => condition(world, 'Active') === 'True');
  t.equal(getPodAutoscaler(world)?.status?.desiredScale, 1);
  t.equal(world.writes.filter(({ line }) => line === SCALE).length, 1, 'written once');
  activator.close();
});

void t.test('an idle revision keeps its pod for the stable window, becomes inactive, and then loses it', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await ready(world);
  const start = world.clock.now();
  await pass(world, 58);
  t.equal(condition(world, 'Active'), 'True');
  await until(world, 'inactive PodAutoscaler', () => {
    world.clock.advance(500);
    return condition(world, 'Active') === 'False NoTraffic';
  });
  t.ok(world.clock.now() - start >= 59_000, 'not before the stable window');
  // In the path for longer than the grace period: nothing more to wait for.
  await until(world, 'scale of zero', () => replicas(world) === 0);
  t.equal(condition(world, 'ScaleTargetInitialized'), 'True', 'and stays initialised');
  activator.close();
});

void t.test(
  'the last pod stays for the grace period once the activator took over, and for its retention',
  async (t) => {
    const world = await startWorld(t, { 'scale-to-zero-grace-period': '20s' });
    const activator = await connectActivator(world);
    await ready(world, {
      'autoscaling.knative.dev/window': '6s',
      'autoscaling.knative.dev/scale-to-zero-pod-retention-period': '40s',
    });
    await until(world, 'inactive PodAutoscaler', () => {
      world.clock.advance(500);
      return condition(world, 'Active') === 'False NoTraffic';
    });
    // The clock ran on while the pass that marked it was under way.
    const active = getPodAutoscaler(world)?.status?.conditions?.find((one) => one.type === 'Active');
    const since = (world.clock.now() - Date.parse(active?.lastTransitionTime ?? '')) / 1000;
    await pass(world, Math.floor(38 - since));
    t.equal(replicas(world), 1);
    await pass(world, 4);
    await until(world, 'scale of zero', () => replicas(world) === 0);
    activator.close();
  },
);

void t.test('load brings pods, within the bounds of the revision', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await ready(world, { 'autoscaling.knative.dev/target': '10', 'autoscaling.knative.dev/max-scale': '4' });
  await pass(world, 8, () => activator.send(load(world, 200)));
  await until(world, 'scale of four', () => replicas(world) === 4);
  await runPods(world, 4);
  await until(world, 'four pods', () => getPodAutoscaler(world)?.status?.actualScale === 4);
  t.equal(getPodAutoscaler(world)?.status?.desiredScale, 4);
  const text = await world.registry.metrics();
  t.match(text, /kn_revision_pods_count\{k8s_namespace_name="default",kn_service_name="hello",.*\} 4/);
  t.match(text, /kn_revision_panic_mode\{.*\} 1/);
  activator.close();
});

void t.test('a minimum is reached before the revision is ready, and a first scale as well', async (t) => {
  const world = await startWorld(t);
  await createRevision(world, { 'autoscaling.knative.dev/min-scale': '2' });
  await serveRevision(world);
  await until(world, 'scale of two', () => replicas(world) === 2);
  await runPods(world, 1);
  await until(world, 'one pod', () => getPodAutoscaler(world)?.status?.actualScale === 1);
  t.equal(condition(world, 'Ready'), 'Unknown Queued');
  await runPods(world, 2);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
});

void t.test('an autoscaler that is restarted takes nothing away before it has seen a stable window', async (t) => {
  const world = await startWorld(t);
  const before = await connectActivator(world);
  await ready(world, { 'autoscaling.knative.dev/target': '10' });
  await pass(world, 8, () => before.send(load(world, 28)));
  await until(world, 'scale of four', () => replicas(world) === 4);
  await runPods(world, 4);
  await until(world, 'four pods', () => getPodAutoscaler(world)?.status?.actualScale === 4);
  await world.restart(600_000);
  t.equal(getPodAutoscaler(world)?.status?.desiredScale, 4);
  await pass(world, 90);
  t.equal(replicas(world), 4, 'no activator: no opinion');
  const after = await connectActivator(world);
  await pass(world, 58);
  t.equal(replicas(world), 4);
  await until(world, 'fewer pods', () => {
    world.clock.advance(1000);
    return (replicas(world) ?? 4) < 4;
  });
  t.equal(replicas(world), 2, 'by half at most');
  before.close();
  after.close();
});

void t.test(
  'a restart that took the pods along brings them all back, and keeps them for a stable window',
  async (t) => {
    const world = await startWorld(t);
    const before = await connectActivator(world);
    await ready(world, { 'autoscaling.knative.dev/target': '10' });
    await pass(world, 8, () => before.send(load(world, 28)));
    await until(world, 'scale of four', () => replicas(world) === 4);
    await runPods(world, 4);
    await until(world, 'four pods', () => getPodAutoscaler(world)?.status?.actualScale === 4);
    await world.autoscaler.stop();
    await runPods(world, 0);
    await world.restart(60_000);
    const after = await connectActivator(world);
    await pass(world, 3);
    await runPods(world, 1);
    await pass(world, 10);
    await runPods(world, 4);
    await pass(world, 40);
    t.equal(replicas(world), 4);
    t.equal(condition(world, 'Active'), 'True');
    await until(world, 'fewer pods', () => {
      world.clock.advance(1000);
      return (replicas(world) ?? 4) < 4;
    });
    before.close();
    after.close();
  },
);

void t.test('what does not start is given up after its deadline', async (t) => {
  const world = await startWorld(t);
  await createRevision(world, { 'serving.knative.dev/progress-deadline': '10s' });
  await serveRevision(world);
  await until(world, 'Queued', () => condition(world, 'Active') === 'Unknown Queued');
  await pass(world, 39);
  t.equal(replicas(world), 1);
  await pass(world, 4);
  await until(world, 'scale of zero', () => replicas(world) === 0);
  await until(world, 'TimedOut', () => condition(world, 'Active') === 'False TimedOut');
});

void t.test('a changed ConfigMap applies to what runs, and a broken one is said and changes nothing', async (t) => {
  const world = await startWorld(t);
  await ready(world);
  const set = (data: Record<string, string>) =>
    world.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', { data });
  await set({ 'min-scale': '3' });
  await until(world, 'scale of three', () => replicas(world) === 3);
  await set({ 'min-scale': 'many' });
  await until(world, 'line in the log', () => world.log.some((line) => line.includes('min-scale is not a number')));
  t.equal(replicas(world), 3);
});

void t.test('somebody else’s ServerlessService of that name is left alone and named', async (t) => {
  const world = await startWorld(t);
  await world.client.create(ServerlessService, {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'ServerlessService',
    metadata: { name: NAME, namespace: 'default' },
    spec: { mode: 'Serve', objectRef: { apiVersion: 'v1', kind: 'X', name: 'x' }, protocolType: 'h2c' },
  });
  await createRevision(world);
  await until(world, 'NotOwned', () => condition(world, 'Active') === 'False NotOwned');
  t.equal(getService(world)?.spec.mode, 'Serve');
  const message = getPodAutoscaler(world)?.status?.conditions?.find(({ type }) => type === 'Active')?.message;
  t.equal(message, `There is an existing ServerlessService "${NAME}" that we do not own.`);
  const said = `error reconciling SKS: PA: ${NAME} does not own SKS: ${NAME}`;
  await until(world, 'event', () => world.writes.some(({ body }) => isEvent(body) && body.message === said));
});

void t.test('a deleted revision leaves no metric and no decider behind', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await ready(world);
  activator.send(load(world, 3));
  await until(world, 'measured load', () => getPodAutoscaler(world)?.status?.desiredScale === 1);
  t.match(await world.registry.metrics(), /kn_revision_pods_desired\{/);
  await world.client.delete(PodAutoscaler, 'default', NAME);
  await until(world, 'deletion', () => getPodAutoscaler(world) === undefined);
  activator.send(load(world, 3));
  await pass(world, 4);
  t.notMatch(await world.registry.metrics(), /kn_revision_\w+\{/);
  activator.close();
});

void t.test('with no burst to cover the ServerlessService says Serve while there are pods', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await ready(world, { 'autoscaling.knative.dev/target-burst-capacity': '0' });
  await until(world, 'Serve', () => getService(world)?.spec.mode === 'Serve');
  t.equal(getService(world)?.spec.numActivators, 2);
  await sleep(world);
  t.equal(getService(world)?.spec.mode, 'Proxy');
  activator.close();
});

void t.test('a revision that no route leads to is not kept by its minimum', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await createRevision(world, { 'autoscaling.knative.dev/min-scale': '2' });
  await serveRevision(world);
  await until(world, 'scale of two', () => replicas(world) === 2);
  await runPods(world, 2);
  await until(world, 'ready PodAutoscaler', () => condition(world, 'Ready') === 'True');
  await world.client.patch(PodAutoscaler, 'default', NAME, { spec: { reachability: 'Unreachable' } });
  await until(world, 'scale of zero', () => {
    world.clock.advance(1000);
    return replicas(world) === 0;
  });
  activator.close();
});

void t.test('a target that is no Deployment is not touched, and the reason is an event', async (t) => {
  const world = await startWorld(t);
  const activator = await connectActivator(world);
  await createRevision(world, { 'autoscaling.knative.dev/min-scale': '1' });
  await world.client.patch(PodAutoscaler, 'default', NAME, {
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'x' } },
  });
  await serveRevision(world);
  activator.send(wake(world));
  await until(world, 'warning', () => world.log.some((line) => line.includes('a StatefulSet is not scaled here')));
  t.notOk(world.writes.some(({ line }) => line.includes('/scale')));
  activator.close();
});

void t.test('another class of autoscaler is not touched', async (t) => {
  const world = await startWorld(t);
  await createRevision(world, { 'autoscaling.knative.dev/class': 'mine.example.com' });
  await until(world, 'PodAutoscaler', () => getPodAutoscaler(world) !== undefined);
  await pass(world, 3);
  t.equal(getPodAutoscaler(world)?.status, undefined);
  t.equal(getService(world), undefined);
});
