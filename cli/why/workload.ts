/** Why a Deployment, a ReplicaSet or a Pod is not ready. */
import { Deployment, Pod, ReplicaSet } from '../../api/core.ts';
import { shellWord } from '../shell-word.ts';
import { because, cause, ok, type Command, type Finding, type Step } from './diagnosis.ts';
import { exitText, explainContainer, missingSource } from './container.ts';
import { all, find, isOwnedBy, warningsOf, type Graph } from './graph.ts';
import { condition, formatAge, inNamespace, oneLine, plural, stepOf } from './words.ts';

export function explainDeployment(graph: Graph, deployment: Deployment): Finding {
  const { name, namespace } = deployment.metadata;
  const wanted = deployment.spec?.replicas ?? 1;
  const ready = deployment.status?.readyReplicas ?? 0;
  const step = { kind: 'Deployment', name, text: `${ready} of ${wanted} pods ready` };
  const rolling = (deployment.status?.updatedReplicas ?? 0) < wanted;
  if (ready >= wanted && !rolling) return ok(step, [{ name: 'pods', text: `${ready} of ${wanted} ready` }]);
  const late = condition(deployment, 'Progressing');
  const overdue = late?.status === 'False';
  const own: Step = {
    ...step,
    state: overdue ? 'failed' : 'waiting',
    ...(overdue ? { reason: late?.reason ?? 'ProgressDeadlineExceeded' } : {}),
    ...(late?.lastTransitionTime === undefined ? {} : { since: late.lastTransitionTime }),
  };
  const failure = condition(deployment, 'ReplicaFailure');
  if (failure?.status === 'True')
    return refused(
      graph,
      { ...own, state: 'failed', reason: failure.reason ?? 'FailedCreate' },
      namespace,
      failure.message ?? '',
    );
  const sets = all(graph, ReplicaSet).filter((set) => isOwnedBy(set, deployment));
  const set = sets.sort((a, b) => revisionOf(b) - revisionOf(a))[0];
  if (set !== undefined) return because(own, explainReplicaSet(graph, set));
  if (deployment.spec?.paused === true)
    return cause(own, `Deployment ${name} is paused`, [
      {
        run: `kubectl rollout resume deployment ${shellWord(name)}${inNamespace(graph, namespace)}`,
        why: 'let it go on',
      },
    ]);
  return cause(own, `Deployment ${name} has no ReplicaSet yet: is the Deployment controller running?`, [
    running(graph),
  ]);
}

function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
}

export function explainReplicaSet(graph: Graph, set: ReplicaSet): Finding {
  const { name, namespace } = set.metadata;
  const wanted = set.spec?.replicas ?? 1;
  const ready = set.status?.readyReplicas ?? 0;
  const step = { kind: 'ReplicaSet', name, text: `${ready} of ${wanted} pods ready` };
  if (ready >= wanted) return ok(step);
  const failure = condition(set, 'ReplicaFailure');
  if (failure?.status === 'True')
    return refused(
      graph,
      { ...step, state: 'failed', reason: failure.reason ?? 'FailedCreate' },
      namespace,
      failure.message ?? '',
    );
  const pods = all(graph, Pod).filter((pod) => isOwnedBy(pod, set));
  const worst = worstOf(graph, pods);
  if (worst !== undefined) return because({ ...step, state: 'waiting' }, worst);
  const event = warningsOf(graph, set).at(-1);
  if (event?.message !== undefined)
    return refused(
      graph,
      { ...step, state: 'failed', reason: event.reason ?? 'FailedCreate' },
      namespace,
      event.message,
    );
  return cause({ ...step, state: 'waiting' }, `ReplicaSet ${name} has not made its pods yet`);
}

