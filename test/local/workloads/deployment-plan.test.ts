import t from 'tap';
import fc from 'fast-check';
import type { Deployment, ReplicaSet } from '../../../api/core.ts';
import { planDeployment, type DeploymentPlan } from '../../../local/workloads/deployment/plan.ts';
import { templateHash } from '../../../local/workloads/deployment/template-hash.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const MINUTE_AGO = '2025-12-31T23:59:00Z';
type Spec = NonNullable<Deployment['spec']>;

function deployment(spec: Partial<Spec> = {}, status?: Deployment['status'], revision?: string): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'n',
      uid: 'd',
      generation: 1,
      annotations:
        revision === undefined ? { note: 'kept' } : { note: 'kept', 'deployment.kubernetes.io/revision': revision },
    },
    spec: {
      replicas: 4,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: template('new'),
      ...spec,
    },
    status,
  };
}

const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

/** A ReplicaSet of the named template that once was scaled for a Deployment of `wanted` replicas. */
function set(
  image: string,
  replicas: number,
  available = replicas,
  options: { revision?: number; wanted?: number; created?: string; pods?: number } = {},
): ReplicaSet {
  const { revision = 1, wanted = 4, created = `2025-01-0${revision}T00:00:00Z`, pods = replicas } = options;
  const labels = { app: 'web', 'pod-template-hash': image };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `web-${image}`,
      namespace: 'n',
      uid: image,
      generation: 1,
      creationTimestamp: created,
      annotations: {
        note: 'kept',
        'deployment.kubernetes.io/revision': String(revision),
        'deployment.kubernetes.io/desired-replicas': String(wanted),
        'deployment.kubernetes.io/max-replicas': String(wanted + Math.ceil(wanted / 4)),
      },
    },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { ...template(image), metadata: { labels } },
    },
    status: { replicas: pods, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  };
}

const plan = (one: Deployment, sets: ReplicaSet[], hasPods = false): DeploymentPlan =>
  planDeployment(one, { replicaSets: sets, hasPods: () => hasPods }, NOW);

/** Sizes after the plan, by image. */
const sizes = ({ changes, create }: DeploymentPlan): Record<string, number | undefined> => ({
  ...Object.fromEntries(
    changes
      .filter(({ before, after }) => before.spec?.replicas !== after.spec?.replicas)
      .map(({ after }) => [after.metadata.name.slice(4), after.spec?.replicas]),
  ),
  ...(create === undefined ? {} : { created: create.spec?.replicas }),
});

void t.test('sizes of ReplicaSets, step by step', async (t) => {
  const recreate = { strategy: { type: 'Recreate' } };
  const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
  });
  const cases: [
    name: string,
    spec: Partial<Spec>,
    sets: ReplicaSet[],
    expected: Record<string, number>,
    pods?: boolean,
  ][] = [
    ['a new Deployment starts in full', {}, [], { created: 4 }],
    ['from zero the current one is scaled at once', {}, [set('new', 0, 0, { wanted: 0 })], { new: 4 }],
    ['nothing to do', {}, [set('new', 4)], {}],
    ['to zero', { replicas: 0 }, [set('new', 4)], { new: 0 }],
    ['a new template surges, and the old one makes room', {}, [set('old', 4)], { created: 1, old: 3 }],
    [
      'the old one shrinks to what must stay available',
      {},
      [set('old', 4), set('new', 1, 0, { revision: 2 })],
      { old: 3 },
    ],
    ['then the new one grows into the room', {}, [set('old', 3), set('new', 1, 0, { revision: 2 })], { new: 2 }],
    ['no step while availability does not permit', {}, [set('old', 3), set('new', 2, 0, { revision: 2 })], {}],
    ['available new pods let old ones go', {}, [set('old', 3), set('new', 2, 2, { revision: 2 })], { old: 1 }],
    [
      'broken old pods go first and do not count',
      {},
      [set('old', 4, 1), set('new', 1, 1, { revision: 2 })],
      { old: 2 },
    ],
    ['one surge, none unavailable', rolling(1, 0), [set('old', 4), set('new', 1, 0, { revision: 2 })], {}],
    [
      'no surge, one unavailable: shrink first',
      rolling(0, 1),
      [set('old', 4), set('new', 0, 0, { revision: 2 })],
      { old: 3 },
    ],
    ['neither means one unavailable', rolling(0, 0), [set('old', 4), set('new', 0, 0, { revision: 2 })], { old: 3 }],
    ['recreate: old pods go first', recreate, [set('old', 4)], { old: 0 }],
    ['recreate: waits for the last one', recreate, [set('old', 0, 0)], {}, true],
    ['recreate: then the new ones come', recreate, [set('old', 0, 0)], { created: 4 }],
    ['recreate: from zero', recreate, [set('new', 0, 0, { wanted: 0 })], { new: 4 }],
    ['paused: no new ReplicaSet', { paused: true }, [set('old', 4)], {}],
    ['paused: yet scaled', { paused: true, replicas: 6 }, [set('old', 4)], { old: 6 }],
    [
      'paused in the midst: shares',
      { paused: true, replicas: 8 },
      [set('old', 3), set('new', 2, 2, { revision: 2 })],
      { old: 6, new: 4 },
    ],
    [
      'scaled up in the midst: shares',
      { replicas: 8 },
      [set('old', 3), set('new', 2, 2, { revision: 2 })],
      { old: 6, new: 4 },
    ],
    [
      'scaled down in the midst: shares',
      { replicas: 2 },
      [set('old', 3), set('new', 2, 2, { revision: 2 })],
      { old: 2, new: 1 },
    ],
    [
      'scaled to zero in the midst',
      { replicas: 0 },
      [set('old', 3), set('new', 2, 2, { revision: 2 })],
      { old: 0, new: 0 },
    ],
  ];
  for (const [name, spec, sets, expected, pods] of cases)
    t.same(sizes(plan(deployment(spec), sets, pods)), expected, name);
});

