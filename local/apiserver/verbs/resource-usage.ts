/** metrics.k8s.io/v1beta1 PodMetrics and NodeMetrics: what `kubectl top` reads. Source: k8s.io/metrics. */
import type { KubeObject } from '../../../api/object.ts';
import type { Method } from '../../../kube/transport.ts';
import type { Measured, Usage } from '../../../kube/resource-usage.ts';
import { methodNotAllowed, notFound, unavailable } from '../errors.ts';
import { groupVersion } from '../registry.ts';
import { parseSelection } from '../selectors.ts';
import type { Answer, Call, Core } from './call.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export const METRICS_GROUP = 'metrics.k8s.io';

/** @throws ApiError 404 for what is not measured, 503 while nobody measures */
export async function readUsage(core: Core, method: Method, call: Call): Promise<Answer> {
  if (method !== 'GET') throw methodNotAllowed();
  const { info, name, namespace, query } = call;
  const all = info.kind === 'NodeMetrics' ? await nodes(core) : await pods(core, namespace);
  if (name !== undefined) {
    const found = all.find((one) => one.metadata.name === name);
    if (found === undefined) throw notFound(info, name);
    return { status: 200, body: found };
  }
  const selection = parseSelection(info, query.labelSelector, query.fieldSelector);
  const items = all.filter((one) => selection.matches(one));
  return { status: 200, body: { kind: info.listKind, apiVersion: groupVersion(info), metadata: {}, items } };
}

async function nodes(core: Core): Promise<KubeObject[]> {
  const usage = await source(core).nodeUsage();
  const labels = core.store.get('/nodes', `/${usage.name}`)?.metadata.labels;
  return [{ ...head('NodeMetrics', usage.name, undefined, labels, usage), usage: quantities(usage) } as KubeObject];
}

async function pods(core: Core, namespace: string | undefined): Promise<KubeObject[]> {
  const measured = new Map((await source(core).podUsage()).map((one) => [one.uid, one]));
  const found: KubeObject[] = [];
  for (const [, { metadata }] of core.store.entries('/pods', namespace === undefined ? '' : `${namespace}/`)) {
    const usage = measured.get(metadata.uid ?? '');
    if (usage === undefined) continue;
    const containers = usage.containers.map((one) => ({ name: one.name, usage: quantities(one) }));
    found.push({
      ...head('PodMetrics', metadata.name, metadata.namespace, metadata.labels, usage),
      containers,
    } as KubeObject);
  }
  return found;
}

function source(core: Core) {
  const usage = core.usage?.();
  if (usage === undefined) throw unavailable('nothing measures what pods use yet');
  return usage;
}

function head(
  kind: string,
  name: string,
  namespace: string | undefined,
  labels: Readonly<Record<string, string>> | undefined,
  { at, window }: Measured,
) {
  const time = timestamp(at);
  return {
    kind,
    apiVersion: `${METRICS_GROUP}/v1beta1`,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      creationTimestamp: time,
      ...(labels === undefined ? {} : { labels: { ...labels } }),
    },
    timestamp: time,
    window: `${(window / 1000).toFixed(3)}s`,
  };
}

function quantities({ cpu, memory }: Usage) {
  return { cpu: `${Math.round(cpu * 1e9)}n`, memory: `${Math.round(memory / 1024)}Ki` };
}
