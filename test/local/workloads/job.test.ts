import t from 'tap';
import fc from 'fast-check';
import { Job, Pod } from '../../../api/core.ts';
import { formatIndexes, parseIndexes } from '../../../local/workloads/job/indexes.ts';
import { planJob } from '../../../local/workloads/job/plan.ts';
import { TRACKING_FINALIZER } from '../../../local/workloads/job/pod.ts';
import { startWorld, until, type World } from './world.ts';

type JobSpec = NonNullable<Job['spec']>;

function job(spec: Partial<JobSpec> = {}, name = 'work'): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'one' }] } }, ...spec },
  };
}

/** Stands in for the node agent: each pod ends as `outcome` says, those that are deleted go. */
function endPods(world: World, outcome: (pod: Pod) => 'Succeeded' | 'Failed' | undefined): void {
  const end = async (pod: Pod): Promise<void> => {
    const { namespace, name, uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      await world.client.delete(Pod, namespace, name, { gracePeriodSeconds: 0, uid });
      return;
    }
    const phase = outcome(pod);
    if (pod.spec?.nodeName === undefined || pod.status?.phase !== 'Pending' || phase === undefined) return;
    await world.client.patch(Pod, namespace, name, { status: { phase } }, { subresource: 'status' });
  };
  world.informers.of(Pod).onChange((_previous, current) => {
    // The pod may be gone by then.
    if (current !== undefined) void end(current).catch(() => undefined);
  });
}

const ended = (one: Job | undefined, type: string) =>
  one?.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;

void t.test('runs to its number of completions, never more at once than it may', async (t) => {
  const world = await startWorld(t);
  let most = 0;
  world.informers.of(Pod).onChange(() => {
    const active = world.informers
      .of(Pod)
      .list()
      .filter(({ status }) => status?.phase === 'Pending');
    most = Math.max(most, active.length);
  });
  endPods(world, () => 'Succeeded');
  await world.client.create(Job, job({ completions: 5, parallelism: 2 }));
  const [done] = await until(world, Job, ([one]) => ended(one, 'Complete'));
  t.match(done?.status, { succeeded: 5, uncountedTerminatedPods: {}, completionTime: String });
  t.equal(world.informers.of(Pod).list().length, 5);
  t.ok(most <= 2, `${most} at once`);
  await until(world, Pod, (all) =>
    all.every(({ metadata }) => !(metadata.finalizers ?? []).includes(TRACKING_FINALIZER)),
  );
  await world.client.delete(Job, 'default', 'work');
  await until(world, Pod, (all) => all.length === 0);
  t.same(world.log, []);
});

void t.test('an Indexed Job does each index once, and its pods know theirs', async (t) => {
  const world = await startWorld(t);
  endPods(world, () => 'Succeeded');
  await world.client.create(Job, job({ completions: 4, parallelism: 4, completionMode: 'Indexed' }));
  const [done] = await until(world, Job, ([one]) => ended(one, 'Complete'));
  t.match(done?.status, { succeeded: 4, completedIndexes: '0-3' });
  const pods = world.informers.of(Pod).list();
  t.same(pods.map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index']).sort(), [
    '0',
    '1',
    '2',
    '3',
  ]);
  t.match(pods[0]?.spec?.containers[0]?.env, [{ name: 'JOB_COMPLETION_INDEX' }]);
});

void t.test('fails when too many pods did', async (t) => {
  const world = await startWorld(t);
  endPods(world, () => 'Failed');
  await world.client.create(Job, job({ backoffLimit: 0, parallelism: 1 }));
  const [failed] = await until(world, Job, ([one]) => ended(one, 'Failed'));
  t.match(failed?.status, {
    failed: 1,
    conditions: [{ type: 'FailureTarget' }, { type: 'Failed', reason: 'BackoffLimitExceeded' }],
  });
  t.equal(world.informers.of(Pod).list().length, 1);
});

void t.test('fails when its time is up, taking its pods along', async (t) => {
  const world = await startWorld(t);
  endPods(world, () => undefined);
  await world.client.create(Job, job({ activeDeadlineSeconds: 1, parallelism: 2, completions: 2 }));
  await until(world, Job, ([one]) => ended(one, 'Failed'));
  t.match(world.informers.of(Job).list()[0]?.status?.conditions?.at(-1), { reason: 'DeadlineExceeded' });
  await until(world, Pod, (all) => all.length === 0);
});

void t.test('goes by itself when told to, and a deleted one leaves no pod behind', async (t) => {
  const world = await startWorld(t);
  endPods(world, (pod) => (pod.metadata.name.startsWith('short') ? 'Succeeded' : undefined));
  await world.client.create(Job, job({ ttlSecondsAfterFinished: 0 }, 'short'));
  await world.client.create(Job, job({ parallelism: 2, completions: 2 }, 'long'));
  await until(world, Pod, (all) => all.some(({ metadata }) => metadata.name.startsWith('long')));
  await until(world, Job, (all) => all.length === 1 && all[0]?.metadata.name === 'long');
  await world.client.delete(Job, 'default', 'long');
  await until(world, Pod, (all) => all.length === 0);
  t.same(world.log, []);
});

void t.test('suspended it runs nothing and forgives; resumed it goes on', async (t) => {
  const world = await startWorld(t);
  let finish = false;
  endPods(world, () => (finish ? 'Succeeded' : undefined));
  await world.client.create(Job, job({ completions: 2, parallelism: 2 }));
  await until(world, Pod, (all) => all.length === 2);
  await world.client.patch(Job, 'default', 'work', { spec: { suspend: true } });
  await until(world, Pod, (all) => all.length === 0);
  const [held] = await until(world, Job, ([one]) => ended(one, 'Suspended') && one?.status?.active === undefined);
  t.equal(held?.status?.failed, undefined);
  finish = true;
  await world.client.patch(Job, 'default', 'work', { spec: { suspend: false } });
  await until(world, Job, ([one]) => ended(one, 'Complete'));
});

void t.test('retries wait longer each time', async (t) => {
  const start = Date.parse('2026-01-01T00:00:00Z');
  const failed = (seconds: number): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${seconds}`, uid: `u${seconds}` },
    spec: { containers: [] },
    status: {
      phase: 'Failed',
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 1, finishedAt: new Date(start + seconds * 1000).toISOString() } },
        },
      ],
    },
  });
  const one: Job = { ...job({ backoffLimit: 6 }), status: { failed: 1, startTime: '2026-01-01T00:00:00Z' } };
  const again = (pods: Pod[], seconds: number) => {
    const plan = planJob(one, pods, true, start + seconds * 1000);
    return plan.creates.length > 0 ? 'now' : plan.again;
  };
  t.equal(again([], 0), 'now');
  t.equal(again([failed(0)], 4), 6_000);
  t.equal(again([failed(0)], 10), 'now');
  t.equal(again([failed(0), failed(10)], 10), 20_000);
  t.equal(again([failed(0), failed(10), failed(30)], 60), 10_000);
});

void t.test('indexes are written as runs and read back', async (t) => {
  t.equal(formatIndexes(new Set([0, 1, 2, 5, 7, 8])), '0-2,5,7-8');
  t.same([...parseIndexes('0-2,5,x,7-99', 9)], [0, 1, 2, 5, 7, 8]);
  const property = fc.property(fc.uniqueArray(fc.nat({ max: 200 })), (indexes) => {
    const back = parseIndexes(formatIndexes(new Set(indexes)), 201);
    return back.size === indexes.length && indexes.every((index) => back.has(index));
  });
  t.doesNotThrow(() => fc.assert(property));
});
