/** What Deployment, pods and PodAutoscaler say of a Revision. Pure. Source: reference section 1.4, "Revision". */
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import type { Deployment, Pod } from '../../../api/core.ts';
import { REVISION_CONDITIONS, type Revision, type RevisionStatus } from '../../../api/serving/revision.ts';
import { conditionOf, type Conditions } from '../../../kube/conditions.ts';

const [RESOURCES_AVAILABLE, CONTAINER_HEALTHY] = REVISION_CONDITIONS;
const ACTIVE = 'Active';
const DEPLOYING = 'Deploying';
const DEADLINE_EXCEEDED = 'ProgressDeadlineExceeded';
export const RESOLVING_DIGESTS = 'ResolvingDigests';
const NEVER_READY =
  'Initial scale was never achieved: no pod became ready within the progress deadline. See the logs of its pods, or raise serving.knative.dev/progress-deadline.';
const WAITING = 'Waiting for the first pod to become ready.';
export const LOOKING_UP = 'Looking up the digests of the images.';
/** Messages of a Revision that goes its way to its first pod: they explain nothing further up. */
const ON_ITS_WAY: readonly string[] = ['', LOOKING_UP, WAITING];
/** States of a container that pass by themselves. */
const STARTING: readonly (string | undefined)[] = ['ContainerCreating', 'PodInitializing', undefined];

/** No pod has been seen yet, and none could have been. */
export function markDeploying(conditions: Conditions): void {
  conditions.markUnknown(RESOURCES_AVAILABLE, DEPLOYING, WAITING);
  conditions.markUnknown(CONTAINER_HEALTHY, DEPLOYING, WAITING);
}

/** What the first pod is waited for with, as far as it says. */
export function waitingFor(pods: readonly Pod[]): string {
  const [pod] = pods;
  const { initContainerStatuses = [], containerStatuses = [] } = pod?.status ?? {};
  for (const { name, state, lastState } of [...initContainerStatuses, ...containerStatuses]) {
    const { reason, message } = state?.waiting ?? {};
    if (STARTING.includes(reason)) continue;
    const why = lastState?.terminated?.message ?? message ?? '';
    return `${WAITING} Container "${name}" of pod "${pod?.metadata.name ?? ''}" waits: ${reason ?? ''}${why === '' ? '' : `: ${why.trim()}`}`;
  }
  return WAITING;
}

/** @param pods those of the Deployment, oldest first @param alwaysSchedulable ignore that a pod has no node yet */
export function judgeDeployment(
  conditions: Conditions,
  deployment: Deployment,
  pods: readonly Pod[],
  alwaysSchedulable: boolean,
): void {
  const progress = deploymentCondition(deployment, 'Progressing');
  const failure = deploymentCondition(deployment, 'ReplicaFailure');
  if (failure?.status === 'True') conditions.markFalse(RESOURCES_AVAILABLE, failure.reason, failure.message);
  else if (progress?.status === 'False')
    conditions.markFalse(RESOURCES_AVAILABLE, progress.reason, joined(progress.message, unreadyPod(pods[0])));
  else if (failure?.status === 'Unknown') conditions.markUnknown(RESOURCES_AVAILABLE, failure.reason, failure.message);
  else if (progress?.status === 'True') conditions.markTrue(RESOURCES_AVAILABLE);
  else if (progress === undefined) conditions.markUnknown(RESOURCES_AVAILABLE, DEPLOYING, waitingFor(pods));
  else conditions.markUnknown(RESOURCES_AVAILABLE, progress.reason, progress.message);

  const pod = pods[0];
  if ((deployment.spec?.replicas ?? 0) > 0 && (deployment.status?.availableReplicas ?? 0) === 0 && pod !== undefined)
    judgePod(conditions, pod, hasTimedOut(deployment), alwaysSchedulable);
  if ((deployment.status?.readyReplicas ?? 0) > 0) conditions.markTrue(CONTAINER_HEALTHY);
  else if (conditions.isUnknown(CONTAINER_HEALTHY))
    conditions.markUnknown(CONTAINER_HEALTHY, DEPLOYING, waitingFor(pods));
}

/** Why a pod that runs does not count, when nothing but its readiness is missing. */
function unreadyPod(pod: Pod | undefined): string | undefined {
  const waitsFor = pod?.status?.containerStatuses?.find(({ ready, state }) => !ready && state?.running !== undefined);
  if (pod === undefined || waitsFor === undefined) return undefined;
  const { name, namespace = '' } = pod.metadata;
  return `Container "${waitsFor.name}" of pod "${name}" runs, but its readiness probe has not succeeded; see "kubectl logs -n ${namespace} ${name} -c ${waitsFor.name}".`;
}

