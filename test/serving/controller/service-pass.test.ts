import t from 'tap';
import { serviceReconciler } from '../../../serving/controller/service/service.ts';
import { aConfiguration, aRevision, aRoute, aService, conditions, ownedBy, over, SPEC, type Changes } from './given.ts';
import { conditionsOf, NOW_TEXT, passOver, type Setting } from './pass.ts';

const pass = (service = aService(), setting: Setting = {}) => passOver(() => serviceReconciler, service, setting);

const OWNED = { ownerReferences: [ownedBy('Service', 'svc')] };
/** The children as the controller itself makes them. */
const configuration = (changes: Changes = {}) =>
  over(
    aConfiguration({
      metadata: {
        ...OWNED,
        labels: { 'serving.knative.dev/service': 'svc', 'serving.knative.dev/serviceUID': 'uid-of-svc' },
        annotations: { 'serving.knative.dev/routes': 'svc' },
      },
    }),
    changes,
  );
const route = (changes: Changes = {}) =>
  over(
    aRoute([{ latestRevision: true, percent: 100, configurationName: 'svc' }], {
      metadata: { ...OWNED, labels: { 'serving.knative.dev/service': 'svc' } },
    }),
    changes,
  );
const ready = (latest: string, created = latest) => ({
  status: {
    observedGeneration: 1,
    latestCreatedRevisionName: created,
    latestReadyRevisionName: latest,
    conditions: conditions(created === latest ? 'Ready=True' : 'Ready=Unknown'),
  },
});
const routeReady = (revision: string) => ({
  status: {
    observedGeneration: 1,
    url: 'http://svc.ns.example.com',
    address: { url: 'http://svc.ns.svc.cluster.local' },
    traffic: [{ revisionName: revision, percent: 100, latestRevision: true }],
    conditions: conditions('Ready=True'),
  },
});

t.test('a new Service makes its Configuration and Route', async (t) => {
  const service = aService({
    metadata: {
      labels: { team: 'a' },
      annotations: {
        'serving.knative.dev/creator': 'ann',
        'serving.knative.dev/lastModifier': 'ann',
        'serving.knative.dev/rollout-duration': '10s',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
      },
    },
    spec: {
      traffic: [
        { revisionName: 'svc-00001', percent: 90, tag: 'old' },
        { latestRevision: true, percent: 10 },
      ],
    },
  });
  const { writes, events, status } = await pass(service);
  t.strictSame(writes, [
    {
      verb: 'create Configuration svc',
      object: {
        apiVersion: 'serving.knative.dev/v1',
        kind: 'Configuration',
        metadata: {
          name: 'svc',
          namespace: 'ns',
          labels: { team: 'a', 'serving.knative.dev/service': 'svc', 'serving.knative.dev/serviceUID': 'uid-of-svc' },
          annotations: {
            'serving.knative.dev/creator': 'ann',
            'serving.knative.dev/lastModifier': 'ann',
            'serving.knative.dev/routes': 'svc',
          },
          ownerReferences: [ownedBy('Service', 'svc')],
        },
        spec: { template: { spec: SPEC } },
      },
    },
    {
      verb: 'create Route svc',
      object: {
        apiVersion: 'serving.knative.dev/v1',
        kind: 'Route',
        metadata: {
          name: 'svc',
          namespace: 'ns',
          labels: { team: 'a', 'serving.knative.dev/service': 'svc' },
          annotations: {
            'serving.knative.dev/creator': 'ann',
            'serving.knative.dev/lastModifier': 'ann',
            'serving.knative.dev/rollout-duration': '10s',
          },
          ownerReferences: [ownedBy('Service', 'svc')],
        },
        spec: {
          traffic: [
            { revisionName: 'svc-00001', percent: 90, tag: 'old' },
            { latestRevision: true, percent: 10, configurationName: 'svc' },
          ],
        },
      },
    },
  ]);
  t.strictSame(events, ['Normal Created: Created Configuration "svc"', 'Normal Created: Created Route "svc"']);
  const outOfDate = (kind: string) => ({
    status: 'Unknown',
    reason: 'OutOfDate',
    message: `The ${kind} is still working to reflect the latest desired specification.`,
    lastTransitionTime: NOW_TEXT,
  });
  t.strictSame(status, {
    observedGeneration: 1,
    conditions: [
      { type: 'ConfigurationsReady', ...outOfDate('Configuration') },
      { type: 'Ready', ...outOfDate('Route') },
      { type: 'RoutesReady', ...outOfDate('Route') },
    ],
  });
});

