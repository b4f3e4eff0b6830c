/** What names mean inside a pod, as its /etc/hosts; pure. See ARCHITECTURE.md, "Addresses of one instance". */
import type { Pod, Service } from '../../api/core.ts';
import type { Route } from '../../api/serving/route.ts';
import { CLUSTER_DOMAIN, type InstanceNetwork } from '../../api/zeroth.ts';

/** Services that Knative keeps for itself: nothing listens on their addresses, the gateway answers for them. */
const INTERNAL_LABEL = 'networking.internal.knative.dev/serviceType';
const LOOPBACK = '127.0.0.1';

/** The part that all pods of a namespace share. */
export function namespaceHosts(
  namespace: string,
  services: readonly Service[],
  routes: readonly Route[],
  network: InstanceNetwork,
): string {
  const lines = [...services].sort(byName).flatMap((service) => serviceLine(service, namespace, network) ?? []);
  const external = new Set(routes.flatMap(externalHosts));
  if (external.size > 0) for (const host of [...external].sort()) lines.push(`${LOOPBACK} ${host}`);
  return lines.map((line) => line + '\n').join('');
}

/** @param host lines of the machine's own file that pods go on seeing */
export function podHosts(pod: Pod, podIP: string, hostname: string, shared: string, host: string): string {
  const aliases = (pod.spec?.hostAliases ?? []).map(
    ({ ip, hostnames }) => `${ip} ${(hostnames ?? []).join(' ')}`.trim() + '\n',
  );
  const own = `${LOOPBACK} localhost\n::1 localhost ip6-localhost ip6-loopback\n${podIP} ${hostname}\n`;
  return own + aliases.join('') + shared + host;
}

/** Without what every file says itself. */
export function machineHosts(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '' && !/\slocalhost(\s|$)/.test(line))
    .map((line) => line + '\n')
    .join('');
}

function serviceLine(service: Service, namespace: string, network: InstanceNetwork): string | undefined {
  const { name, namespace: own = 'default' } = service.metadata;
  const address = serviceAddress(service, network);
  if (address === undefined) return undefined;
  const names = [`${name}.${own}.svc.${CLUSTER_DOMAIN}`, `${name}.${own}.svc`, `${name}.${own}`];
  if (own === namespace) names.push(name);
  return `${address} ${names.join(' ')}`;
}

/** Undefined for a Service that names a host outside: a hosts file knows no aliases of names. */
function serviceAddress(service: Service, network: InstanceNetwork): string | undefined {
  if (service.metadata.labels?.[INTERNAL_LABEL] !== undefined) return network.gateway;
  const { type, clusterIP, externalName } = service.spec ?? {};
  if (type === 'ExternalName' && !/\.svc(\.|$)|\.localhost$|^[\d.]+$/.test(externalName ?? '')) {
    return service.metadata.labels?.['serving.knative.dev/route'] === undefined ? undefined : network.gateway;
  }
  return clusterIP === undefined || clusterIP === '' || clusterIP === 'None' ? network.gateway : clusterIP;
}

function externalHosts(route: Route): string[] {
  const urls = [route.status?.url, ...(route.status?.traffic ?? []).map((target) => target.url)];
  return urls.flatMap((url) => {
    const host = url === undefined || !URL.canParse(url) ? '' : new URL(url).hostname;
    // What goes into the file is a host name and nothing else.
    return /^[a-z0-9.-]+$/.test(host) && !/\.svc(\.|$)/.test(host) && !/^[\d.]+$/.test(host) ? [host] : [];
  });
}

function byName(a: Service, b: Service): number {
  const left = `${a.metadata.namespace ?? ''}/${a.metadata.name}`;
  const right = `${b.metadata.namespace ?? ''}/${b.metadata.name}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
