import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { Condition, DuckStatus, KubeObject } from '../../../api/object.ts';
import { configurationReconciler } from '../../../serving/controller/configuration/configuration.ts';
import type { ConfigStore } from '../../../serving/controller/config/store.ts';
import { DigestResolver } from '../../../serving/controller/revision/digest.ts';
import { revisionReconciler } from '../../../serving/controller/revision/revision.ts';
import { routeReconciler } from '../../../serving/controller/route/route.ts';
import { serviceReconciler } from '../../../serving/controller/service/service.ts';
import type { Reconciler } from '../../../kube/reconciler.ts';
import {
  aConfiguration,
  aDeployment,
  aPod,
  aPodAutoscaler,
  aRevision,
  aRoute,
  aService,
  BEFORE,
  ownedBy,
  over,
  type Changes,
} from './given.ts';
import { passOver } from './pass.ts';

type Statused = KubeObject & { status?: DuckStatus };

/** Passes that the first one may need to see what it has made itself, and to say so. */
const MOST = 4;
const RUNS = { numRuns: 60 };

/** Passes until one changes nothing. @throws when they do not come to an end */
async function settle<T extends Statused>(
  make: (config: ConfigStore) => Reconciler<T>,
  object: T,
  others: readonly KubeObject[],
): Promise<T> {
  let [now, rest] = [object, others];
  for (let passes = 0; ; passes++) {
    const { writes, status, failure } = await passOver(make, now, { others: rest });
    const next = status === undefined ? now : { ...now, status: status as T['status'] };
    if (writes.length === 0) {
      try {
        assert.deepStrictEqual(next, now);
        return next;
      } catch (error) {
        if (passes >= MOST) throw error;
      }
    }
    assert.ok(passes < MOST, `still writing: ${writes.map(({ verb }) => verb).join()} ${failure ?? ''}`);
    [now, rest] = [next, writes.reduce(stored, rest)];
  }
}

/** What the API server makes of a write. */
function stored(objects: readonly KubeObject[], { verb, object }: { verb: string; object?: unknown }): KubeObject[] {
  const [what, kind, name = ''] = verb.split(' ');
  const body = object as KubeObject;
  const metadata = { uid: `uid-of-${name}`, generation: 1, ...body?.metadata };
  const left = objects.filter((one) => one.kind !== kind || one.metadata.name !== name);
  return what === 'delete' ? left : [...left, { ...body, metadata }];
}

/** What must hold of any status that is written. */
function check({ metadata, status }: Statused, dependents: readonly string[]): void {
  const is = (type: string) => status?.conditions?.find((one) => one.type === type)?.status;
  const states = dependents.map(is);
  const told = JSON.stringify(status?.conditions);
  assert.equal(status?.observedGeneration, metadata.generation);
  if (dependents.length > 0)
    assert.equal(
      is('Ready') === 'True',
      states.every((one) => one === 'True'),
      told,
    );
  if (states.includes('False')) assert.equal(is('Ready'), 'False', told);
}

const condition = (type: string): fc.Arbitrary<Condition[]> =>
  fc.oneof(
    fc.constant<Condition[]>([]),
    fc
      .record({
        status: fc.constantFrom('True', 'False', 'Unknown'),
        reason: fc.constantFrom(undefined, 'Deploying', 'SomeReason'),
        message: fc.constantFrom(undefined, 'words', '%s %q'),
      })
      .map((rest): Condition[] => [{ type, ...rest, lastTransitionTime: BEFORE } as Condition]),
  );