void t.test('a new ReplicaSet carries hash, history and the Deployment’s annotations', async (t) => {
  const { create, revision, status, events } = plan(deployment({ minReadySeconds: 3 }, undefined, '1'), [
    set('old', 4),
  ]);
  const hash = templateHash(template('new'));
  t.match(create, {
    metadata: {
      name: `web-${hash}`,
      namespace: 'n',
      labels: { app: 'web', 'pod-template-hash': hash },
      annotations: {
        note: 'kept',
        'deployment.kubernetes.io/revision': '2',
        'deployment.kubernetes.io/desired-replicas': '4',
        'deployment.kubernetes.io/max-replicas': '5',
      },
      ownerReferences: [{ kind: 'Deployment', name: 'web', uid: 'd', controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      minReadySeconds: 3,
      selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } },
      template: { metadata: { labels: { app: 'web', 'pod-template-hash': hash } } },
    },
  });
  t.equal(revision, '2');
  t.equal(status, undefined, 'pods first, then paperwork');
  t.match(events, [{ reason: 'ScalingReplicaSet', message: `Scaled up replica set web-${hash} from 0 to 1` }]);
  t.not(templateHash(template('new'), 1), hash, 'a collision changes the name');
});

void t.test('a rollback takes the old ReplicaSet and gives it the newest revision', async (t) => {
  const sets = [set('new', 0, 0, { revision: 1 }), set('old', 4, 4, { revision: 2 })];
  const { create, changes, revision } = plan(deployment({}, undefined, '2'), sets);
  t.equal(create, undefined);
  t.equal(revision, '3');
  t.match(changes[0]?.after.metadata.annotations, {
    'deployment.kubernetes.io/revision': '3',
    'deployment.kubernetes.io/revision-history': '1',
  });
});

void t.test('old ReplicaSets beyond the history limit go when the rollout is complete', async (t) => {
  const old = [1, 2, 3].map((revision) => set(`old${revision}`, 0, 0, { revision }));
  const current = set('new', 4, 4, { revision: 4 });
  const names = (one: DeploymentPlan) => one.deletes.map(({ metadata }) => metadata.name);
  const limit = { revisionHistoryLimit: 1 };
  t.same(names(plan(deployment(limit), [...old, current])), ['web-old1', 'web-old2']);
  t.same(names(plan(deployment(limit), [...old, set('new', 4, 3, { revision: 4 })])), [], 'not before');
  t.same(names(plan(deployment({ revisionHistoryLimit: 0 }), [...old, current])).length, 3);
});

