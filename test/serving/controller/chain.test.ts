import t from 'tap';
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { Image } from '../../../api/caching.ts';
import { ConfigMap, Deployment, Pod, Service as KubeService } from '../../../api/core.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { ServerlessService } from '../../../api/networking/serverless-service.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { ApiError } from '../../../kube/errors.ts';
import { configurationOf, readyAt, run, serviceOf, type Template } from './objects.ts';
import { readyPod, startCluster, type Cluster } from './cluster.ts';

async function change(cluster: Cluster, name: string, spec: Record<string, unknown>): Promise<Service> {
  return cluster.client.patch(Service, 'default', name, { spec });
}

t.test('from a Service to its pods and back', async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const { client } = cluster;

  await t.test('one Service takes a bounded number of writes, and none once it is ready', async (t) => {
    const began = performance.now();
    await client.create(Service, serviceOf('first', run('first')));
    const ready = await cluster.until(Service, 'first', readyAt('first-00001'));
    t.comment(`ready ${(performance.now() - began).toFixed(0)} ms after apply, caches and code cold`);
    await cluster.quiet();
    const events = cluster.writes.filter(({ path }) => path.endsWith('/events')).length;
    t.comment(`${cluster.writes.length - events} writes and ${events} events`);
    t.ok(cluster.writes.length - events <= 30, 'writes');
    t.ok(events <= 10, 'events');
    t.strictSame(
      ready.status,
      {
        observedGeneration: 1,
        conditions: ['ConfigurationsReady', 'Ready', 'RoutesReady'].map((type) => ({
          type,
          status: 'True',
          lastTransitionTime: conditionOf(ready.status, type)?.lastTransitionTime,
        })),
        latestCreatedRevisionName: 'first-00001',
        latestReadyRevisionName: 'first-00001',
        url: 'http://first.default.localhost:8080',
        address: { url: 'http://first.default.svc.cluster.local:8081' },
        traffic: [{ revisionName: 'first-00001', percent: 100, latestRevision: true }],
      },
      'status',
    );
    const times: number[] = [];
    for (const name of ['bb', 'cc', 'dd', 'ee', 'ff']) {
      const start = performance.now();
      await client.create(Service, serviceOf(name, run(name)));
      await cluster.until(Service, name, readyAt(`${name}-00001`));
      times.push(performance.now() - start);
    }
    t.comment(`ready ${times.map((time) => time.toFixed(0)).join(', ')} ms after apply, warm`);
    await cluster.quiet();
    const before = cluster.writes.length;
    for (const name of ['network', 'domain', 'features', 'gc', 'defaults', 'deployment', 'autoscaler', 'observability'])
      await client.patch(ConfigMap, 'knative-serving', `config-${name}`, { data: { _example: 'nothing new' } });
    await cluster.quiet();
    t.strictSame(cluster.writes.slice(before), [], 'a configuration that says the same leads to no write');
    await cluster.restartControllers();
    await cluster.quiet();
    t.strictSame(cluster.writes.slice(before), [], 'controllers that start over have nothing to write');
  });

  await t.test('a new template is a new Revision, which takes the traffic once it is ready', async (t) => {
    await client.create(Service, serviceOf('roll', run('one')));
    await cluster.until(Service, 'roll', readyAt('roll-00001'));
    cluster.podStatus = (pod) => (pod.metadata.name.startsWith('roll-00002') ? undefined : readyPod(pod));
    await change(cluster, 'roll', { template: run('two') });
    await cluster.until(Revision, 'roll-00002', (one) => conditionOf(one.status, 'Ready')?.reason === 'Deploying');
    const waiting = await cluster.until(
      Service,
      'roll',
      (one) => one.status?.latestCreatedRevisionName === 'roll-00002' && one.status.observedGeneration === 2,
    );
    t.equal(waiting.status?.latestReadyRevisionName, 'roll-00001');
    t.strictSame(waiting.status?.traffic, [{ revisionName: 'roll-00001', percent: 100, latestRevision: true }]);
    cluster.podStatus = readyPod;
    const [pod] = (await client.list(Pod, { labelSelector: 'serving.knative.dev/revision=roll-00002' })).items;
    t.ok(pod, 'the new pod waits');
    if (pod !== undefined) await client.update(Pod, { ...pod, status: readyPod(pod) }, 'status');
    const done = await cluster.until(Service, 'roll', readyAt('roll-00002'));
    t.strictSame(done.status?.traffic, [{ revisionName: 'roll-00002', percent: 100, latestRevision: true }]);
    const old = await cluster.until(
      Revision,
      'roll-00001',
      (one) => one.metadata.labels?.['serving.knative.dev/routingState'] === 'reserve',
    );
    t.equal(old.metadata.annotations?.['serving.knative.dev/routes'], undefined);
    await cluster.until(PodAutoscaler, 'roll-00001', (one) => one.spec.reachability === 'Unreachable');
    await cluster.until(PodAutoscaler, 'roll-00002', (one) => one.spec.reachability === 'Reachable');
  });

  await t.test('a split with tags gives each tag its URL, placeholder and rules', async (t) => {
    await change(cluster, 'roll', {
      traffic: [
        { revisionName: 'roll-00001', percent: 90, tag: 'old' },
        { latestRevision: true, percent: 10 },
      ],
    });
    const split = await cluster.until(Service, 'roll', (one) => isReady(one) && one.metadata.generation === 3);
    t.strictSame(split.status?.traffic, [
      {
        revisionName: 'roll-00001',
        percent: 90,
        latestRevision: false,
        tag: 'old',
        url: 'http://old-roll.default.localhost:8080',
      },
      { revisionName: 'roll-00002', percent: 10, latestRevision: true },
    ]);
    const ingress = await client.get(Ingress, 'default', 'roll');
    t.strictSame(
      ingress.spec.rules.map(({ hosts, visibility, http }) => ({
        hosts,
        visibility,
        paths: http.paths.map((path) => ({
          headers: path.headers,
          splits: path.splits.map((one) => `${one.serviceName}=${one.percent ?? 0}`),
        })),
      })),
      [
        ['ClusterLocal', ['roll.default', 'roll.default.svc', 'roll.default.svc.cluster.local']],
        ['ExternalIP', ['roll.default.localhost']],
        ['ClusterLocal', ['old-roll.default', 'old-roll.default.svc', 'old-roll.default.svc.cluster.local']],
        ['ExternalIP', ['old-roll.default.localhost']],
      ].map(([visibility, hosts], i) => ({
        hosts,
        visibility,
        paths:
          i < 2
            ? [
                { headers: { 'Knative-Serving-Tag': { exact: 'old' } }, splits: ['roll-00001=100'] },
                { headers: undefined, splits: ['roll-00001=90', 'roll-00002=10'] },
              ]
            : [{ headers: undefined, splits: ['roll-00001=100'] }],
      })),
    );
    t.ok(await client.find(KubeService, 'default', 'old-roll'), 'placeholder');
    await cluster.until(
      Revision,
      'roll-00001',
      (one) => one.metadata.labels?.['serving.knative.dev/routingState'] === 'active',
    );
    await change(cluster, 'roll', { traffic: [{ latestRevision: true, percent: 100 }] });
    await cluster.until(Service, 'roll', (one) => isReady(one) && one.metadata.generation === 4);
    t.equal(await client.find(KubeService, 'default', 'old-roll'), undefined, 'the placeholder is gone');
  });

  await t.test('an image without a digest makes it not ready, in words, until there is one', async (t) => {
    const message =
      'Unable to fetch image "nowhere": failed to resolve image to digest: image "nowhere" is not in the store; run: zeroth build DIR -t nowhere';
    cluster.resolveImage = (image) =>
      Promise.reject(new Error(`image "${image}" is not in the store; run: zeroth build DIR -t ${image}`));
    await client.create(Service, serviceOf('nowhere', run('nowhere')));
    const revision = await cluster.until(
      Revision,
      'nowhere-00001',
      (one) => conditionOf(one.status, 'Ready')?.status === 'False',
    );
    t.match(conditionOf(revision.status, 'ContainerHealthy'), { status: 'False', reason: 'ContainerMissing', message });
    const failed = await cluster.until(
      Service,
      'nowhere',
      (one) => conditionOf(one.status, 'Ready')?.status === 'False',
    );
    t.match(conditionOf(failed.status, 'ConfigurationsReady'), {
      status: 'False',
      reason: 'RevisionFailed',
      message: `Revision "nowhere-00001" failed with message: ${message}.`,
    });
    await cluster.until(
      Service,
      'nowhere',
      (one) =>
        conditionOf(one.status, 'RoutesReady')?.message?.startsWith(
          'Configuration "nowhere" does not have any ready Revision. Revision "nowhere-00001" failed with message: ',
        ) === true,
    );
    cluster.resolveImage = (image) => Promise.resolve(`${image}@sha256:${'b'.repeat(64)}`);
    await cluster.until(Service, 'nowhere', readyAt('nowhere-00001'));
    const { items } = await client.list(Image, { labelSelector: 'serving.knative.dev/revision=nowhere-00001' });
    t.strictSame(
      items.map(({ metadata, spec }) => [metadata.name, spec]),
      [['nowhere-00001-cache-user-container', { image: `nowhere@sha256:${'b'.repeat(64)}` }]],
    );
  });

  await t.test('a container that exits says how', async (t) => {
    cluster.podStatus = (pod) => {
      const status = readyPod(pod);
      const conditions = status?.conditions?.map((one) =>
        one.type === 'PodScheduled' || one.type === 'Initialized' ? one : { ...one, status: 'False' },
      );
      const containerStatuses = status?.containerStatuses?.map((one) => ({
        ...one,
        ready: false,
        restartCount: 1,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 5, message: 'no database' } },
      }));
      return { ...status, conditions, containerStatuses };
    };
    await client.create(Service, serviceOf('crash', run('crash')));
    const failed = await cluster.until(Service, 'crash', (one) => conditionOf(one.status, 'Ready')?.status === 'False');
    cluster.podStatus = readyPod;
    t.match(conditionOf(failed.status, 'Ready'), {
      reason: 'RevisionFailed',
      message: 'Revision "crash-00001" failed with message: Container failed with: no database.',
    });
    const revision = await client.get(Revision, 'default', 'crash-00001');
    t.match(conditionOf(revision.status, 'ContainerHealthy'), { status: 'False', reason: 'ExitCode5' });
  });

  await t.test('a Revision of one’s own name is kept, refused when changed, and can be gone back to', async (t) => {
    const named = (suffix: string, image: string): Template => run(image, { name: `byo-${suffix}` });
    await client.create(Service, serviceOf('byo', named('one', 'one')));
    await cluster.until(Service, 'byo', readyAt('byo-one'));
    await t.rejects(change(cluster, 'byo', { template: named('one', 'two') }), {
      name: 'ApiError',
      code: 400,
      message:
        'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: Saw the following changes without a name change (-old +new): spec.template.metadata.name\n{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0]',
    });
    await change(cluster, 'byo', { template: named('two', 'two') });
    await cluster.until(Service, 'byo', readyAt('byo-two'));
    await change(cluster, 'byo', { template: named('one', 'one') });
    const back = await cluster.until(Service, 'byo', readyAt('byo-one'));
    t.strictSame(back.status?.traffic, [{ revisionName: 'byo-one', percent: 100, latestRevision: true }]);
    const taken = serviceOf('taken', run('xx', { name: 'taken-x' }));
    const foreign = {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Revision',
      metadata: { name: 'taken-x', namespace: 'default' },
      spec: { containers: [{ image: 'yy' }] },
    };
    await client.create(Revision, foreign as unknown as Revision);
    await client.create(Service, taken);
    const refused = await cluster.until(
      Service,
      'taken',
      (one) => conditionOf(one.status, 'RoutesReady')?.reason === 'RevisionNameTaken',
    );
    t.match(conditionOf(refused.status, 'ConfigurationsReady'), {
      status: 'False',
      reason: 'RevisionFailed',
      message: 'Revision creation failed with message: revisions.serving.knative.dev "taken-x" already exists.',
    });
    t.equal(await client.find(Route, 'default', 'taken'), undefined, 'no Route before the name is settled');
  });

  await t.test('a Configuration of somebody else’s is left alone', async (t) => {
    await client.create(Configuration, configurationOf('mine', run('xx')));
    await client.create(Service, serviceOf('mine', run('yy')));
    const blocked = await cluster.until(
      Service,
      'mine',
      (one) => conditionOf(one.status, 'ConfigurationsReady')?.reason === 'NotOwned',
    );
    t.equal(
      conditionOf(blocked.status, 'Ready')?.message,
      'There is an existing Configuration "mine" that we do not own.',
    );
    await client.delete(Configuration, 'default', 'mine');
    await cluster.until(Service, 'mine', (one) => isReady(one));
  });

  await t.test('labels and annotations follow the Service, also when taken away', async (t) => {
    await client.create(
      Service,
      serviceOf('meta', run('mm'), { labels: { team: 'a' }, annotations: { 'x.y/z': '1' } }),
    );
    await cluster.until(Service, 'meta', readyAt('meta-00001'));
    await client.patch(Service, 'default', 'meta', {
      metadata: { labels: { team: null }, annotations: { 'x.y/z': '2' } },
    });
    const configuration = await cluster.until(
      Configuration,
      'meta',
      (one) => one.metadata.annotations?.['x.y/z'] === '2' && one.metadata.labels?.['team'] === undefined,
    );
    t.equal(configuration.metadata.generation, 1, 'no new Revision');
    await cluster.until(Route, 'meta', (one) => one.metadata.annotations?.['x.y/z'] === '2');
  });

  await t.test('what is deleted takes everything with it', async (t) => {
    for (const { metadata } of (await client.list(Service, { namespace: 'default' })).items)
      await client.delete(Service, 'default', metadata.name);
    await client.delete(Revision, 'default', 'taken-x');
    const left = async () => {
      const kinds = [Configuration, Route, Revision, PodAutoscaler, ServerlessService, Ingress, Image, Deployment, Pod];
      const lists = await Promise.all(
        kinds.map((kind) => client.list<Revision>(kind as never, { namespace: 'default' })),
      );
      return lists.flatMap(({ items }) => items.map((one) => `${one.kind}/${one.metadata.name}`));
    };
    const deadline = Date.now() + 30_000;
    while ((await left()).length > 0 && Date.now() < deadline) await cluster.quiet(50);
    t.strictSame(await left(), []);
  });
});

t.test('an invalid Service is refused at apply', async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const bad = serviceOf('bad', { spec: { containers: [{ image: 'xx', ports: [{ containerPort: 8012 }] }] } });
  const error: unknown = await cluster.client.create(Service, bad).catch((reason: unknown) => reason);
  t.ok(error instanceof ApiError);
  t.match((error as ApiError).status, {
    kind: 'Status',
    code: 400,
    reason: 'BadRequest',
    message:
      'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: invalid value: 8012 is a reserved port: spec.template.spec.containers[0].ports.containerPort\n8012 is a reserved port, please use a different value',
  });
});