const conditionsOf = (...types: string[]) => fc.tuple(...types.map(condition)).map((lists) => lists.flat());
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.oneof({ weight: 1, arbitrary: fc.constant<T[]>([]) }, { weight: 3, arbitrary: one.map((it) => [it]) });
const statusOf = (conditions: fc.Arbitrary<Condition[]>, more: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc.record({ observedGeneration: fc.constantFrom(0, 1), conditions, ...more });
const name = fc.constantFrom(undefined, 'svc-00001', 'svc-00002', 'gone');
const changes = (one: object) => one as Changes;
const owned = { metadata: { ownerReferences: [ownedBy('Service', 'svc')] } };

const configuration = statusOf(condition('Ready'), {
  latestReadyRevisionName: name,
  latestCreatedRevisionName: name,
}).map((status) => aConfiguration(changes({ ...owned, status })));
const route = statusOf(condition('Ready'), {
  traffic: fc.constantFrom(undefined, [{ revisionName: 'svc-00001', percent: 100, latestRevision: true }]),
}).map((status) =>
  aRoute([{ latestRevision: true, percent: 100, configurationName: 'svc' }], changes({ ...owned, status })),
);
const revisions = fc
  .subarray(['svc-00001', 'svc-00002', 'svc-00003'])
  .chain((names) =>
    fc.tuple(...names.map((one) => statusOf(condition('Ready')).map((status) => aRevision(one, changes({ status }))))),
  );

t.test('passes over a Service, whatever its children say, come to an end', async (t) => {
  await fc.assert(
    fc.asyncProperty(maybe(configuration), maybe(route), async (configurations, routes) => {
      const settled = await settle(() => serviceReconciler, aService(), [...configurations, ...routes]);
      check(settled, ['ConfigurationsReady', 'RoutesReady']);
    }),
    RUNS,
  );
  t.pass();
});

t.test('passes over a Configuration, whatever its Revisions say, come to an end', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      name,
      revisions,
      async (generation, latestReadyRevisionName, found) => {
        const object = aConfiguration(changes({ metadata: { generation }, status: { latestReadyRevisionName } }));
        check(await settle(() => configurationReconciler, object, found), []);
      },
    ),
    RUNS,
  );
  t.pass();
});

t.test('passes over a Revision, whatever becomes of its pods, come to an end', async (t) => {
  const deployment = fc
    .record({
      spec: fc.record({ replicas: fc.constantFrom(0, 1) }),
      status: fc.record({
        conditions: conditionsOf('Progressing', 'ReplicaFailure'),
        readyReplicas: fc.constantFrom(undefined, 0, 1),
        availableReplicas: fc.constantFrom(undefined, 0, 1),
      }),
    })
    .map((rest) => aDeployment('svc-00001', changes(rest)));
  const autoscaler = statusOf(conditionsOf('Ready', 'ScaleTargetInitialized'), {
    serviceName: fc.constantFrom(undefined, 'svc-00001'),
    actualScale: fc.constantFrom(undefined, -1, 0, 2),
    desiredScale: fc.constantFrom(undefined, -1, 0, 2),
  }).map((status) => aPodAutoscaler('svc-00001', changes({ status })));
  const container = fc.record({
    name: fc.constant('c'),
    ready: fc.boolean(),
    state: fc.constantFrom(
      {},
      { running: {} },
      { waiting: { reason: 'ImagePullBackOff', message: 'm' } },
      { waiting: {} },
    ),
    lastState: fc.constantFrom(
      undefined,
      { terminated: { exitCode: 0 } },
      { terminated: { exitCode: 9, message: 'x' } },
    ),
  });
  const pod = fc
    .record({ conditions: condition('PodScheduled'), containerStatuses: maybe(container) })
    .map((status) => aPod('svc-00001', changes({ status })));
  const digests = new DigestResolver({ resolveImage: () => Promise.reject(new Error('asked')) });
  t.teardown(() => digests.stop());
  const known = aRevision('svc-00001', { status: { containerStatuses: [{ name: 'user-container' }] } });
  const state = fc.constantFrom(undefined, 'pending', 'active', 'reserve');
  await fc.assert(
    fc.asyncProperty(state, maybe(deployment), maybe(autoscaler), maybe(pod), async (routing, ...found) => {
      const object = over(known, { metadata: { labels: { 'serving.knative.dev/routingState': routing } } });
      const settled = await settle((config) => revisionReconciler(config, digests), object, found.flat());
      check(settled, ['ResourcesAvailable', 'ContainerHealthy']);
    }),
    RUNS,
  );
  t.pass();
});

t.test('passes over a Route, whatever it leads to, come to an end', async (t) => {
  const target = fc.record({
    revisionName: name,
    tag: fc.constantFrom(undefined, 'a', 'b'),
    percent: fc.constantFrom(0, 50, 100),
  });
  const traffic = fc
    .array(target, { minLength: 1, maxLength: 3 })
    .map((targets) =>
      targets.map(({ revisionName, ...rest }) =>
        revisionName === undefined
          ? { ...rest, configurationName: 'svc', latestRevision: true }
          : { ...rest, revisionName, latestRevision: false },
      ),
    );
  await fc.assert(
    fc.asyncProperty(traffic, maybe(configuration), revisions, async (targets, configurations, found) => {
      const settled = await settle((config) => routeReconciler(config), aRoute(targets), [...configurations, ...found]);
      check(settled, ['AllTrafficAssigned', 'IngressReady', 'CertificateProvisioned']);
    }),
    RUNS,
  );
  t.pass();
});
