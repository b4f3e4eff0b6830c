/** Where a webhook is: an address to connect to and the name its certificate must carry. */
import type { Store } from '../store/store.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Hook, HookService } from './hook.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  /** The URL as messages show it, without its query. */
  readonly url: string;
  readonly path: string;
}

/** There is nothing to connect to; the message is Kubernetes'. */
export class NoEndpoint extends Error {}

/** The URL under which a webhook is named in messages. */
export function urlOf({ target }: Pick<Hook, 'target'>): string {
  if ('url' in target) return /^[a-z]+:\/\/[^/]+$/i.test(target.url) ? `${target.url}/` : target.url;
  const { name, namespace, port, path } = target.service;
  return `https://${name}.${namespace}.svc:${port}${path.startsWith('/') ? path : `/${path}`}`;
}

/** @throws NoEndpoint */
export function endpointOf(store: Store, hook: Pick<Hook, 'target'>): Endpoint {
  const url = urlOf(hook);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new NoEndpoint(`unparsable URL: ${JSON.stringify(url)}`);
  }
  const hostname = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const path = parsed.pathname;
  if ('url' in hook.target)
    return { host: hostname, port: Number(parsed.port || 443), serverName: hostname, url, path };
  const { name, namespace } = hook.target.service;
  return { ...serviceAddress(store, hook.target.service), serverName: `${name}.${namespace}.svc`, url, path };
}

/** Straight to a ready endpoint: whoever runs webhooks may run before, or without, what serves cluster IPs. */
function serviceAddress(store: Store, { namespace, name, port }: HookService): { host: string; port: number } {
  const service = store.get('/services', `${namespace}/${name}`) as { spec?: unknown } | undefined;
  if (service === undefined) throw new NoEndpoint(`service ${JSON.stringify(name)} not found`);
  const spec = isObject(service.spec) ? service.spec : {};
  if (spec.type === 'ExternalName') return { host: String(spec.externalName), port };
  const servicePort = list(spec.ports).find((one) => one.port === port);
  if (servicePort === undefined)
    throw new NoEndpoint(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const portName = typeof servicePort.name === 'string' ? servicePort.name : '';
  const addresses = [...sliceAddresses(store, namespace, name, portName)];
  if (addresses.length === 0) addresses.push(...endpointsAddresses(store, namespace, name, portName));
  const chosen = addresses[Math.floor(Math.random() * addresses.length)];
  if (chosen === undefined) throw new NoEndpoint(`no endpoints available for service ${JSON.stringify(name)}`);
  return chosen;
}

function* sliceAddresses(store: Store, namespace: string, name: string, portName: string) {
  for (const [, slice] of store.entries('discovery.k8s.io/endpointslices', `${namespace}/`)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
    const { endpoints, ports } = slice as { endpoints?: unknown; ports?: unknown };
    const port = portNamed(ports, portName);
    if (port === undefined) continue;
    for (const { addresses, conditions } of list(endpoints)) {
      if (isObject(conditions) && conditions.ready === false) continue;
      const host = Array.isArray(addresses) ? (addresses[0] as unknown) : undefined;
      if (typeof host === 'string') yield { host, port };
    }
  }
}

/** Endpoints written by hand are there before their slices, or without any. */
function* endpointsAddresses(store: Store, namespace: string, name: string, portName: string) {
  const endpoints = store.get('/endpoints', `${namespace}/${name}`) as { subsets?: unknown } | undefined;
  for (const { addresses, ports } of list(endpoints?.subsets)) {
    const port = portNamed(ports, portName);
    if (port === undefined) continue;
    for (const { ip } of list(addresses)) if (typeof ip === 'string') yield { host: ip, port };
  }
}

function portNamed(ports: unknown, name: string): number | undefined {
  const port = list(ports).find((one) => (one.name ?? '') === name)?.port;
  return typeof port === 'number' ? port : undefined;
}

function list(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
