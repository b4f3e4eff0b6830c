import t from 'tap';
import { configurationReconciler } from '../../../serving/controller/configuration/configuration.ts';
import { aConfiguration, aRevision, conditions, over, ownedBy, READY, SPEC, type Changes } from './given.ts';
import { conditionsOf, NOW_TEXT, passOver, type Setting } from './pass.ts';

const pass = (configuration = aConfiguration(), setting: Setting = {}) =>
  passOver(() => configurationReconciler, configuration, setting);

const at = (generation: number, status: Changes = {}, more: Changes = {}) =>
  over(aConfiguration({ metadata: { generation }, status: { observedGeneration: generation - 1, ...status } }), more);
const named = (name: string, image = 'img') => ({
  spec: { template: { metadata: { name }, spec: { ...SPEC, containers: [{ ...SPEC.containers[0], image }] } } },
});
const failed = (message: string) => ({
  status: { observedGeneration: 1, conditions: conditions(`Ready=False ExitCode1: ${message}`) },
});

t.test('a new generation makes a Revision', async (t) => {
  const configuration = aConfiguration({
    metadata: {
      generation: 3,
      labels: { 'serving.knative.dev/service': 'svc', 'serving.knative.dev/serviceUID': 'uid-of-svc', own: 'x' },
      annotations: { 'serving.knative.dev/lastModifier': 'ann', 'serving.knative.dev/routes': 'svc', own: 'y' },
    },
    spec: { template: { metadata: { labels: { l: '1' }, annotations: { a: '2' } } } },
  });
  const { writes, events, status } = await pass(configuration);
  t.strictSame(writes, [
    {
      verb: 'create Revision svc-00003',
      object: {
        apiVersion: 'serving.knative.dev/v1',
        kind: 'Revision',
        metadata: {
          name: 'svc-00003',
          namespace: 'ns',
          labels: {
            l: '1',
            'serving.knative.dev/configuration': 'svc',
            'serving.knative.dev/configurationGeneration': '3',
            'serving.knative.dev/configurationUID': 'uid-of-svc',
            'serving.knative.dev/service': 'svc',
            'serving.knative.dev/serviceUID': 'uid-of-svc',
            'serving.knative.dev/routingState': 'active',
          },
          annotations: {
            a: '2',
            'serving.knative.dev/creator': 'ann',
            'serving.knative.dev/routes': 'svc',
            'serving.knative.dev/routingStateModified': NOW_TEXT,
          },
          ownerReferences: [ownedBy('Configuration', 'svc')],
        },
        spec: SPEC,
      },
    },
  ]);
  t.strictSame(events, ['Normal Created: Created Revision "svc-00003"']);
  t.strictSame(status, {
    observedGeneration: 3,
    conditions: [
      {
        type: 'Ready',
        status: 'Unknown',
        message: 'Revision "svc-00003" is not yet ready.',
        lastTransitionTime: NOW_TEXT,
      },
    ],
    latestCreatedRevisionName: 'svc-00003',
  });
});