void t.test('conditions tell how the rollout stands', async (t) => {
  type Expected = [type: string, status: string, reason: string][];
  const progressing = (reason: string, lastUpdateTime = MINUTE_AGO, status = 'True'): Deployment['status'] => ({
    observedGeneration: 1,
    conditions: [{ type: 'Progressing', status, reason, lastUpdateTime, lastTransitionTime: MINUTE_AGO }],
  });
  const unavailable = ['Available', 'False', 'MinimumReplicasUnavailable'] as const;
  const available = ['Available', 'True', 'MinimumReplicasAvailable'] as const;
  const failing: ReplicaSet = set('new', 4, 4);
  failing.status = {
    replicas: 0,
    observedGeneration: 1,
    conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' }],
  };
  const cases: [
    name: string,
    spec: Partial<Spec>,
    status: Deployment['status'],
    sets: ReplicaSet[],
    expected: Expected,
  ][] = [
    [
      'new',
      {},
      undefined,
      [set('new', 4, 0, { pods: 0 })],
      [['Progressing', 'True', 'FoundNewReplicaSet'], [...unavailable]],
    ],
    [
      'pods appear',
      {},
      undefined,
      [set('new', 4, 0)],
      [[...unavailable], ['Progressing', 'True', 'ReplicaSetUpdated']],
    ],
    [
      'all there',
      {},
      progressing('ReplicaSetUpdated'),
      [set('new', 4)],
      [[...available], ['Progressing', 'True', 'NewReplicaSetAvailable']].reverse() as Expected,
    ],
    [
      'one of four missing is enough',
      {},
      progressing('NewReplicaSetAvailable'),
      [set('new', 4, 3)],
      [['Progressing', 'True', 'NewReplicaSetAvailable'], [...available]],
    ],
    [
      'stuck',
      { progressDeadlineSeconds: 60 },
      progressing('ReplicaSetUpdated'),
      [set('new', 4, 0, { pods: 0 })],
      [[...unavailable], ['Progressing', 'False', 'ProgressDeadlineExceeded']],
    ],
    [
      'nobody waits',
      { progressDeadlineSeconds: 2 ** 31 - 1 },
      progressing('ReplicaSetUpdated'),
      [set('new', 4, 0)],
      [[...unavailable]],
    ],
    [
      'paused',
      { paused: true },
      progressing('ReplicaSetUpdated'),
      [set('new', 4, 0)],
      [['Progressing', 'Unknown', 'DeploymentPaused'], [...unavailable]],
    ],
    [
      'resumed',
      {},
      progressing('DeploymentPaused', MINUTE_AGO, 'Unknown'),
      [set('new', 4, 0, { pods: 0 })],
      [['Progressing', 'Unknown', 'DeploymentResumed'], [...unavailable]],
    ],
    [
      'pods refused',
      {},
      progressing('ReplicaSetUpdated'),
      [failing],
      [['Progressing', 'True', 'ReplicaSetUpdated'], [...unavailable], ['ReplicaFailure', 'True', 'FailedCreate']],
    ],
    [
      'none wanted',
      { replicas: 0 },
      undefined,
      [set('new', 0, 0, { wanted: 0 })],
      [[...available], ['Progressing', 'True', 'NewReplicaSetAvailable']],
    ],
  ];
  for (const [name, spec, status, sets, expected] of cases) {
    const conditions = plan(deployment(spec, status), sets).status?.conditions ?? [];
    const sorted = (list: Expected) => list.map((one) => one.join(' ')).sort();
    t.same(sorted(conditions.map((one) => [one.type, one.status, one.reason ?? ''])), sorted(expected), name);
  }
});

void t.test(
  'a settled Deployment writes nothing, and one that stands still is looked at when its time is up',
  async (t) => {
    const first = plan(deployment({}, undefined, '1'), [set('new', 4)]);
    const second = plan(deployment({}, first.status, '1'), [set('new', 4)]);
    t.same(second.changes, []);
    t.equal(second.revision, undefined);
    t.same(second.status, first.status);
    t.equal(second.again, undefined);
    t.equal(plan(deployment(), [set('new', 4, 0)]).again, 601_000);
  },
);

void t.test('whatever the state, availability and surge are kept and the rollout ends', async (t) => {
  const property = fc.property(
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 0, max: 12 }),
    (replicas, maxSurge, maxUnavailable, before) => {
      const spec = { replicas, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } };
      let sets = [set('old', before, before, { wanted: replicas })];
      const top = Math.max(before, replicas + maxSurge);
      const least = Math.min(
        before,
        replicas - Math.min(replicas, maxSurge + maxUnavailable === 0 ? 1 : maxUnavailable),
      );
      for (let step = 0; step < 100; step++) {
        const { changes, create } = plan(deployment(spec), sets);
        const after = sets.map((one) => changes.find(({ before: old }) => old === one)?.after ?? one);
        if (create !== undefined)
          after.push({
            ...create,
            metadata: { ...create.metadata, uid: 'new', creationTimestamp: '2025-01-02T00:00:00Z' },
          });
        const total = after.reduce((sum, one) => sum + (one.spec?.replicas ?? 0), 0);
        if (total > top) return false;
        const stays = sets.reduce(
          (sum, one, i) => sum + Math.min(one.status?.availableReplicas ?? 0, after[i]?.spec?.replicas ?? 0),
          0,
        );
        if (stays < least) return false;
        const moved = after.some((one, i) => one.spec?.replicas !== sets[i]?.spec?.replicas);
        // All pods that are wished come up before the next step.
        sets = after.map((one) => ({
          ...one,
          status: {
            replicas: one.spec?.replicas ?? 0,
            availableReplicas: one.spec?.replicas ?? 0,
            observedGeneration: 1,
          },
        }));
        if (!moved) break;
      }
      const end = Object.fromEntries(
        sets.map((one) => [one.metadata.name === 'web-old' ? 'old' : 'new', one.spec?.replicas]),
      );
      return end.old === 0 && end.new === replicas;
    },
  );
  t.doesNotThrow(() => fc.assert(property));
});
