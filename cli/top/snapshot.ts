/** One look at all revisions: what the gateway counted so far, how many pods there are, what they use. */
import { Deployment } from '../../api/core.ts';
import type { Json } from '../../api/object.ts';
import { resourcePath, resourceType } from '../../api/resource.ts';
import { parseQuantity } from '../../kube/quantity.ts';
import { ServerError, type Cluster } from '../cluster.ts';
import { isObject } from '../json.ts';
import { pagesOf } from '../part-pages.ts';
import { parseSamples, type Sample } from '../prometheus-text.ts';
import type { StateFolder } from '../state.ts';

/** What the gateways counted of one revision since they started. */
export interface Counted {
  readonly requests: number;
  /** Those that were answered with 5xx. */
  readonly errors: number;
  /** Requests that took at most so many seconds: cumulative, by upper bound, `Infinity` included. */
  readonly buckets: ReadonlyMap<number, number>;
  /** Now, not since the start. */
  readonly inFlight: number;
  readonly queued: number;
}

export interface Scale {
  readonly service: string;
  readonly ready: number;
  /** Pods that its Deployment is asked to have. */
  readonly desired: number;
}

/** Cores and bytes of all pods of a revision. */
export interface Used {
  readonly cpu: number;
  readonly memory: number;
}

/** Each by `NAMESPACE/REVISION`. */
export interface Snapshot {
  /** ms on a clock that never goes back. */
  readonly at: number;
  readonly counted: ReadonlyMap<string, Counted>;
  readonly scales: ReadonlyMap<string, Scale>;
  /** Undefined where nobody measures pods. */
  readonly used: ReadonlyMap<string, Used> | undefined;
}

const DURATION = 'http_server_request_duration_seconds';
const QUEUED = 'kn_revision_request_queued';
const ACTIVE = 'kn_revision_request_active';
const REVISION = 'serving.knative.dev/revision';
const NAMES = new Set([`${DURATION}_bucket`, `${DURATION}_count`, QUEUED, ACTIVE]);
const PodMetrics = resourceType('metrics.k8s.io/v1beta1', 'PodMetrics', 'pods');

/** @param namespace undefined: all of them */
export async function takeSnapshot(
  cluster: Cluster,
  state: StateFolder,
  namespace: string | undefined,
): Promise<Snapshot> {
  const [pages, deployments, metrics] = await Promise.all([
    pagesOf(cluster, state, 'activator', '/metrics'),
    cluster.send({ path: `${resourcePath(Deployment, namespace)}?labelSelector=${encodeURIComponent(REVISION)}` }),
    cluster.send({ path: resourcePath(PodMetrics, namespace) }).catch((error: unknown) => {
      // No metrics server.
      if (error instanceof ServerError) return undefined;
      throw error;
    }),
  ]);
  const samples = pages.flatMap((page) => parseSamples(page, (name) => NAMES.has(name)));
  return {
    at: performance.now(),
    counted: countedOf(samples.filter(({ labels }) => namespace === undefined || labels['namespace'] === namespace)),
    scales: scalesOf(deployments),
    used: metrics === undefined ? undefined : usedOf(metrics),
  };
}

/** Counts of several gateways add up. */
export function countedOf(samples: readonly Sample[]): Map<string, Counted> {
  const all = new Map<
    string,
    { requests: number; errors: number; buckets: Map<number, number>; inFlight: number; queued: number }
  >();
  for (const { name, labels, value } of samples) {
    const { namespace, revision, code_class: codeClass, le } = labels;
    if (namespace === undefined || revision === undefined) continue;
    const key = `${namespace}/${revision}`;
    let one = all.get(key);
    if (one === undefined) all.set(key, (one = { requests: 0, errors: 0, buckets: new Map(), inFlight: 0, queued: 0 }));
    if (name === QUEUED) one.queued += value;
    else if (name === ACTIVE) one.inFlight += value;
    else if (name === `${DURATION}_count`) {
      one.requests += value;
      if (codeClass === '5xx') one.errors += value;
    } else if (le !== undefined) {
      const bound = le === '+Inf' ? Infinity : Number(le);
      one.buckets.set(bound, (one.buckets.get(bound) ?? 0) + value);
    }
  }
  return all;
}

function scalesOf(list: Json): Map<string, Scale> {
  const scales = new Map<string, Scale>();
  for (const item of itemsOf(list)) {
    const { namespace, labels } = metadataOf(item);
    const revision = labels[REVISION];
    if (revision === undefined) continue;
    const ready = isObject(item['status']) ? item['status']['readyReplicas'] : undefined;
    const desired = isObject(item['spec']) ? item['spec']['replicas'] : undefined;
    scales.set(`${namespace}/${revision}`, {
      service: labels['serving.knative.dev/service'] ?? '',
      ready: typeof ready === 'number' ? ready : 0,
      desired: typeof desired === 'number' ? desired : 1,
    });
  }
  return scales;
}

export function usedOf(list: Json): Map<string, Used> {
  const used = new Map<string, Used>();
  for (const item of itemsOf(list)) {
    const { namespace, labels } = metadataOf(item);
    const revision = labels[REVISION];
    if (revision === undefined) continue;
    const key = `${namespace}/${revision}`;
    let { cpu, memory } = used.get(key) ?? { cpu: 0, memory: 0 };
    for (const container of Array.isArray(item['containers']) ? item['containers'] : []) {
      const usage = isObject(container) && isObject(container['usage']) ? container['usage'] : {};
      cpu += parseQuantity(usage['cpu']) ?? 0;
      memory += parseQuantity(usage['memory']) ?? 0;
    }
    used.set(key, { cpu, memory });
  }
  return used;
}

type JsonObject = { [key: string]: Json };

function itemsOf(list: Json): JsonObject[] {
  const items = isObject(list) ? list['items'] : undefined;
  return Array.isArray(items) ? items.filter((item) => isObject(item)) : [];
}

function metadataOf(item: JsonObject): { namespace: string; labels: Readonly<Record<string, string>> } {
  const metadata = isObject(item['metadata']) ? item['metadata'] : {};
  const namespace = String(metadata['namespace'] ?? '');
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(isObject(metadata['labels']) ? metadata['labels'] : {}))
    if (typeof value === 'string') labels[name] = value;
  return { namespace, labels };
}
