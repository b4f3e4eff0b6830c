import t from 'tap';
import type { Configuration } from '../../../../api/serving/configuration.ts';
import type { Revision } from '../../../../api/serving/revision.ts';
import type { GcConfig } from '../../../../serving/controller/config/gc.ts';
import { planCollection } from '../../../../serving/controller/gc/policy.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const HOUR = 3_600_000;
const DEFAULT: GcConfig = {
  retainSinceCreate: 48 * HOUR,
  retainSinceLastActive: 15 * HOUR,
  minNonActive: 0,
  maxNonActive: 1000,
};
const ago = (hours: number) => new Date(NOW - hours * HOUR).toISOString();

interface Given {
  readonly created: number;
  readonly active?: number;
  readonly state?: string;
  readonly noGc?: boolean;
}

function revision(name: string, { created, active, state = 'reserve', noGc }: Given): Revision {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Revision',
    metadata: {
      name,
      creationTimestamp: ago(created),
      labels: { 'serving.knative.dev/routingState': state },
      annotations: {
        ...(active === undefined ? {} : { 'serving.knative.dev/routingStateModified': ago(active) }),
        ...(noGc === true ? { 'serving.knative.dev/no-gc': 'true' } : {}),
      },
    },
    spec: { containers: [] },
  };
}

const configuration: Configuration = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Configuration',
  metadata: { name: 'c' },
  spec: { template: { spec: { containers: [] } } },
  status: { latestReadyRevisionName: 'latest' },
};

t.test('which Revisions go', (t) => {
  const old = { created: 100, active: 50 };
  for (const [name, given, config, expected] of [
    ['both times past', { a: old }, {}, ['a']],
    ['created lately', { a: { created: 40, active: 30 } }, {}, []],
    ['active lately', { a: { created: 100, active: 10 } }, {}, []],
    ['never active: its creation counts', { a: { created: 60 } }, {}, ['a']],
    ['with traffic', { a: { ...old, state: 'active' } }, {}, []],
    ['not judged yet', { a: { ...old, state: 'pending' } }, {}, []],
    ['kept by its owner', { a: { ...old, noGc: true } }, {}, []],
    ['the latest ready', { latest: old }, {}, []],
    [
      'a minimum stays, the newest',
      { a: { created: 100, active: 70 }, b: { created: 100, active: 60 }, c: old },
      { minNonActive: 1 },
      ['a', 'b'],
    ],
    ['only one time counts', { a: { created: 60, active: 1 } }, { retainSinceLastActive: undefined }, ['a']],
    ['both off: nothing is stale', { a: old }, { retainSinceCreate: undefined, retainSinceLastActive: undefined }, []],
    [
      'above the maximum the oldest go',
      { a: { created: 3, active: 3 }, b: { created: 2, active: 2 }, c: { created: 1, active: 1 } },
      { maxNonActive: 1 },
      ['a', 'b'],
    ],
    [
      'all off',
      { a: old },
      { retainSinceCreate: undefined, retainSinceLastActive: undefined, maxNonActive: undefined },
      [],
    ],
  ] as const) {
    const revisions = Object.entries(given).map(([key, one]) => revision(key, one as Given));
    const { remove } = planCollection(configuration, revisions, { ...DEFAULT, ...config }, NOW);
    t.strictSame(
      remove.map((one) => one.metadata.name),
      expected,
      name,
    );
  }
  t.end();
});

t.test('it knows when to look again', (t) => {
  const revisions = [revision('a', { created: 40, active: 14 }), revision('b', { created: 10, active: 1 })];
  t.equal(planCollection(configuration, revisions, DEFAULT, NOW).next, 8 * HOUR, 'when a is 48 hours old');
  t.equal(planCollection(configuration, revisions, { ...DEFAULT, minNonActive: 2 }, NOW).next, undefined);
  t.end();
});
