/** The few names that are zeroth's own: annotations, labels and namespaces shared by rooms that do not import each other. */

/**
 * Pod annotation, JSON object `{"CONTAINER_PORT": REAL_PORT}`: where a local process really listens on the pod's IP
 * when it was given a port of its own. Written by the node agent, honoured by the EndpointSlice controller and probes.
 */
export const PORT_MAP_ANNOTATION = 'zeroth.dev/port-map';

/** config-network keys that carry ports a bare host name cannot: external (gateway) and cluster-internal. Absent or "80" prints no port. */
export const EXTERNAL_PORT_KEY = 'zeroth.external-port';
export const CLUSTER_PORT_KEY = 'zeroth.cluster-port';

/** The same two for https; absent or "443" prints no port. */
export const EXTERNAL_HTTPS_PORT_KEY = 'zeroth.external-https-port';
export const CLUSTER_HTTPS_PORT_KEY = 'zeroth.cluster-https-port';

/** Secret of the serving namespace that holds the CA of the gateway's certificates. */
export const GATEWAY_CA_SECRET = 'zeroth-gateway-ca';

export const SERVING_NAMESPACE = 'knative-serving';
export const EVENTING_NAMESPACE = 'knative-eventing';
export const CLUSTER_DOMAIN = 'cluster.local';

/** The loopback addresses of one local instance; see ARCHITECTURE.md, "Addresses of one instance". */
export interface InstanceNetwork {
  /** The first two octets, e.g. `127.42`. */
  readonly prefix: string;
  /** Address of the gateway's cluster-internal listener. */
  readonly gateway: string;
  /** Its port: what cluster-internal URLs carry unless it is 80. */
  readonly clusterPort: number;
}

/**
 * Pod annotation, JSON object `{"started": MS, "ready": MS}`: when the programs of a pod were started and when all of
 * its containers were ready for the first time, ms since the epoch, which a status tells in whole seconds only. Written
 * by the node agent with the status that says Ready, read where cold starts are measured.
 */
export const POD_TIMELINE_ANNOTATION = 'zeroth.dev/timeline';

export interface PodTimeline {
  readonly started: number;
  readonly ready: number;
}

/** Undefined for a text of another form. */
export function parsePodTimeline(text: string | undefined): PodTimeline | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('started' in value) || !('ready' in value)) return undefined;
    const { started, ready } = value;
    return Number.isFinite(started) &&
      Number.isFinite(ready) &&
      typeof started === 'number' &&
      typeof ready === 'number'
      ? { started, ready }
      : undefined;
  } catch {
    return undefined;
  }
}