t.test('which Revision is latest', async (t) => {
  for (const [name, configuration, others, verbs, says, latest, events] of [
    [
      'not referenced yet: pending',
      aConfiguration(),
      [],
      ['create Revision svc-00001'],
      ['Ready=Unknown : Revision "svc-00001" is not yet ready.'],
      ['svc-00001', undefined],
      ['Created'],
    ],
    [
      'waiting',
      at(1),
      [aRevision('svc-00001')],
      [],
      ['Ready=Unknown : Revision "svc-00001" is not yet ready.'],
      ['svc-00001', undefined],
      [],
    ],
    [
      'the first is ready',
      at(1),
      [aRevision('svc-00001', READY)],
      [],
      ['Ready=True'],
      ['svc-00001', 'svc-00001'],
      ['ConfigurationReady', 'LatestReadyUpdate'],
    ],
    [
      'the second waits, the first serves',
      at(2, { latestReadyRevisionName: 'svc-00001' }),
      [aRevision('svc-00001', READY), aRevision('svc-00002')],
      [],
      ['Ready=Unknown : Revision "svc-00002" is not yet ready.'],
      ['svc-00002', 'svc-00001'],
      [],
    ],
    [
      'the second fails, the first serves',
      at(2, { latestReadyRevisionName: 'svc-00001' }),
      [aRevision('svc-00001', READY), aRevision('svc-00002', failed('no'))],
      [],
      ['Ready=False RevisionFailed: Revision "svc-00002" failed with message: no.'],
      ['svc-00002', 'svc-00001'],
      ['LatestCreatedFailed'],
    ],
    [
      'the latest ready fails later',
      at(1, { latestReadyRevisionName: 'svc-00001' }),
      [aRevision('svc-00001', failed('gone'))],
      [],
      ['Ready=False RevisionFailed: Revision "svc-00001" failed with message: gone.'],
      ['svc-00001', 'svc-00001'],
      ['LatestReadyFailed'],
    ],
    [
      'it only moves forward',
      at(3, { latestReadyRevisionName: 'svc-00002' }),
      [aRevision('svc-00001', READY), aRevision('svc-00002'), aRevision('svc-00003')],
      [],
      ['Ready=Unknown : Revision "svc-00003" is not yet ready.'],
      ['svc-00003', 'svc-00002'],
      [],
    ],
    [
      'one in between may become ready first',
      at(3, { latestReadyRevisionName: 'svc-00001' }),
      [aRevision('svc-00001', READY), aRevision('svc-00002', READY), aRevision('svc-00003')],
      [],
      ['Ready=Unknown : Revision "svc-00003" is not yet ready.'],
      ['svc-00003', 'svc-00002'],
      ['LatestReadyUpdate'],
    ],
    [
      'the latest ready was deleted: the newest ready one steps in, the current one is made again',
      at(2, { latestReadyRevisionName: 'svc-00002' }),
      [aRevision('svc-00001', READY)],
      ['create Revision svc-00002'],
      ['Ready=Unknown : Revision "svc-00002" is not yet ready.'],
      ['svc-00002', 'svc-00001'],
      ['Created', 'LatestReadyUpdate'],
    ],
    [
      'a name of its own that is taken',
      at(1, {}, named('svc-a')),
      [aRevision('svc-a', { metadata: { ownerReferences: [ownedBy('Configuration', 'other')] } })],
      [],
      [
        'Ready=False RevisionFailed: Revision creation failed with message: revisions.serving.knative.dev "svc-a" already exists.',
      ],
      [undefined, undefined],
      [],
    ],
    [
      'a name of its own used for something else',
      at(2, {}, named('svc-a', 'changed')),
      [aRevision('svc-a', { metadata: { labels: { 'serving.knative.dev/configurationGeneration': '1' } } })],
      [],
      [
        'Ready=False RevisionFailed: Revision creation failed with message: revisions.serving.knative.dev "svc-a" already exists.',
      ],
      [undefined, undefined],
      [],
    ],
    [
      'back to an older name of its own',
      at(3, { latestReadyRevisionName: 'svc-b' }, named('svc-a')),
      [
        aRevision('svc-a', { ...READY, metadata: { labels: { 'serving.knative.dev/configurationGeneration': '1' } } }),
        aRevision('svc-b', { ...READY, metadata: { labels: { 'serving.knative.dev/configurationGeneration': '2' } } }),
      ],
      [],
      ['Ready=True'],
      ['svc-a', 'svc-a'],
      ['ConfigurationReady', 'LatestReadyUpdate'].slice(1),
    ],
  ] as const) {
    const result = await pass(configuration, { others });
    const { latestCreatedRevisionName, latestReadyRevisionName } = (result.status ?? {}) as Record<string, unknown>;
    t.strictSame(
      result.writes.map(({ verb }) => verb),
      verbs,
      `${name}: writes`,
    );
    t.strictSame(conditionsOf(result.status), says, `${name}: conditions`);
    t.strictSame([latestCreatedRevisionName, latestReadyRevisionName], latest, `${name}: names`);
    t.strictSame(
      result.events.map((event) => event.split(/[ :]/)[1]),
      events,
      `${name}: events`,
    );
  }
});

t.test('a Revision that is held up says by what, one on its way does not', async (t) => {
  for (const [ready, says] of [
    ['Ready=Unknown Deploying: Waiting for the first pod to become ready.', 'Revision "svc-00001" is not yet ready.'],
    ['Ready=Unknown Deploying: no secret', 'Revision "svc-00001" is not yet ready. no secret'],
    ['Ready=Unknown FailedCreate: no quota', 'Revision "svc-00001" is not yet ready. no quota'],
  ] as const) {
    const revision = aRevision('svc-00001', { status: { conditions: conditions(ready) } });
    const { status } = await pass(aConfiguration(), { others: [revision] });
    t.strictSame(conditionsOf(status), [`Ready=Unknown : ${says}`]);
  }
});

t.test('a Revision that is refused makes the Configuration fail, and is tried again', async (t) => {
  const result = await pass(aConfiguration(), { refuse: { 'create Revision svc-00001': 'exceeded quota' } });
  t.strictSame(conditionsOf(result.status), [
    'Ready=False RevisionFailed: Revision creation failed with message: exceeded quota.',
  ]);
  t.strictSame(result.events, ['Warning CreationFailed: Failed to create Revision: exceeded quota']);
  t.equal(result.failure, 'failed to create Revision: exceeded quota');
});

t.test('a Revision that is already there', async (t) => {
  const refuse = { 'create Revision svc-00001': 'revisions.serving.knative.dev "svc-00001" already exists' };
  const lagging = await pass(aConfiguration(), { refuse, unseen: [aRevision('svc-00001')] });
  t.strictSame(
    conditionsOf(lagging.status),
    ['Ready=Unknown : Revision "svc-00001" is not yet ready.'],
    'ours, the cache lags behind: the pass goes on',
  );
  t.strictSame([lagging.events, lagging.failure], [[], undefined]);
  const gone = await pass(aConfiguration(), { refuse });
  t.match(gone.failure, 'failed to create Revision', 'gone again: another pass makes it');
  t.strictSame(gone.events, [], 'and nobody hears of it');
  const foreign = aRevision('svc-00001', { metadata: { labels: undefined, ownerReferences: [] } });
  const taken = await pass(aConfiguration(), { others: [foreign], refuse });
  t.strictSame(conditionsOf(taken.status), [
    'Ready=False RevisionFailed: Revision creation failed with message: revisions.serving.knative.dev "svc-00001" already exists.',
  ]);
});
