import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { ConfigMap, Namespace } from '../../../api/core.ts';
import { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import { isReady } from '../../../kube/conditions.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { MortalTransport, type Fate } from './faults.ts';
import { normalForm } from './normal-form.ts';
import { mappingOf, readyAt, run, serviceOf } from './objects.ts';

const IMMORTAL: Fate = { writes: undefined, arrives: false, delay: () => 0 };

/** Every reconciler has something to make, to change and to take away. */
async function useIt(cluster: Cluster, namespace: string): Promise<void> {
  const { client, until } = cluster;
  const change = (spec: Record<string, unknown>) => client.patch(Service, namespace, 'shop', { spec });
  // The Revision, what its garbage collection takes along, and the name of a tag that is gone.
  const collected = async () =>
    (await normalForm(client, namespace)).every((text) => !/shop-00002|new-shop/.test(text));
  await client.create(Service, serviceOf('shop', run('one'), { namespace, labels: { team: 'a' } }));
  await client.create(DomainMapping, mappingOf(`${namespace}.example.com`, 'shop', namespace));
  await client.create(DomainMapping, mappingOf(`gone.${namespace}.example.com`, 'shop', namespace));
  await until(Service, 'shop', readyAt('shop-00001'), namespace);
  await until(DomainMapping, `${namespace}.example.com`, (one) => isReady(one), namespace);
  await until(DomainMapping, `gone.${namespace}.example.com`, (one) => isReady(one), namespace);
  const traffic = [
    { revisionName: 'shop-00001', percent: 60, tag: 'old' },
    { latestRevision: true, percent: 40 },
  ];
  await change({ template: run('two'), traffic });
  await until(Service, 'shop', readyAt('shop-00002'), namespace);
  await change({ template: run('three'), traffic: [traffic[0], { ...traffic[1], tag: 'new' }] });
  await client.delete(DomainMapping, namespace, `gone.${namespace}.example.com`);
  await until(Service, 'shop', (one) => readyAt('shop-00003')(one) && one.status?.traffic?.length === 2, namespace);
  await client.patch(Service, namespace, 'shop', { metadata: { labels: { team: 'b' } }, spec: { traffic } });
  await until(Route, 'shop', (one) => isReady(one) && one.metadata.labels?.['team'] === 'b', namespace);
  await until(
    Revision,
    'shop-00001',
    ({ metadata }) => metadata.labels?.['serving.knative.dev/routingState'] === 'active',
    namespace,
  );
  const deadline = Date.now() + 30_000;
  while (!(await collected()) && Date.now() < deadline) await cluster.quiet(20);
  assert.ok(await collected(), 'what has no traffic is gone');
}

t.test('controllers that die between any two writes, and are told late, come to the same end', async (t) => {
  let fates: () => Fate = () => IMMORTAL;
  let deaths = 0;
  let restarts = Promise.resolve();
  const cluster: Cluster = await startCluster({
    wrap: (transport) =>
      new MortalTransport(transport, fates(), () => {
        deaths++;
        restarts = restarts.then(() => cluster.restartControllers());
      }),
  });
  t.teardown(async () => {
    await restarts;
    await cluster.stop();
  });
  const { client } = cluster;
  const configure = (name: string, data: Record<string, string>) =>
    client.patch(ConfigMap, 'knative-serving', name, { data });
  await configure('config-network', { 'autocreate-cluster-domain-claims': 'true' });
  await configure('config-gc', {
    'min-non-active-revisions': '0',
    'max-non-active-revisions': '0',
    'retain-since-create-time': 'disabled',
    'retain-since-last-active-time': 'disabled',
  });

  let runs = 0;
  const outcome = async (): Promise<string[]> => {
    const namespace = `run${String(runs++).padStart(3, '0')}`;
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await useIt(cluster, namespace);
    await restarts;
    fates = () => IMMORTAL;
    restarts = restarts.then(() => cluster.restartControllers());
    await restarts;
    await cluster.quiet();
    const before = cluster.writes.length;
    restarts = restarts.then(() => cluster.restartControllers());
    await restarts;
    await cluster.quiet();
    t.strictSame(cluster.writes.slice(before), [], 'controllers that start over have nothing to write');
    return normalForm(client, namespace);
  };
  const undisturbed = await outcome();
  t.equal(deaths, 0);
  t.comment(`${undisturbed.length} objects`);

  for (const arrives of [false, true]) {
    const before = deaths;
    fates = () => ({ writes: 1, arrives, delay: () => 0 });
    restarts = restarts.then(() => cluster.restartControllers());
    t.strictSame(await outcome(), undisturbed, `a death after each write, the next ${arrives ? 'done' : 'not done'}`);
    t.ok(deaths - before > 20, `${deaths - before} deaths`);
  }

  const lives = fc.record({
    lives: fc.array(fc.record({ writes: fc.integer({ min: 0, max: 12 }), arrives: fc.boolean() }), {
      minLength: 3,
      maxLength: 12,
    }),
    delays: fc.infiniteStream(fc.integer({ min: 0, max: 8 })),
  });
  await fc.assert(
    fc.asyncProperty(lives, async ({ lives, delays }) => {
      const left = [...lives];
      fates = () => ({ ...(left.shift() ?? IMMORTAL), delay: () => Number(delays.next().value ?? 0) });
      restarts = restarts.then(() => cluster.restartControllers());
      assert.deepStrictEqual(await outcome(), undisturbed);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});