/** The pods could not be created: quota, a missing account, an admission webhook. */
function refused(graph: Graph, step: Step, namespace: string | undefined, message: string): Finding {
  const told = oneLine(message);
  const flag = inNamespace(graph, namespace);
  const text: Step = { ...step, text: told };
  const missing = missingSource(graph, { metadata: { namespace } }, told);
  if (missing !== undefined) return cause(text, `its pods are refused: ${missing.text}`, missing.next);
  const quota = /exceeded quota: ([^,\s]+)/.exec(told)?.[1];
  if (quota !== undefined)
    return cause(text, `its pods are refused by the quota "${quota}": ${told}`, [
      { run: `kubectl describe resourcequota ${shellWord(quota)}${flag}`, why: 'what is used, and the limit' },
    ]);
  return cause(text, `its pods are refused: ${told}`, [
    { run: `kubectl get events${flag} --field-selector reason=FailedCreate`, why: 'every refusal' },
  ]);
}

/** The explanation of the pod that is furthest from being ready; undefined when there is none or all are ready. */
export function worstOf(graph: Graph, pods: readonly Pod[]): Finding | undefined {
  const rank = { failed: 0, waiting: 1, ok: 2 };
  return pods
    .map((pod) => ({ pod, finding: explainPod(graph, pod) }))
    .filter(({ finding }) => finding.state !== 'ok')
    .sort(
      (a, b) =>
        Number(a.pod.metadata.deletionTimestamp !== undefined) -
          Number(b.pod.metadata.deletionTimestamp !== undefined) ||
        rank[a.finding.state] - rank[b.finding.state] ||
        Date.parse(b.pod.metadata.creationTimestamp ?? '') - Date.parse(a.pod.metadata.creationTimestamp ?? ''),
    )[0]?.finding;
}

export function explainPod(graph: Graph, pod: Pod): Finding {
  const { name, namespace, deletionTimestamp, creationTimestamp, finalizers = [] } = pod.metadata;
  const { phase = 'Pending', reason, message } = pod.status ?? {};
  const ready = condition(pod, 'Ready');
  const since = ready?.lastTransitionTime ?? creationTimestamp;
  const step: Step = { kind: 'Pod', name, state: 'waiting', reason: phase, ...(since === undefined ? {} : { since }) };
  if (deletionTimestamp !== undefined)
    return cause(
      { ...step, reason: 'Terminating', since: deletionTimestamp },
      `pod ${name} is ending${finalizers.length === 0 ? '' : `; it waits for the finalizers ${finalizers.join(', ')}`}`,
    );
  if (phase === 'Succeeded') return ok({ kind: 'Pod', name, reason: 'Completed' });
  const scheduled = condition(pod, 'PodScheduled');
  if (scheduled?.status === 'False') return unschedulable(graph, pod, { ...stepOf(pod, scheduled), state: 'failed' });
  const statuses = pod.status?.containerStatuses ?? [];
  const initStatuses = pod.status?.initContainerStatuses ?? [];
  if (pod.spec?.nodeName === undefined)
    return cause(step, `pod ${name} is not given to a node yet: is the scheduler running?`, [running(graph)]);
  if (statuses.length === 0 && initStatuses.length === 0 && phase === 'Pending')
    return cause(step, `pod ${name} was given to node ${pod.spec.nodeName}, which has not said anything about it yet`, [
      { run: `kubectl get node ${shellWord(pod.spec.nodeName)}`, why: 'is the node ready?' },
    ]);
  for (const init of pod.spec?.initContainers ?? []) {
    const status = initStatuses.find((one) => one.name === init.name);
    const sidecar = init.restartPolicy === 'Always';
    const done = sidecar ? status?.started === true : status?.state?.terminated?.exitCode === 0;
    if (done) continue;
    const finding = explainContainer(graph, pod, init, status, 'init container');
    if (finding.state !== 'ok') return because({ ...step, state: finding.state, reason: 'Init' }, finding);
  }
  const findings = (pod.spec?.containers ?? []).map((container) =>
    explainContainer(
      graph,
      pod,
      container,
      statuses.find((one) => one.name === container.name),
    ),
  );
  const worst = findings.find(({ state }) => state === 'failed') ?? findings.find(({ state }) => state === 'waiting');
  if (phase === 'Failed') {
    const told = oneLine(message ?? '');
    const failed: Step = {
      ...step,
      state: 'failed',
      reason: reason ?? 'Failed',
      ...(told === '' ? {} : { text: told }),
    };
    return worst !== undefined && told === ''
      ? because(failed, worst)
      : cause(failed, `pod ${name} has failed: ${told || (reason ?? 'Failed')}`);
  }
  if (worst !== undefined) {
    const { steps } = worst;
    return because({ ...step, state: worst.state, reason: steps[0]?.reason ?? phase }, worst);
  }
  if (ready?.status === 'True')
    return ok(
      { kind: 'Pod', name, reason: phase, ...(since === undefined ? {} : { since }) },
      [{ name: 'node', text: `${pod.spec.nodeName}, address ${pod.status?.podIP ?? 'unknown'}` }],
      restartWarnings([pod]),
    );
  const gate = (pod.spec?.readinessGates ?? []).find(
    ({ conditionType }) => condition(pod, conditionType)?.status !== 'True',
  );
  if (gate !== undefined)
    return cause(
      step,
      `pod ${name} waits for its readiness gate ${gate.conditionType}, which somebody else has to set`,
    );
  return cause(step, `pod ${name} is not ready${ready?.message === undefined ? '' : `: ${oneLine(ready.message)}`}`, [
    { run: `kubectl describe pod ${shellWord(name)}${inNamespace(graph, namespace)}`, why: 'its events' },
  ]);
}

