/** The port that cluster-internal URLs carry, from Serving's config-network. */
import { ConfigMap } from '../../api/core.ts';
import { CLUSTER_PORT_KEY, SERVING_NAMESPACE } from '../../api/zeroth.ts';
import type { World } from '../../kube/reconciler.ts';

export const NETWORK_CONFIG = 'config-network';

/** "" when URLs carry none. */
export function clusterPort(world: World): string {
  const port = world.informer(ConfigMap).get(SERVING_NAMESPACE, NETWORK_CONFIG)?.data?.[CLUSTER_PORT_KEY] ?? '';
  return port === '80' ? '' : port;
}

export function isNetworkConfig(map: ConfigMap): boolean {
  return map.metadata.namespace === SERVING_NAMESPACE && map.metadata.name === NETWORK_CONFIG;
}
