/** Host names and URLs of a Route and its tags. Source: reference section 2.5. */
import type { Route } from '../../../api/serving/route.ts';
import { DEFAULT_DOMAIN_TEMPLATE, type NetworkConfig } from '../config/network.ts';
import { CLUSTER_LOCAL_DOMAIN, domainForLabels, type DomainConfig } from '../config/domain.ts';
import { ConfigError } from '../config/parse.ts';
import { DomainNameError } from '../errors.ts';
import { CLUSTER_LOCAL, VISIBILITY_LABEL, without } from '../keys.ts';

export interface NamingConfig {
  readonly network: NetworkConfig;
  readonly domain: DomainConfig;
}

export type Visibility = 'ExternalIP' | 'ClusterLocal';

/** The group of all targets, whatever their tags. */
export const DEFAULT_TARGET = '';

/** `R` for the default target, else the tag template's host label, which is also the placeholder Service's name. */
export function hostLabel(routeName: string, tag: string, network: NetworkConfig): string {
  return tag === DEFAULT_TARGET ? routeName : render(() => network.tagTemplate.render({ Name: routeName, Tag: tag }));
}

/** @throws DomainNameError when the templates give no valid host name */
export function hostOf(route: Route, tag: string, visibility: Visibility, config: NamingConfig): string {
  const { name, namespace = '', annotations = {} } = route.metadata;
  const local = visibility === 'ClusterLocal';
  const labels = {
    ...without(route.metadata.labels, (key) => key === VISIBILITY_LABEL),
    ...(local ? { [VISIBILITY_LABEL]: CLUSTER_LOCAL } : {}),
  };
  const template = local ? DEFAULT_DOMAIN_TEMPLATE : config.network.domainTemplate;
  const host = render(() =>
    template.render({
      Name: hostLabel(name, tag, config.network),
      Namespace: namespace,
      Domain: domainForLabels(config.domain, labels),
      Annotations: annotations,
      Labels: labels,
    }),
  );
  const problem = domainNameProblem(host);
  if (problem !== undefined) throw new DomainNameError(`invalid domain name "${host}": url: ${problem}`);
  return host;
}

/** A cluster-local host in the three forms that resolve inside a cluster; other hosts as they are. */
export function expandHost(host: string, visibility: Visibility): string[] {
  if (visibility === 'ExternalIP' || !host.endsWith(`.${CLUSTER_LOCAL_DOMAIN}`)) return [host];
  const short = host.slice(0, -CLUSTER_LOCAL_DOMAIN.length - 1);
  return [short, `${short}.svc`, host].sort();
}

/** @param scheme `http` or `https` @param port left out when it is the scheme's own or unknown */
export function urlOf(scheme: string, host: string, port: number | undefined): string {
  const usual = scheme === 'https' ? 443 : 80;
  return port === undefined || port === usual ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}

/** The port that URLs of this scheme carry. */
export function portFor(visibility: Visibility, network: NetworkConfig, scheme: string): number | undefined {
  if (scheme === 'https') return visibility === 'ClusterLocal' ? network.clusterHttpsPort : network.externalHttpsPort;
  return visibility === 'ClusterLocal' ? network.clusterPort : network.externalPort;
}

/** `NAME.NS.svc.cluster.local`, where a Route is reached inside the cluster. */
export function clusterHost(name: string, namespace: string): string {
  return `${name}.${namespace}.${CLUSTER_LOCAL_DOMAIN}`;
}

/** What is wrong with a fully qualified domain name, in Kubernetes' words; undefined when nothing is. */
export function domainNameProblem(host: string): string | undefined {
  if (host === '') return 'Required value';
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  if (name.length > 253) return `Invalid value: "${host}": must be no more than 253 characters`;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    return `Invalid value: "${host}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
  const labels = name.split('.');
  if (labels.length < 2)
    return `Invalid value: "${host}": should be a domain with at least two segments separated by dots`;
  const long = labels.find((label) => label.length > 63);
  return long === undefined ? undefined : `Invalid value: "${long}": must be no more than 63 characters`;
}

function render(make: () => string): string {
  try {
    return make();
  } catch (error) {
    if (error instanceof ConfigError) throw new DomainNameError(error.message);
    throw error;
  }
}
