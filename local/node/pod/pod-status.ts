/** The status of a pod from what is known of its containers; pure. Source: Kubernetes "Pod Lifecycle". */
import type { Pod } from '../../../api/core.ts';
import type { ContainerRecord, Termination } from './container-record.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export type PodStatus = NonNullable<Pod['status']>;
type PodCondition = NonNullable<PodStatus['conditions']>[number];
type ContainerStatus = NonNullable<PodStatus['containerStatuses']>[number];

export interface PodView {
  readonly init: readonly ContainerRecord[];
  readonly containers: readonly ContainerRecord[];
  readonly podIP?: string;
  readonly hostIP: string;
  /** Milliseconds since the epoch. */
  readonly startTime: number;
  readonly terminating: boolean;
  /** Ends the pod whatever its containers say: why it cannot run here. */
  readonly refused?: { readonly reason: string; readonly message: string };
}

/** Ours to write; conditions of other types belong to others and are kept. */
const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

/** @param now milliseconds since the epoch: the transition time of conditions that change */
export function podStatus(pod: Pod, view: PodView, now: number): PodStatus {
  const phase = phaseOf(pod, view);
  const before = pod.status?.conditions ?? [];
  return {
    phase,
    ...(view.refused ?? {}),
    conditions: [
      ...before.filter((condition) => !OWN.includes(condition.type)),
      ...conditionsOf(pod, view, phase).map((condition) => dated(condition, before, now)),
    ],
    hostIP: view.hostIP,
    hostIPs: [{ ip: view.hostIP }],
    ...(view.podIP === undefined ? {} : { podIP: view.podIP, podIPs: [{ ip: view.podIP }] }),
    startTime: timestamp(view.startTime),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
    ...(view.init.length === 0 ? {} : { initContainerStatuses: view.init.map(containerStatus) }),
    containerStatuses: view.containers.map(containerStatus),
  };
}

export function phaseOf(pod: Pod, view: PodView): string {
  if (view.refused !== undefined) return 'Failed';
  const policy = pod.spec?.restartPolicy ?? 'Always';
  const sidecars = sidecarNames(pod);
  const init = view.init.filter((record) => !sidecars.has(record.name));
  if (init.some((record) => failed(record)) && policy === 'Never') return 'Failed';
  if (!isInitialized(pod, view)) return 'Pending';
  const states = view.containers;
  if (states.some((record) => record.state.kind === 'waiting' && record.last === undefined)) return 'Pending';
  if (states.some((record) => record.state.kind === 'running')) return 'Running';
  if (policy === 'Always' || states.some((record) => record.state.kind === 'waiting')) return 'Running';
  if (states.every((record) => record.state.kind === 'terminated' && record.state.exitCode === 0)) return 'Succeeded';
  return policy === 'Never' || view.terminating ? 'Failed' : 'Running';
}

function failed(record: ContainerRecord): boolean {
  return record.state.kind === 'terminated' && record.state.exitCode !== 0;
}

function isInitialized(pod: Pod, view: PodView): boolean {
  const sidecars = sidecarNames(pod);
  return view.init.every((record) =>
    sidecars.has(record.name) ? record.started : record.state.kind === 'terminated' && record.state.exitCode === 0,
  );
}

/** Init containers that go on running beside the others. */
export function sidecarNames(pod: Pod): ReadonlySet<string> {
  const all = pod.spec?.initContainers ?? [];
  return new Set(all.filter((container) => container.restartPolicy === 'Always').map((container) => container.name));
}

type Undated = Omit<PodCondition, 'lastTransitionTime'>;

function conditionsOf(pod: Pod, view: PodView, phase: string): Undated[] {
  const initialized = isInitialized(pod, view);
  const pending = view.init.filter((record) => !(record.state.kind === 'terminated' && !failed(record)));
  const unready = view.containers.filter((record) => !record.ready).map((record) => record.name);
  const containers: Undated =
    phase === 'Succeeded' || phase === 'Failed'
      ? { type: 'ContainersReady', status: 'False', reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
      : unready.length > 0
        ? {
            type: 'ContainersReady',
            status: 'False',
            reason: 'ContainersNotReady',
            message: `containers with unready status: [${unready.join(' ')}]`,
          }
        : { type: 'ContainersReady', status: 'True' };
  return [
    { type: 'PodReadyToStartContainers', status: view.podIP === undefined ? 'False' : 'True' },
    initialized
      ? { type: 'Initialized', status: 'True' }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: [${pending.map((record) => record.name).join(' ')}]`,
        },
    ready(pod, view, containers),
    containers,
    { type: 'PodScheduled', status: 'True' },
  ];
}

function ready(pod: Pod, view: PodView, containers: Undated): Undated {
  if (containers.status === 'True' && view.terminating)
    return { type: 'Ready', status: 'False', reason: 'PodTerminating', message: 'the pod is being deleted' };
  const gates = (pod.spec?.readinessGates ?? []).map((gate) => gate.conditionType);
  const closed = gates.filter(
    (type) => pod.status?.conditions?.find((condition) => condition.type === type)?.status !== 'True',
  );
  if (containers.status !== 'True' || closed.length === 0) return { ...containers, type: 'Ready' };
  return {
    type: 'Ready',
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: closed.map((type) => `corresponding condition of pod readiness gate "${type}" is not true`).join(', '),
  };
}

function dated(condition: Undated, before: readonly PodCondition[], now: number): PodCondition {
  const old = before.find((one) => one.type === condition.type);
  const kept = old?.status === condition.status ? old.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: kept ?? timestamp(now) };
}

function containerStatus(record: ContainerRecord): ContainerStatus {
  const { state } = record;
  return {
    name: record.name,
    image: record.image,
    imageID: record.imageID,
    ...(record.containerID === undefined ? {} : { containerID: record.containerID }),
    restartCount: record.restartCount,
    started: record.started,
    ready: record.ready,
    state:
      state.kind === 'running'
        ? { running: { startedAt: timestamp(state.startedAt) } }
        : state.kind === 'terminated'
          ? { terminated: terminated(state) }
          : { waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) } },
    lastState: record.last === undefined ? {} : { terminated: terminated(record.last) },
  };
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;

function terminated(end: Termination): Terminated {
  return {
    exitCode: end.exitCode,
    ...(end.signal === undefined ? {} : { signal: end.signal }),
    reason: end.reason,
    ...(end.message === undefined || end.message === '' ? {} : { message: end.message }),
    ...(end.startedAt === undefined ? {} : { startedAt: timestamp(end.startedAt) }),
    finishedAt: timestamp(end.finishedAt),
    ...(end.containerID === undefined ? {} : { containerID: end.containerID }),
  };
}

/** Source: Kubernetes "Pod Quality of Service Classes". */
export function qosClass(pod: Pod): string {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map((one) => one.resources ?? {});
  const amounts = all.flatMap(({ limits, requests }) => [...Object.keys(limits ?? {}), ...Object.keys(requests ?? {})]);
  if (!amounts.some((name) => name === 'cpu' || name === 'memory')) return 'BestEffort';
  const guaranteed = all.every(({ limits, requests }) =>
    ['cpu', 'memory'].every(
      (name) => limits?.[name] !== undefined && (requests?.[name] ?? limits[name]) === limits[name],
    ),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
