import t from 'tap';
import { CronJob, Job } from '../../../api/core.ts';
import { systemClock } from '../../../kube/clock.ts';
import { planCronJob } from '../../../local/workloads/cronjob/plan.ts';
import { latest, parseSchedule } from '../../../local/workloads/cronjob/schedule.ts';
import { startWorld, until } from './world.ts';

type Spec = NonNullable<CronJob['spec']>;

const at = (text: string): number => Date.parse(`${text}Z`);
const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);

void t.test('when a schedule is due', async (t) => {
  for (const [expression, after, expected, zone] of [
    ['* * * * *', '2026-01-01T00:00:30', '2026-01-01T00:01'],
    ['*/15 * * * *', '2026-01-01T00:15:00', '2026-01-01T00:30'],
    ['5/20 * * * *', '2026-01-01T00:06:00', '2026-01-01T00:25'],
    ['0 9-17/4 * * *', '2026-01-01T10:00:00', '2026-01-01T13:00'],
    ['30 4 1,15 * *', '2026-01-02T00:00:00', '2026-01-15T04:30'],
    ['0 0 * * mon', '2026-01-01T00:00:00', '2026-01-05T00:00'],
    ['0 0 * * 7', '2026-01-01T00:00:00', '2026-01-04T00:00'],
    ['0 0 13 * fri', '2026-01-01T00:00:00', '2026-01-02T00:00'],
    ['0 0 13 * ?', '2026-01-01T00:00:00', '2026-01-13T00:00'],
    ['0 0 29 2 *', '2026-01-01T00:00:00', '2028-02-29T00:00'],
    ['0 0 1 JAN *', '2026-01-02T00:00:00', '2027-01-01T00:00'],
    ['@hourly', '2026-01-01T00:00:00', '2026-01-01T01:00'],
    ['@weekly', '2026-01-01T00:00:00', '2026-01-04T00:00'],
    ['0 0 30 2 *', '2026-01-01T00:00:00', undefined],
    ['0 9 * * *', '2026-07-01T00:00:00', '2026-07-01T07:00', 'Europe/Berlin'],
    ['0 9 * * *', '2026-01-01T00:00:00', '2026-01-01T08:00', 'Europe/Berlin'],
    ['0 9 * * *', '2026-01-01T00:00:00', '2026-01-01T03:30', 'Asia/Kolkata'],
    ['30 1 * * *', '2026-03-28T12:00:00', '2026-03-29T00:30', 'Europe/Berlin'],
  ] as const)
    t.equal(iso(parseSchedule(expression, zone).after(at(after))), expected, `${expression} ${zone ?? ''}`);
  for (const wrong of [
    '',
    '* * * *',
    '60 * * * *',
    '* * * * * *',
    'x * * * *',
    '*/0 * * * *',
    '5-1 * * * *',
    '0 0 0 * *',
  ])
    t.throws(() => parseSchedule(wrong), /schedule/, wrong);
  t.throws(() => parseSchedule('* * * * *', 'Nowhere/There'));
  const everyMinute = parseSchedule('* * * * *');
  t.equal(iso(latest(everyMinute, at('2020-01-01T00:00:00'), at('2026-01-01T00:00:30'))), '2026-01-01T00:00');
  t.equal(latest(parseSchedule('@yearly'), at('2026-01-01T00:00:00'), at('2026-06-01T00:00:00')), undefined);
});

function cronJob(spec: Partial<Spec> = {}, status: CronJob['status'] = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default', uid: 'c', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      schedule: '*/10 * * * *',
      jobTemplate: {
        metadata: { labels: { of: 'tick' } },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'one' }] } } },
      },
      ...spec,
    },
    status,
  };
}

const job = (name: string, end?: 'Complete' | 'Failed', startTime = '2026-01-01T00:10:00Z'): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default', uid: name },
  status: { startTime, conditions: end === undefined ? [] : [{ type: end, status: 'True' }] },
});

void t.test('what a CronJob does at a time', async (t) => {
  const due = `tick-${at('2026-01-01T00:20:00') / 60_000}`;
  const cases: [name: string, spec: Partial<Spec>, jobs: Job[], created: string | undefined, deleted: string[]][] = [
    ['starts the latest that is due', {}, [], due, []],
    ['not twice', {}, [job(due)], undefined, []],
    ['beside another', {}, [job('other')], due, []],
    ['not beside another', { concurrencyPolicy: 'Forbid' }, [job('other')], undefined, []],
    ['after another', { concurrencyPolicy: 'Forbid' }, [job('other', 'Complete')], due, []],
    ['instead of another', { concurrencyPolicy: 'Replace' }, [job('other')], due, ['other']],
    ['suspended', { suspend: true }, [], undefined, []],
    ['too late to begin', { startingDeadlineSeconds: 60 }, [], undefined, []],
    [
      'keeps one failed',
      { suspend: true },
      [job('a', 'Failed'), job('b', 'Failed', '2026-01-01T00:11:00Z')],
      undefined,
      ['a'],
    ],
    [
      'keeps as many as told',
      { suspend: true, successfulJobsHistoryLimit: 0 },
      [job('a', 'Complete')],
      undefined,
      ['a'],
    ],
    ['says so when it cannot be read', { schedule: 'x' }, [], undefined, []],
  ];
  for (const [name, spec, jobs, created, deleted] of cases) {
    const plan = planCronJob(cronJob(spec), jobs, at('2026-01-01T00:25:00'));
    t.equal(plan.create?.metadata.name, created, name);
    t.same(
      plan.deletes.map(({ metadata }) => metadata.name),
      deleted,
      name,
    );
  }
  const plan = planCronJob(cronJob(), [], at('2026-01-01T00:25:00'));
  t.equal(plan.again, 5 * 60_000);
  t.match(plan.status, { lastScheduleTime: '2026-01-01T00:20:00Z' });
  t.match(plan.create?.metadata, {
    labels: { of: 'tick' },
    annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:20:00Z' },
    ownerReferences: [{ kind: 'CronJob', name: 'tick', uid: 'c', controller: true }],
  });
  t.match(planCronJob(cronJob({ schedule: 'x' }), [], 0).events, [{ reason: 'UnparseableSchedule' }]);
});

void t.test('a Job is started when its minute comes, and goes with its CronJob', async (t) => {
  // Half a minute from any full one, whenever this runs.
  let now = Math.floor(Date.now() / 60_000) * 60_000 + 30_000;
  const timers: (() => void)[] = [];
  const clock = {
    now: () => now,
    after: (delay: number, task: () => void) => {
      if (delay < 1_000) return systemClock.after(delay, task);
      timers.push(task);
      return () => undefined;
    },
  };
  const world = await startWorld(t, { clock });
  await world.client.create(CronJob, cronJob({ schedule: '* * * * *' }));
  await until(world, CronJob, () => timers.length > 0);
  t.same(world.informers.of(Job).list(), []);
  now += 60_000;
  for (const task of timers.splice(0)) task();
  const [started] = await until(world, Job, (all) => all.length === 1);
  await until(
    world,
    CronJob,
    ([one]) => one?.status?.active?.[0]?.name === started?.metadata.name && one?.status?.lastScheduleTime !== undefined,
  );
  await world.client.delete(CronJob, 'default', 'tick');
  await until(world, Job, (all) => all.length === 0);
  t.same(world.log, []);
});