function unschedulable(graph: Graph, pod: Pod, step: Step): Finding {
  const wants = (pod.spec?.containers ?? [])
    .flatMap(({ name, resources }) =>
      Object.entries(resources?.requests ?? {}).map(([resource, amount]) => `${resource} ${amount} for ${name}`),
    )
    .join(', ');
  const asked = wants === '' ? '' : `; it asks for ${wants}`;
  const next: Command[] = [{ run: 'kubectl describe nodes', why: 'what the nodes have, and what is taken' }];
  return cause(step, `no node can take pod ${pod.metadata.name}: ${step.text ?? step.reason ?? ''}${asked}`, next);
}

/** Containers that run now and did not always. */
export function restartWarnings(pods: readonly Pod[]): string[] {
  return pods.flatMap(({ metadata, spec, status }) =>
    (status?.containerStatuses ?? []).flatMap(({ name, restartCount, lastState }) => {
      const end = lastState?.terminated;
      if (restartCount === 0 || end === undefined) return [];
      const container = spec?.containers.find((one) => one.name === name) ?? { name };
      const times = restartCount === 1 ? 'once' : `${restartCount} times`;
      return [
        `container ${name} of pod ${metadata.name} was started again ${times}; the last time it ${exitText(container, end)}`,
      ];
    }),
  );
}

/** Pods of a revision or service in a line. */
export function podsText(graph: Graph, pods: readonly Pod[]): string {
  const living = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const ready = living.filter((pod) => condition(pod, 'Ready')?.status === 'True');
  const ending = pods.length - living.length;
  const oldest = Math.min(...living.map((pod) => Date.parse(pod.metadata.creationTimestamp ?? '')));
  const age =
    living.length === 0 || !Number.isFinite(oldest) ? '' : `, the oldest ${formatAge(graph.now - oldest)} old`;
  return `${ready.length} of ${plural(living.length, 'pod')} ready${age}${ending === 0 ? '' : `, ${ending} ending`}`;
}

export function deploymentOf(graph: Graph, namespace: string | undefined, name: string): Deployment | undefined {
  return find(graph, Deployment, namespace, name);
}

/** How to see whether the parts run. */
export function running(graph: Graph): Command {
  return graph.local
    ? { run: 'zeroth status', why: 'do all parts run?' }
    : { run: 'kubectl get pods -A', why: 'do the controllers run?' };
}
