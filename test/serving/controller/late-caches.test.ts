import t from 'tap';
import { Revision } from '../../../api/serving/revision.ts';
import { Service } from '../../../api/serving/service.ts';
import { isReady } from '../../../kube/conditions.ts';
import { CoreEvent } from '../../../kube/events.ts';
import { startCluster } from './cluster.ts';
import { readyAt, run, serviceOf } from './objects.ts';

t.test('controllers whose caches lag behind make nothing twice and come to the same end', async (t) => {
  const cluster = await startCluster({ lag: 40 });
  t.teardown(() => cluster.stop());
  const { client } = cluster;
  await client.create(Service, serviceOf('far', run('one')));
  await cluster.until(Service, 'far', readyAt('far-00001'));
  for (const version of [2, 3]) {
    await client.patch(Service, 'default', 'far', { spec: { template: run(`v${version}`) } });
    await cluster.until(Service, 'far', readyAt(`far-0000${version}`));
  }
  await client.patch(Service, 'default', 'far', {
    spec: {
      traffic: [
        { revisionName: 'far-00001', percent: 50, tag: 'old' },
        { latestRevision: true, percent: 50, tag: 'new' },
      ],
    },
  });
  const split = await cluster.until(
    Service,
    'far',
    (one) => isReady(one) && one.metadata.generation === 4 && one.status?.traffic?.length === 2,
  );
  t.strictSame(
    split.status?.traffic?.map(({ revisionName, tag, percent }) => [revisionName, tag, percent]),
    [
      ['far-00001', 'old', 50],
      ['far-00003', 'new', 50],
    ],
  );
  await cluster.quiet(300);
  const { items: revisions } = await client.list(Revision, { namespace: 'default' });
  t.strictSame(revisions.map(({ metadata }) => metadata.name).sort(), ['far-00001', 'far-00002', 'far-00003']);
  const routing = Object.fromEntries(
    revisions.map(({ metadata }) => [metadata.name, metadata.labels?.['serving.knative.dev/routingState']]),
  );
  t.strictSame(routing, { 'far-00001': 'active', 'far-00002': 'reserve', 'far-00003': 'active' });
  const { items: events } = await client.list(CoreEvent, { namespace: 'default' });
  const warnings = events.filter(
    ({ type, source }) =>
      type === 'Warning' && /service-controller|route|revision|configuration/.test(source?.component ?? ''),
  );
  t.strictSame(
    warnings.map(({ reason, message }) => `${reason ?? ''}: ${message ?? ''}`),
    [],
  );
  t.comment(`${cluster.writes.filter(({ path }) => !path.endsWith('/events')).length} writes`);
  const before = cluster.writes.length;
  await cluster.quiet(300);
  t.equal(cluster.writes.length, before, 'and it is quiet');
});