function joined(text: string | undefined, more: string | undefined): string | undefined {
  return more === undefined ? text : `${text ?? ''} ${more}`.trim();
}

/** No pod is available although some are wanted: the first one speaks for all. */
function judgePod(conditions: Conditions, pod: Pod, timedOut: boolean, alwaysSchedulable: boolean): void {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (!alwaysSchedulable && scheduled?.status === 'False')
    conditions.markFalse(RESOURCES_AVAILABLE, scheduled.reason, scheduled.message);
  for (const { lastState, state } of pod.status?.containerStatuses ?? []) {
    const terminated = lastState?.terminated;
    if (terminated !== undefined) {
      const { exitCode, message = '' } = terminated;
      const what = exitCode === 0 && message === '' ? 'container exited with no error' : message;
      conditions.markFalse(CONTAINER_HEALTHY, `ExitCode${exitCode}`, `Container failed with: ${what}`);
      return;
    }
    if (state?.waiting !== undefined && timedOut) {
      conditions.markFalse(RESOURCES_AVAILABLE, state.waiting.reason, state.waiting.message);
      return;
    }
  }
}

/**
 * Follows the PodAutoscaler: initial scale reached makes a Revision healthy; Active says whether pods are wanted.
 * @param waiting what the first pod is waited for with
 */
export function judgePodAutoscaler(conditions: Conditions, autoscaler: PodAutoscaler, waiting: string = WAITING): void {
  const { status } = autoscaler;
  const ready = conditionOf(status, 'Ready');
  const unavailable = conditions.isFalse(RESOURCES_AVAILABLE) || conditions.isFalse(CONTAINER_HEALTHY);
  if (ready === undefined) {
    conditions.markUnknown(ACTIVE, DEPLOYING, waiting);
    if (!unavailable) conditions.markUnknown(RESOURCES_AVAILABLE, DEPLOYING, waiting);
    return;
  }
  const initialised = conditionOf(status, 'ScaleTargetInitialized')?.status === 'True';
  const hasService = (status?.serviceName ?? '') !== '';
  if (initialised && !unavailable) conditions.markTrue(RESOURCES_AVAILABLE).markTrue(CONTAINER_HEALTHY);
  if (conditions.isTrue(RESOURCES_AVAILABLE) && (!hasService || !initialised))
    conditions.markUnknown(RESOURCES_AVAILABLE, DEPLOYING, waiting);
  switch (ready.status) {
    case 'True':
      conditions.markTrue(ACTIVE);
      break;
    case 'Unknown':
      conditions.markUnknown(ACTIVE, ready.reason, ready.message);
      break;
    case 'False':
      // Given up before the initial scale was reached: no request will ever be served.
      if (!initialised && !unavailable && hasService)
        conditions.markFalse(RESOURCES_AVAILABLE, DEADLINE_EXCEEDED, NEVER_READY);
      conditions.markFalse(ACTIVE, ready.reason, ready.message);
      break;
  }
}

/** Replica counts as the autoscaler reports them; unknown ones are left out. */
export function replicasOf(autoscaler: PodAutoscaler): Pick<RevisionStatus, 'actualReplicas' | 'desiredReplicas'> {
  const known = (count: number | undefined) => (count !== undefined && count >= 0 ? count : undefined);
  return {
    actualReplicas: known(autoscaler.status?.actualScale),
    desiredReplicas: known(autoscaler.status?.desiredScale),
  };
}

export const NOT_YET_READY = 'is not yet ready.';

/** For those who wait for a Revision: on its way there is nothing to say but that, held up it says by what. */
export function notYetReady(revision: Revision): string {
  const { message = '' } = conditionOf(revision.status, 'Ready') ?? {};
  const text = `Revision "${revision.metadata.name}" ${NOT_YET_READY}`;
  return ON_ITS_WAY.includes(message) ? text : `${text} ${message}`;
}

/** Is there something about this pod that its Revision should say? Healthy pods wake nobody. */
export function isTroubled(pod: Pod): boolean {
  const { conditions = [], initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  return (
    conditions.some(({ type, status }) => type === 'PodScheduled' && status === 'False') ||
    containerStatuses.some(({ lastState }) => lastState?.terminated !== undefined) ||
    [...initContainerStatuses, ...containerStatuses].some(({ state }) => !STARTING.includes(state?.waiting?.reason))
  );
}

function deploymentCondition(deployment: Deployment, type: string) {
  return deployment.status?.conditions?.find((condition) => condition.type === type);
}

function hasTimedOut(deployment: Deployment): boolean {
  const progress = deploymentCondition(deployment, 'Progressing');
  return progress?.status === 'False' && progress.reason === DEADLINE_EXCEEDED;
}
