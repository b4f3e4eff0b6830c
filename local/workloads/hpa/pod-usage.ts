/** What pods use now, from the API server's own metrics.k8s.io. */
import type { KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import type { Client } from '../../../kube/client.ts';
import { ApiError } from '../../../kube/errors.ts';
import { parseDuration } from '../../../kube/go-duration.ts';
import { parseQuantity } from '../../../kube/quantity.ts';
import { millis } from '../timestamps.ts';
import { MetricError, type PodUse } from './replica-count.ts';

interface PodMetrics extends KubeObject {
  readonly timestamp?: string;
  readonly window?: string;
  readonly containers?: readonly { readonly usage?: Readonly<Record<string, string>> }[];
}

const PodMetrics = resourceType<PodMetrics>('metrics.k8s.io/v1beta1', 'PodMetrics', 'pods');

/** By the name of the pod. @throws MetricError while nobody measures */
export async function readUsage(client: Client, namespace: string | undefined): Promise<Map<string, PodUse>> {
  let items: readonly PodMetrics[];
  try {
    ({ items } = await client.list(PodMetrics, { namespace }));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new MetricError(`unable to fetch metrics from resource metrics API: ${error.message}`);
  }
  return new Map(items.map((item) => [item.metadata.name, useOf(item)]));
}

function useOf({ timestamp, window, containers = [] }: PodMetrics): PodUse {
  const total = (resource: string) =>
    containers.reduce((sum, { usage }) => sum + (parseQuantity(usage?.[resource]) ?? 0), 0);
  return {
    cpu: total('cpu'),
    memory: total('memory'),
    at: millis(timestamp),
    window: (window === undefined ? undefined : parseDuration(window)) ?? 0,
  };
}
