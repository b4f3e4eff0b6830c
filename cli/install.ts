/**
 * Puts the standing objects into the embedded API server: CRDs as this version has them; ConfigMaps only where absent
 * (they are the user's to edit), but for the keys that say where this instance listens.
 */
import { ConfigMap, CustomResourceDefinition, Endpoints, EndpointSlice, Namespace, Service } from '../api/core.ts';
import { Ingress, INGRESS_CLASS_ANNOTATION, ZEROTH_INGRESS_CLASS } from '../api/networking/ingress.ts';
import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, type ResourceType } from '../api/resource.ts';
import {
  CLUSTER_HTTPS_PORT_KEY,
  CLUSTER_PORT_KEY,
  EVENTING_NAMESPACE,
  EXTERNAL_HTTPS_PORT_KEY,
  EXTERNAL_PORT_KEY,
  SERVING_NAMESPACE,
} from '../api/zeroth.ts';
import { isApplied } from '../kube/applied-fields.ts';
import type { Client } from '../kube/client.ts';
import { isAlreadyExists } from '../kube/errors.ts';
import { loadManifests, type Manifests } from './manifests.ts';

const FIELD_MANAGER = 'zeroth';

/** CRDs, namespaces and default ConfigMaps. */
export async function installManifests(client: Client, domain: string): Promise<void> {
  const manifests = await loadManifests();
  await Promise.all([
    ...manifests.crds.map((crd) => applyIfDifferent(client, CustomResourceDefinition, crd as CustomResourceDefinition)),
    ...ofKind(manifests, 'Namespace').map((object) => createIfAbsent(client, Namespace, object as Namespace)),
  ]);
  await Promise.all(configMapsOf(manifests, domain).map((map) => createIfAbsent(client, ConfigMap, map)));
}

export interface Ports {
  readonly external: number;
  readonly cluster: number;
  readonly externalHttps: number;
  readonly clusterHttps: number;
}

/** Tells the controllers which ports URLs must carry. */
export async function publishPorts(client: Client, ports: Ports): Promise<void> {
  await client.patch(ConfigMap, SERVING_NAMESPACE, 'config-network', {
    data: {
      [EXTERNAL_PORT_KEY]: String(ports.external),
      [CLUSTER_PORT_KEY]: String(ports.cluster),
      [EXTERNAL_HTTPS_PORT_KEY]: String(ports.externalHttps),
      [CLUSTER_HTTPS_PORT_KEY]: String(ports.clusterHttps),
    },
  });
}

/** The local overlay's keys win over the defaults' of the same ConfigMap. */
function configMapsOf(manifests: Manifests, domain: string): ConfigMap[] {
  const maps = new Map<string, ConfigMap>();
  for (const object of ofKind(manifests, 'ConfigMap') as ConfigMap[]) {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const before = maps.get(key);
    maps.set(key, before === undefined ? object : { ...before, data: { ...before.data, ...object.data } });
  }
  const key = `${SERVING_NAMESPACE}/config-domain`;
  const map = maps.get(key);
  if (map !== undefined) {
    const { _example } = map.data ?? {};
    maps.set(key, { ...map, data: { ...(_example === undefined ? {} : { _example }), [domain]: '' } });
  }
  return [...maps.values()];
}

function ofKind(manifests: Manifests, kind: string): KubeObject[] {
  return [...manifests.core, ...manifests.local].filter((object) => object.kind === kind);
}

/** Writes only what differs, so that a start over a settled state costs no writes. */
async function applyIfDifferent<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  desired: T,
): Promise<void> {
  const found = await client.find(type, desired.metadata.namespace, desired.metadata.name);
  if (found !== undefined && isApplied(found, desired, FIELD_MANAGER)) return;
  await client.apply(type, desired, { fieldManager: FIELD_MANAGER });
}

async function createIfAbsent<T extends KubeObject>(client: Client, type: ResourceType<T>, object: T): Promise<void> {
  if ((await client.find(type, object.metadata.namespace, object.metadata.name)) !== undefined) return;
  try {
    await client.create(type, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** A name for the broker that the host's curl resolves: `broker-ingress.knative-eventing.DOMAIN`. */
export async function publishBrokerHost(client: Client, domain: string): Promise<void> {
  const name = 'broker-ingress';
  await applyIfDifferent(client, Ingress, {
    apiVersion: apiVersionOf(Ingress),
    kind: 'Ingress',
    metadata: {
      name,
      namespace: EVENTING_NAMESPACE,
      annotations: { [INGRESS_CLASS_ANNOTATION]: ZEROTH_INGRESS_CLASS },
    },
    spec: {
      rules: [
        {
          hosts: [`${name}.${EVENTING_NAMESPACE}.${domain}`],
          visibility: 'ExternalIP',
          http: {
            paths: [{ splits: [{ serviceName: name, serviceNamespace: EVENTING_NAMESPACE, servicePort: 80 }] }],
          },
        },
      ],
    },
  });
}

/**
 * The Services by which pods reach the data path: `activator-service` and `broker-ingress`.
 * @param addresses `HOST:PORT` of each, all on one host
 */
export async function publishDataPath(
  client: Client,
  name: 'activator-service' | 'broker-ingress',
  addresses: { readonly http: string; readonly https?: string },
): Promise<void> {
  const namespace = name === 'broker-ingress' ? EVENTING_NAMESPACE : SERVING_NAMESPACE;
  const targets = Object.entries(addresses).map(([scheme, address]) => ({
    name: scheme,
    port: scheme === 'https' ? 443 : 80,
    targetPort: splitAddress(address)[1],
  }));
  await applyIfDifferent(client, Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: 'None', ports: targets.map((target) => ({ ...target, protocol: 'TCP' })) },
  });
  const [host] = splitAddress(addresses.http);
  const ports = targets.map(({ name: port, targetPort }) => ({ name: port, port: targetPort }));
  await applySlice(client, namespace, name, host, ports);
}

/** What the Service `default/kubernetes` leads to, so that `https://kubernetes.default.svc` works in pods as anywhere. */
export async function publishApiServer(client: Client, address: string): Promise<void> {
  const [host, port] = splitAddress(address);
  const [name, namespace] = ['kubernetes', 'default'];
  await applyIfDifferent(client, Endpoints, {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: host }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  });
  await applySlice(client, namespace, name, host, [{ name: 'https', port }]);
}

async function applySlice(
  client: Client,
  namespace: string,
  service: string,
  host: string,
  ports: readonly { readonly name: string; readonly port: number }[],
): Promise<void> {
  await applyIfDifferent(client, EndpointSlice, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: true, serving: true, terminating: false } }],
    ports: ports.map((port) => ({ ...port, protocol: 'TCP' })),
  });
}

export function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}