t.test('what a pass finds, and what it says', async (t) => {
  const byo = { spec: { template: { metadata: { name: 'svc-a' }, spec: SPEC } } };
  for (const [name, service, others, writes, says] of [
    [
      'all ready: nothing to write',
      aService(),
      [configuration(ready('svc-00001')), route(routeReady('svc-00001'))],
      [],
      ['ConfigurationsReady=True', 'Ready=True', 'RoutesReady=True'],
    ],
    [
      'the Configuration has not seen its generation',
      aService(),
      [configuration({ metadata: { generation: 2 }, ...ready('svc-00001') }), route(routeReady('svc-00001'))],
      [],
      [
        'ConfigurationsReady=Unknown OutOfDate: The Configuration is still working to reflect the latest desired specification.',
        'Ready=Unknown OutOfDate: The Configuration is still working to reflect the latest desired specification.',
        'RoutesReady=True',
      ],
    ],
    [
      'with a name of its own the Route waits for the Configuration',
      aService(byo),
      [configuration({ metadata: { generation: 2 }, ...byo })],
      [],
      [
        'ConfigurationsReady=Unknown OutOfDate: The Configuration is still working to reflect the latest desired specification.',
        'Ready=Unknown OutOfDate: The Configuration is still working to reflect the latest desired specification.',
        'RoutesReady=Unknown',
      ],
    ],
    [
      'a name that is taken',
      aService(byo),
      [
        configuration({ ...byo, status: { observedGeneration: 1 } }),
        aRevision('svc-a', { metadata: { ownerReferences: [] } }),
      ],
      [],
      [
        'ConfigurationsReady=Unknown',
        'Ready=False RevisionNameTaken: The revision name "svc-a" is taken by a conflicting Revision, so traffic will not be migrated',
        'RoutesReady=False RevisionNameTaken: The revision name "svc-a" is taken by a conflicting Revision, so traffic will not be migrated',
      ],
    ],
    [
      'traffic has not followed yet',
      aService(),
      [configuration(ready('svc-00002')), route(routeReady('svc-00001'))],
      [],
      [
        'ConfigurationsReady=True',
        'Ready=Unknown TrafficNotMigrated: Traffic is not yet migrated to the latest revision.',
        'RoutesReady=Unknown TrafficNotMigrated: Traffic is not yet migrated to the latest revision.',
      ],
    ],
    [
      'a Configuration of somebody else’s',
      aService(),
      [aConfiguration()],
      [],
      [
        'ConfigurationsReady=False NotOwned: There is an existing Configuration "svc" that we do not own.',
        'Ready=False NotOwned: There is an existing Configuration "svc" that we do not own.',
        'RoutesReady=Unknown',
      ],
    ],
    [
      'a Route of somebody else’s',
      aService(),
      [configuration(ready('svc-00001')), aRoute([])],
      [],
      [
        'ConfigurationsReady=True',
        'Ready=False NotOwned: There is an existing Route "svc" that we do not own.',
        'RoutesReady=False NotOwned: There is an existing Route "svc" that we do not own.',
      ],
    ],
    [
      'children changed by hand are put right',
      aService(),
      [
        configuration({ ...ready('svc-00001'), spec: { template: { spec: { timeoutSeconds: 5 } } } }),
        route({ ...routeReady('svc-00001'), metadata: { labels: { stray: 'x' } } }),
      ],
      ['update Configuration svc', 'update Route svc'],
      ['ConfigurationsReady=True', 'Ready=True', 'RoutesReady=True'],
    ],
  ] as const) {
    const result = await pass(service, { others });
    t.strictSame(
      result.writes.map(({ verb }) => verb),
      writes,
      name,
    );
    t.strictSame(conditionsOf(result.status), says, name);
  }
});

t.test('a default that came later makes no new Revision', async (t) => {
  const older = configuration(ready('svc-00001'));
  delete older.spec.template.spec.containerConcurrency;
  const before = route(routeReady('svc-00001'));
  delete before.spec.traffic?.[0]?.latestRevision;
  const same = await pass(aService(), { others: [older, before] });
  t.strictSame(same.writes, [], 'what a newer version would fill in is no difference');
  const wished = await pass(aService({ spec: { template: { spec: over(SPEC, { containerConcurrency: 7 }) } } }), {
    others: [older, before],
  });
  t.strictSame(
    wished.writes.map(({ verb }) => verb),
    ['update Configuration svc'],
    'a wish is',
  );
});

t.test('what cannot be made or changed is an event, an error and a try again', async (t) => {
  const cannot = { 'create Configuration svc': 'quota exceeded' };
  const first = await pass(aService(), { refuse: cannot });
  t.strictSame(first.events, ['Warning CreationFailed: Failed to create Configuration "svc": quota exceeded']);
  t.equal(first.failure, 'failed to create Configuration: quota exceeded');
  t.strictSame(conditionsOf(first.status), [
    'ConfigurationsReady=Unknown',
    'Ready=Unknown NewObservedGenFailure: unsuccessfully observed a new generation',
    'RoutesReady=Unknown',
  ]);
  t.strictSame((first.status as { observedGeneration: number }).observedGeneration, 1);

  const second = await pass(aService(), {
    others: [configuration(ready('svc-00001'))],
    refuse: { 'create Route svc': 'no' },
  });
  t.strictSame(second.events, ['Warning CreationFailed: Failed to create Route "svc": no']);
  t.equal(second.failure, 'failed to create Route: no');

  const stray = { metadata: { labels: { stray: 'x' } } };
  for (const [others, verb, failure] of [
    [[configuration(stray)], 'update Configuration svc', 'failed to reconcile Configuration: no'],
    [[configuration(ready('svc-00001')), route(stray)], 'update Route svc', 'failed to reconcile Route: no'],
  ] as const) {
    const result = await pass(aService(), { others, refuse: { [verb]: 'no' } });
    t.equal(result.failure, failure);
    t.strictSame(result.events, [], 'changes that fail are told by the error alone');
  }
  for (const [others, failure] of [
    [[aConfiguration()], 'service: "svc" does not own configuration: "svc"'],
    [[configuration(ready('svc-00001')), aRoute([])], 'service: "svc" does not own route: "svc"'],
  ] as const)
    t.equal((await pass(aService(), { others })).failure, failure);
});
