/** Cells of pods and nodes: what a pod is doing, in one word. */
import { humanDuration } from './age.ts';
import { fieldAt, itemsAt, textAt } from './check.ts';
import { fieldsOf, type Fields } from './fill.ts';

const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
const orNone = (text: string): string => (text === '' ? '<none>' : text);

interface Progress {
  reason: string;
  ready: number;
  restarts: number;
  lastRestart: number;
}

/** Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates. */
export function podRow(pod: Fields, now: number, age: string): string[] {
  const spec = fieldAt(pod, 'spec');
  const status = fieldAt(pod, 'status');
  const progress = progressOf(pod);
  const total = itemsAt(spec, 'containers').length + restartableContainers(spec).size;
  const restarts =
    progress.restarts > 0 && progress.lastRestart > 0
      ? `${progress.restarts} (${humanDuration(now - progress.lastRestart)} ago)`
      : String(progress.restarts);
  return [
    `${progress.ready}/${total}`,
    progress.reason,
    restarts,
    age,
    orNone(textAt(status, 'podIP')),
    orNone(textAt(spec, 'nodeName')),
    orNone(textAt(status, 'nominatedNodeName')),
    readinessGates(spec, status),
  ];
}

/** Is the pod at its end? Rows of such pods carry the condition Completed. */
export function podCompletion(pod: Fields): { reason: string; message: string } | undefined {
  switch (fieldAt(pod, 'status').phase) {
    case 'Succeeded':
      return { reason: 'Succeeded', message: 'The pod has completed successfully.' };
    case 'Failed':
      return { reason: 'Failed', message: 'The pod failed.' };
    default:
      return undefined;
  }
}

/** Init containers that stay: sidecars. */
function restartableContainers(spec: Fields): Set<string> {
  const sidecars = itemsAt(spec, 'initContainers').filter((container) => container.restartPolicy === 'Always');
  return new Set(sidecars.map((container) => textAt(container, 'name')));
}

function progressOf(pod: Fields): Progress {
  const status = fieldAt(pod, 'status');
  const phase = textAt(status, 'phase');
  const conditions = itemsAt(status, 'conditions');
  const progress: Progress = { reason: textAt(status, 'reason') || phase, ready: 0, restarts: 0, lastRestart: 0 };
  if (conditions.some((one) => one.type === 'PodScheduled' && one.reason === 'SchedulingGated'))
    progress.reason = 'SchedulingGated';
  const initializing = initProgress(pod, progress);
  const initialized = conditions.some((one) => one.type === 'Initialized' && one.status === 'True');
  if (!initializing || initialized) mainProgress(pod, progress);
  if (fieldAt(pod, 'metadata').deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') progress.reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') progress.reason = 'Terminating';
  }
  return progress;
}

/** @returns whether an init container is still at work, or failed */
function initProgress(pod: Fields, progress: Progress): boolean {
  const spec = fieldAt(pod, 'spec');
  const sidecars = restartableContainers(spec);
  const all = itemsAt(fieldAt(pod, 'status'), 'initContainerStatuses');
  for (const [index, container] of all.entries()) {
    noteRestarts(container, progress);
    const state = fieldAt(container, 'state');
    const ended = fieldsOf(state.terminated);
    const waiting = fieldsOf(state.waiting);
    if (ended?.exitCode === 0) continue;
    if (sidecars.has(textAt(container, 'name')) && container.started === true) {
      if (container.ready === true) progress.ready++;
      continue;
    }
    if (ended !== undefined) progress.reason = `Init:${endReason(ended)}`;
    else if (waiting !== undefined && textAt(waiting, 'reason') !== '' && waiting.reason !== 'PodInitializing')
      progress.reason = `Init:${textAt(waiting, 'reason')}`;
    else progress.reason = `Init:${index}/${itemsAt(spec, 'initContainers').length}`;
    return true;
  }
  return false;
}

function mainProgress(pod: Fields, progress: Progress): void {
  const status = fieldAt(pod, 'status');
  const sidecars = restartableContainers(fieldAt(pod, 'spec'));
  progress.restarts = 0;
  progress.lastRestart = 0;
  for (const container of itemsAt(status, 'initContainerStatuses'))
    if (sidecars.has(textAt(container, 'name'))) noteRestarts(container, progress);
  let running = false;
  for (const container of itemsAt(status, 'containerStatuses').reverse()) {
    noteRestarts(container, progress);
    const state = fieldAt(container, 'state');
    const waiting = fieldsOf(state.waiting);
    const ended = fieldsOf(state.terminated);
    if (waiting !== undefined && textAt(waiting, 'reason') !== '') progress.reason = textAt(waiting, 'reason');
    else if (ended !== undefined) progress.reason = endReason(ended);
    else if (container.ready === true && state.running !== undefined) {
      running = true;
      progress.ready++;
    }
  }
  if (progress.reason === 'Completed' && running) {
    const ready = itemsAt(status, 'conditions').some((one) => one.type === 'Ready' && one.status === 'True');
    progress.reason = ready ? 'Running' : 'NotReady';
  }
}

function noteRestarts(container: Fields, progress: Progress): void {
  progress.restarts += count(container.restartCount);
  const finished = fieldAt(fieldAt(container, 'lastState'), 'terminated').finishedAt;
  if (typeof finished === 'string') progress.lastRestart = Math.max(progress.lastRestart, Date.parse(finished) || 0);
}

function endReason(ended: Fields): string {
  const reason = textAt(ended, 'reason');
  if (reason !== '') return reason;
  return count(ended.signal) !== 0 ? `Signal:${count(ended.signal)}` : `ExitCode:${count(ended.exitCode)}`;
}

function readinessGates(spec: Fields, status: Fields): string {
  const gates = itemsAt(spec, 'readinessGates').map((gate) => gate.conditionType);
  if (gates.length === 0) return '<none>';
  const conditions = itemsAt(status, 'conditions');
  const passed = gates.filter((type) => conditions.some((one) => one.type === type && one.status === 'True'));
  return `${passed.length}/${gates.length}`;
}

/** Status, Roles, Age, Version, Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime. */
export function nodeRow(node: Fields, age: string): string[] {
  const status = fieldAt(node, 'status');
  const info = fieldAt(status, 'nodeInfo');
  const ready = itemsAt(status, 'conditions').find((one) => one.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (fieldAt(node, 'spec').unschedulable === true) words.push('SchedulingDisabled');
  const roles = Object.keys(fieldAt(fieldAt(node, 'metadata'), 'labels'))
    .filter((key) => key.startsWith('node-role.kubernetes.io/'))
    .map((key) => key.slice('node-role.kubernetes.io/'.length))
    .sort();
  const address = (type: string): string =>
    orNone(
      textAt(
        itemsAt(status, 'addresses').find((one) => one.type === type),
        'address',
      ),
    );
  const known = (text: string): string => (text === '' ? '<unknown>' : text);
  return [
    words.join(','),
    orNone(roles.join(',')),
    age,
    textAt(info, 'kubeletVersion'),
    address('InternalIP'),
    address('ExternalIP'),
    known(textAt(info, 'osImage')),
    known(textAt(info, 'kernelVersion')),
    known(textAt(info, 'containerRuntimeVersion')),
  ];
}
