import t from 'tap';
import type { Pod } from '../../../../api/core.ts';
import type { ContainerRecord, ContainerState } from '../../../../local/node/pod/container-record.ts';
import { podStatus, type PodView } from '../../../../local/node/pod/pod-status.ts';
import { FRESH, nextRestart, restarts } from '../../../../local/node/pod/restart.ts';
import { lostRecord } from '../../../../local/node/pod/lost.ts';

const NOW = Date.parse('2026-01-01T00:00:10Z');
const running: ContainerState = { kind: 'running', startedAt: NOW };
const waiting: ContainerState = { kind: 'waiting', reason: 'CrashLoopBackOff' };
const ended = (exitCode: number): ContainerState => ({ kind: 'terminated', exitCode, reason: 'x', finishedAt: NOW });
const last = { exitCode: 1, reason: 'Error', finishedAt: NOW };

function record(state: ContainerState, more: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    name: 'c',
    image: 'i',
    imageID: '',
    state,
    restartCount: 0,
    started: state.kind === 'running',
    ready: state.kind === 'running',
    ...more,
  };
}

function podOf(restartPolicy: string, more: object = {}, status: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { restartPolicy, containers: [], ...more },
    status,
  } as unknown as Pod;
}

function view(containers: ContainerRecord[], more: Partial<PodView> = {}): PodView {
  return { init: [], containers, podIP: '127.1.1.1', hostIP: '127.0.0.1', startTime: NOW, terminating: false, ...more };
}

for (const [name, policy, records, phase, ready] of [
  ['all running', 'Always', [record(running), record(running)], 'Running', 'True'],
  ['one not ready', 'Always', [record(running), record(running, { ready: false })], 'Running', 'False'],
  [
    'one not begun',
    'Always',
    [record(running), record({ kind: 'waiting', reason: 'ContainerCreating' })],
    'Pending',
    'False',
  ],
  ['in back-off', 'Always', [record(waiting, { last })], 'Running', 'False'],
  ['ended, to be started again', 'Always', [record(ended(0))], 'Running', 'False'],
  ['ended well', 'Never', [record(ended(0)), record(ended(0))], 'Succeeded', 'False'],
  ['ended badly', 'Never', [record(ended(0)), record(ended(2))], 'Failed', 'False'],
  ['ended badly, to be started again', 'OnFailure', [record(ended(2))], 'Running', 'False'],
  ['one ended, one running', 'Never', [record(ended(2)), record(running)], 'Running', 'False'],
] satisfies [string, string, ContainerRecord[], string, string][]) {
  void t.test(`phase and readiness: ${name} under ${policy}`, async (t) => {
    const status = podStatus(podOf(policy), view(records), NOW);
    t.equal(status.phase, phase);
    t.equal(status.conditions?.find((condition) => condition.type === 'Ready')?.status, ready);
  });
}

void t.test('init containers hold the pod in Pending and fail it where nothing starts them again', async (t) => {
  const spec = { initContainers: [{ name: 'i' }] };
  const init = (state: ContainerState): Partial<PodView> => ({ init: [record(state, { name: 'i' })] });
  t.equal(podStatus(podOf('Always', spec), view([record(waiting)], init(running)), NOW).phase, 'Pending');
  t.equal(podStatus(podOf('Never', spec), view([record(waiting)], init(ended(1))), NOW).phase, 'Failed');
  const { phase, conditions } = podStatus(podOf('Never', spec), view([record(running)], init(ended(0))), NOW);
  t.equal(phase, 'Running');
  t.equal(conditions?.find((condition) => condition.type === 'Initialized')?.status, 'True');
});

void t.test('conditions keep their times, gates and others’ conditions count', async (t) => {
  const old = '2025-01-01T00:00:00Z';
  const before = {
    conditions: [
      { type: 'Ready', status: 'True', lastTransitionTime: old },
      { type: 'ContainersReady', status: 'False', lastTransitionTime: old },
      { type: 'custom/gate', status: 'False', lastTransitionTime: old },
    ],
  };
  const at = (status: ReturnType<typeof podStatus>, type: string) =>
    status.conditions?.find((one) => one.type === type);
  const same = podStatus(podOf('Always', {}, before), view([record(running)]), NOW);
  t.match(at(same, 'Ready'), { status: 'True', lastTransitionTime: old });
  t.match(at(same, 'ContainersReady'), { status: 'True', lastTransitionTime: '2026-01-01T00:00:10Z' });
  t.match(at(same, 'custom/gate'), { status: 'False' });
  const gated = podStatus(
    podOf('Always', { readinessGates: [{ conditionType: 'custom/gate' }] }, before),
    view([record(running)]),
    NOW,
  );
  t.match(at(gated, 'Ready'), { status: 'False', reason: 'ReadinessGatesNotReady' });
  t.match(at(podStatus(podOf('Always'), view([record(running)], { terminating: true }), NOW), 'Ready'), {
    status: 'False',
    reason: 'PodTerminating',
  });
});

void t.test('restarts: at once, then 10 s doubling to 5 min, anew after 10 minutes of running', async (t) => {
  let backOff = FRESH;
  const delays: number[] = [];
  for (let index = 0; index < 9; index++) {
    const [delay, after] = nextRestart(backOff, 1_000);
    delays.push(delay / 1000);
    backOff = after;
  }
  t.same(delays, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
  t.equal(nextRestart(backOff, 600_000)[0], 0);
  t.same(
    [
      restarts('Always', 0),
      restarts('OnFailure', 0),
      restarts('OnFailure', 1),
      restarts('Never', 1),
      restarts(undefined, 0),
    ],
    [true, false, true, false, true],
  );
});

void t.test('what ran when the agent went away has ended unseen; what had ended stays as it was', async (t) => {
  const base = { name: 'c', image: 'i', imageID: '', ready: true, restartCount: 2 };
  t.match(lostRecord({ ...base, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }, NOW), {
    restartCount: 3,
    ready: false,
    last: { exitCode: 137, reason: 'ContainerStatusUnknown' },
  });
  t.match(lostRecord({ ...base, state: { terminated: { exitCode: 0, reason: 'Completed' } } }, NOW), {
    restartCount: 2,
    state: { kind: 'terminated', exitCode: 0, reason: 'Completed' },
  });
  t.match(lostRecord({ ...base, state: { waiting: { reason: 'CrashLoopBackOff' } } }, NOW), {
    restartCount: 2,
    state: { kind: 'waiting', reason: 'ContainerCreating' },
  });
});
