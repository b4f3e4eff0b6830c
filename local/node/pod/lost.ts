/** What became of a container whose agent went away: its process is gone, and nobody saw it end. */
import type { Pod } from '../../../api/core.ts';
import type { ContainerRecord, Termination } from './container-record.ts';

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

const MESSAGE = 'The container could not be located when the node agent started';
const LOST = 137;

/** @param now milliseconds since the epoch */
export function lostRecord(status: ContainerStatus, now: number): ContainerRecord {
  const { name, image, imageID, containerID, restartCount } = status;
  const { running, terminated } = status.state ?? {};
  const base = { name, image, imageID, containerID, started: false, ready: false };
  const last = terminationOf(status.lastState?.terminated);
  const end = terminationOf(terminated);
  if (end !== undefined) return { ...base, state: { kind: 'terminated', ...end }, last, restartCount };
  if (running === undefined)
    return { ...base, state: { kind: 'waiting', reason: 'ContainerCreating' }, last, restartCount };
  const lost: Termination = {
    exitCode: LOST,
    reason: 'ContainerStatusUnknown',
    message: MESSAGE,
    startedAt: running.startedAt === undefined ? undefined : Date.parse(running.startedAt),
    finishedAt: now,
    containerID,
  };
  return { ...base, state: { kind: 'terminated', ...lost }, last: lost, restartCount: restartCount + 1 };
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;

function terminationOf(end: Terminated | undefined): Termination | undefined {
  if (end === undefined) return undefined;
  const { exitCode, signal, reason, message, containerID } = end;
  return {
    exitCode,
    signal,
    reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
    message,
    startedAt: end.startedAt === undefined ? undefined : Date.parse(end.startedAt),
    finishedAt: end.finishedAt === undefined ? 0 : Date.parse(end.finishedAt),
    containerID,
  };
}
