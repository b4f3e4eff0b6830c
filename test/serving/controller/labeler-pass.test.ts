import t from 'tap';
import type { KubeObject } from '../../../api/object.ts';
import type { TrafficTarget } from '../../../api/serving/route.ts';
import { configurationLabeler, revisionLabeler } from '../../../serving/controller/labeler/labeler.ts';
import { aConfiguration, aRevision, aRoute, conditions, ownedBy, over, type Changes } from './given.ts';
import { NOW_TEXT, passOver } from './pass.ts';

const floating = { configurationName: 'svc', latestRevision: true, percent: 100 };
const route = (traffic: TrafficTarget[], served: TrafficTarget[] = [], ready = 'Ready=True', name = 'svc') =>
  over(
    aRoute(traffic, {
      metadata: { name },
      status: { observedGeneration: 1, traffic: served, conditions: conditions(ready) },
    }),
    {},
  );
const labelled = (state: string, routes?: string): Changes => ({
  metadata: {
    labels: { 'serving.knative.dev/routingState': state },
    ...(routes === undefined ? {} : { annotations: { 'serving.knative.dev/routes': routes } }),
  },
});
const created = aConfiguration({ metadata: { generation: 2 }, status: { latestCreatedRevisionName: 'svc-00002' } });

t.test('routing state of Revisions', async (t) => {
  const activate = (routes: string) => ({
    labels: { 'serving.knative.dev/routingState': 'active' },
    annotations: { 'serving.knative.dev/routes': routes, 'serving.knative.dev/routingStateModified': NOW_TEXT },
  });
  const retire = {
    labels: { 'serving.knative.dev/routingState': 'reserve' },
    annotations: { 'serving.knative.dev/routes': null, 'serving.knative.dev/routingStateModified': NOW_TEXT },
  };
  for (const [name, revision, others, patch] of [
    [
      'in the spec of a Route',
      aRevision('svc-00001', labelled('pending')),
      [route([{ revisionName: 'svc-00001' }])],
      activate('svc'),
    ],
    [
      'in the status of a Route',
      aRevision('svc-00001', labelled('pending')),
      [route([], [{ revisionName: 'svc-00001' }])],
      activate('svc'),
    ],
    [
      'latest created of a floating target',
      aRevision('svc-00002', labelled('pending')),
      [created, route([floating])],
      activate('svc'),
    ],
    [
      'of the current generation, not recorded yet',
      aRevision('svc-00002', labelled('pending')),
      [aConfiguration({ metadata: { generation: 2 } }), route([floating])],
      activate('svc'),
    ],
    ['held already', aRevision('svc-00002', labelled('active', 'svc')), [created, route([floating])], undefined],
    [
      'by two Routes',
      aRevision('svc-00001', labelled('active', 'b')),
      [
        route([{ revisionName: 'svc-00001' }], [], 'Ready=True', 'a'),
        route([{ revisionName: 'svc-00001' }], [], 'Ready=True', 'b'),
      ],
      { annotations: { 'serving.knative.dev/routes': 'a,b' } },
    ],
    [
      'superseded, its Route settled',
      aRevision('svc-00001', labelled('active', 'svc')),
      [created, route([floating], [{ revisionName: 'svc-00002' }])],
      retire,
    ],
    [
      'superseded, its Route failed',
      aRevision('svc-00001', labelled('active', 'svc')),
      [created, route([floating], [], 'Ready=False X: y')],
      retire,
    ],
    [
      'superseded, its Route not settled',
      aRevision('svc-00001', labelled('active', 'svc')),
      [created, route([floating], [], 'Ready=Unknown')],
      undefined,
    ],
    ['its Route is gone', aRevision('svc-00001', labelled('active', 'svc')), [created], retire],
    ['nobody ever asked for it', aRevision('svc-00001', labelled('pending')), [created], undefined],
    ['in reserve, still', aRevision('svc-00001', labelled('reserve')), [created], undefined],
  ] as const) {
    const { writes } = await passOver(() => revisionLabeler, revision, { others: others as readonly KubeObject[] });
    t.strictSame(
      writes,
      patch === undefined ? [] : [{ verb: `patch Revision ${revision.metadata.name}`, object: { metadata: patch } }],
      name,
    );
  }
});

t.test('Routes of Configurations', async (t) => {
  const named = { metadata: { annotations: { 'serving.knative.dev/routes': 'svc' } } };
  for (const [name, configuration, others, routes] of [
    ['a floating target', aConfiguration(), [route([floating])], 'svc'],
    ['a Revision of it', aConfiguration(), [route([{ revisionName: 'svc-00001' }]), aRevision('svc-00001')], 'svc'],
    ['already named', aConfiguration(named), [route([floating])], undefined],
    ['no more', aConfiguration(named), [route([])], null],
    [
      'of a Service whose Route is yet to come',
      aConfiguration({ metadata: { ...named.metadata, ownerReferences: [ownedBy('Service', 'svc')] } }),
      [],
      undefined,
    ],
    ['of nobody', aConfiguration(named), [], null],
  ] as const) {
    const { writes } = await passOver(() => configurationLabeler, configuration, {
      others: others as readonly KubeObject[],
    });
    t.strictSame(
      writes,
      routes === undefined
        ? []
        : [
            {
              verb: 'patch Configuration svc',
              object: { metadata: { annotations: { 'serving.knative.dev/routes': routes } } },
            },
          ],
      name,
    );
  }
});
