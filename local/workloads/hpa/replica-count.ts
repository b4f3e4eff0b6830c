/**
 * How many pods one metric of a HorizontalPodAutoscaler asks for. Pure.
 * Source: Kubernetes, "Horizontal Pod Autoscaling", algorithm details.
 */
import type { Pod } from '../../../api/core.ts';
import { parseQuantity } from '../../../kube/quantity.ts';
import { isActive, podCondition } from '../pods.ts';
import { millis } from '../timestamps.ts';

export type ResourceName = 'cpu' | 'memory';

export interface ResourceTarget {
  readonly resource: ResourceName;
  /** Percent of what the pods request; or `averageValue`. */
  readonly utilization?: number;
  /** Cores or bytes a pod. */
  readonly averageValue?: number;
}

/** What the containers of a pod use, together. */
export interface PodUse {
  /** Cores. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  /** When it was measured, and over how long before that, ms. */
  readonly at: number;
  readonly window: number;
}

export interface Proposal {
  readonly replicas: number;
  /** Mean of a pod: cores or bytes. */
  readonly average: number;
  /** Percent of what is requested, when that is what is aimed at. */
  readonly utilization?: number;
}

/** The metric says nothing now; the message says why. */
export class MetricError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MetricError';
  }
}

/** Within this share of the target nothing is done. */
const TOLERANCE = 0.1;
/** A pod's first minutes of processor time are its start, not its load, ms. */
const CPU_INITIALIZATION = 300_000;
const INITIAL_READINESS_DELAY = 30_000;

/**
 * @param current pods that the target is asked to have
 * @param pods those of the target; usage by their names
 * @throws MetricError
 */
export function replicasFor(
  target: ResourceTarget,
  current: number,
  pods: readonly Pod[],
  usage: ReadonlyMap<string, PodUse>,
  now: number,
): Proposal {
  if (pods.length === 0) throw new MetricError('no pods returned by selector while calculating replica count');
  const { ready, unready, missing } = sort(target.resource, pods, usage, now);
  if (ready.size === 0) throw new MetricError('did not receive metrics for targeted pods (pods might be unready)');
  const requests = target.utilization === undefined ? undefined : requestsOf(target.resource, pods);
  const wanted = target.utilization === undefined ? (target.averageValue ?? 0) : target.utilization;
  const ratio = ratioOf(ready, requests, wanted);
  const average = sum(ready.values()) / ready.size;
  const utilization = requests === undefined ? undefined : utilizationOf(ready, requests);
  const proposal = (replicas: number): Proposal => ({ replicas, average, utilization });

  const growsBesideUnready = unready.length > 0 && ratio > 1;
  if (!growsBesideUnready && missing.length === 0)
    return proposal(isNear(ratio) ? current : Math.ceil(rounded(ratio * ready.size)));
  // What is not known counts against the change: as fully used when it would shrink, as idle when it would grow.
  const assumed = new Map(ready);
  for (const name of missing) {
    if (ratio > 1) assumed.set(name, 0);
    else if (ratio < 1) assumed.set(name, requests === undefined ? wanted : (requests.get(name) ?? 0));
  }
  if (growsBesideUnready) for (const name of unready) assumed.set(name, 0);
  const cautious = ratioOf(assumed, requests, wanted);
  if (isNear(cautious) || (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1)) return proposal(current);
  const replicas = Math.ceil(rounded(cautious * assumed.size));
  const turns = (cautious < 1 && replicas > current) || (cautious > 1 && replicas < current);
  return proposal(turns ? current : replicas);
}

function sort(resource: ResourceName, pods: readonly Pod[], usage: ReadonlyMap<string, PodUse>, now: number) {
  const ready = new Map<string, number>();
  const unready: string[] = [];
  const missing: string[] = [];
  for (const pod of pods) {
    if (!isActive(pod)) continue;
    const { name } = pod.metadata;
    const use = usage.get(name);
    if (pod.status?.phase === 'Pending') unready.push(name);
    else if (use === undefined) missing.push(name);
    else if (resource === 'cpu' && isStarting(pod, use, now)) unready.push(name);
    else ready.set(name, use[resource]);
  }
  return { ready, unready, missing };
}

function isStarting(pod: Pod, use: PodUse, now: number): boolean {
  const condition = podCondition(pod, 'Ready');
  const started = millis(pod.status?.startTime);
  if (condition === undefined || started === 0) return true;
  const changed = millis(condition.lastTransitionTime);
  if (started + CPU_INITIALIZATION > now) return condition.status === 'False' || use.at < changed + use.window;
  return condition.status === 'False' && started + INITIAL_READINESS_DELAY > changed;
}

/** By pod. @throws MetricError for a container without a request */
function requestsOf(resource: ResourceName, pods: readonly Pod[]): Map<string, number> {
  const requests = new Map<string, number>();
  for (const { metadata, spec } of pods) {
    let total = 0;
    for (const container of spec?.containers ?? []) {
      const request = parseQuantity(container.resources?.requests?.[resource]);
      if (request === undefined)
        throw new MetricError(
          `failed to get ${resource} utilization: missing request for ${resource} in container ${container.name} of Pod ${metadata.name}`,
        );
      total += request;
    }
    requests.set(metadata.name, total);
  }
  return requests;
}

function ratioOf(use: ReadonlyMap<string, number>, requests: ReadonlyMap<string, number> | undefined, wanted: number) {
  const current = requests === undefined ? sum(use.values()) / use.size : utilizationOf(use, requests);
  return current / wanted;
}

/** Whole percent. */
function utilizationOf(use: ReadonlyMap<string, number>, requests: ReadonlyMap<string, number>): number {
  const requested = sum([...use.keys()].map((name) => requests.get(name) ?? 0));
  return requested === 0 ? 0 : Math.trunc((sum(use.values()) * 100) / requested);
}

function isNear(ratio: number): boolean {
  return Math.abs(1 - ratio) <= TOLERANCE + 1e-9;
}

/** So that 3.0000000001 pods are three. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
