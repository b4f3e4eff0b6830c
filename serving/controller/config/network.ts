/** config-network: names, URLs, ingress classes, rollout. Source: reference section 5; `zeroth.dev/` keys are our own. */
import { ZEROTH_INGRESS_CLASS } from '../../../api/networking/ingress.ts';
import {
  CLUSTER_HTTPS_PORT_KEY,
  CLUSTER_PORT_KEY,
  EXTERNAL_HTTPS_PORT_KEY,
  EXTERNAL_PORT_KEY,
} from '../../../api/zeroth.ts';
import type { LabelSelector } from '../../../kube/label-selector.ts';
import { labelSelector } from './label-selector.ts';
import { bool, ConfigError, integer, lookup, text, type ConfigData } from './parse.ts';
import { compileTemplate, type Template } from './template.ts';

export type HttpProtocol = 'Enabled' | 'Redirected' | 'Disabled';

export interface NetworkConfig {
  readonly ingressClass: string;
  readonly certificateClass: string;
  readonly domainTemplate: Template;
  readonly tagTemplate: Template;
  readonly externalDomainTls: boolean;
  readonly clusterLocalDomainTls: boolean;
  readonly systemInternalTls: boolean;
  /** Namespaces that get wildcard certificates; undefined = none. */
  readonly namespaceWildcardCertSelector: LabelSelector | undefined;
  readonly httpProtocol: HttpProtocol;
  readonly externalScheme: string;
  /** Seconds; 0 = new revisions take over at once. */
  readonly rolloutDuration: number;
  readonly autocreateClusterDomainClaims: boolean;
  /** Ports that URLs must carry to be reachable; undefined = the scheme's own. */
  readonly externalPort: number | undefined;
  readonly clusterPort: number | undefined;
  readonly externalHttpsPort: number | undefined;
  readonly clusterHttpsPort: number | undefined;
}

export const DEFAULT_DOMAIN_TEMPLATE = compileTemplate('domain-template', '{{.Name}}.{{.Namespace}}.{{.Domain}}');
const DEFAULT_TAG_TEMPLATE = compileTemplate('tag-template', '{{.Tag}}-{{.Name}}');

/** Every key of config-network, its own ones last; each may have an older spelling. */
export const NETWORK_KEYS: Readonly<Record<string, readonly string[]>> = {
  'ingress-class': ['ingress.class'],
  'certificate-class': ['certificate.class'],
  'domain-template': ['domainTemplate'],
  'tag-template': ['tagTemplate'],
  'external-domain-tls': ['auto-tls', 'autoTLS'],
  'cluster-local-domain-tls': [],
  'system-internal-tls': ['internal-encryption'],
  'namespace-wildcard-cert-selector': [],
  'http-protocol': ['httpProtocol'],
  'default-external-scheme': ['defaultExternalScheme'],
  'rollout-duration': ['rolloutDuration'],
  'autocreate-cluster-domain-claims': ['autocreateClusterDomainClaims'],
  'enable-mesh-pod-addressability': [],
  'mesh-compatibility-mode': [],
};

/** @throws ConfigError */
export function parseNetwork(data: ConfigData): NetworkConfig {
  const rolloutDuration = integer(data, 0, 'rollout-duration', 'rolloutDuration');
  const autocreateClusterDomainClaims = bool(
    data,
    false,
    'autocreate-cluster-domain-claims',
    'autocreateClusterDomainClaims',
  );
  bool(data, false, 'enable-mesh-pod-addressability');
  const encryption = bool(data, false, 'internal-encryption');
  const namespaceWildcardCertSelector = labelSelector(data, 'namespace-wildcard-cert-selector');
  if (rolloutDuration < 0)
    throw new ConfigError(`rollout-duration must be a positive integer, but was ${rolloutDuration}`);
  const domainTemplate = templateOf(data, 'domain-template', 'domainTemplate', DEFAULT_DOMAIN_TEMPLATE);
  checkDomainTemplate(domainTemplate);
  const tagTemplate = templateOf(data, 'tag-template', 'tagTemplate', DEFAULT_TAG_TEMPLATE);
  tagTemplate.render({ Name: 'foo', Tag: 'v2' });
  const protocol = httpProtocol(data);
  return {
    ingressClass: text(data, ZEROTH_INGRESS_CLASS, 'ingress-class', 'ingress.class'),
    certificateClass: text(
      data,
      'cert-manager.certificate.networking.knative.dev',
      'certificate-class',
      'certificate.class',
    ),
    domainTemplate,
    tagTemplate,
    externalDomainTls: lookup(data, 'external-domain-tls', 'auto-tls', 'autoTLS')?.toLowerCase() === 'enabled',
    systemInternalTls: encrypts(data, 'system-internal-tls', encryption),
    clusterLocalDomainTls: encrypts(data, 'cluster-local-domain-tls', false),
    namespaceWildcardCertSelector,
    httpProtocol: protocol,
    externalScheme: text(data, 'http', 'default-external-scheme', 'defaultExternalScheme'),
    rolloutDuration,
    autocreateClusterDomainClaims,
    externalPort: port(data, EXTERNAL_PORT_KEY),
    clusterPort: port(data, CLUSTER_PORT_KEY),
    externalHttpsPort: port(data, EXTERNAL_HTTPS_PORT_KEY),
    clusterHttpsPort: port(data, CLUSTER_HTTPS_PORT_KEY),
  };
}

/** @param older what an older key says, while this one says nothing */
function encrypts(data: ConfigData, key: string, older: boolean): boolean {
  const value = data[key] ?? '';
  switch (value.toLowerCase()) {
    case '':
    case 'disabled':
      return older;
    case 'enabled':
      return true;
    default:
      throw new ConfigError(`${key} with value: ${JSON.stringify(value)} in config-network ConfigMap is not supported`);
  }
}

function httpProtocol(data: ConfigData): HttpProtocol {
  switch (lookup(data, 'http-protocol', 'httpProtocol')?.toLowerCase()) {
    case undefined:
    case '':
    case 'enabled':
      return 'Enabled';
    case 'redirected':
      return 'Redirected';
    case 'disabled':
      return 'Disabled';
    default:
      // Only the newer key's value is told, as in Knative.
      throw new ConfigError(`httpProtocol ${data['http-protocol'] ?? ''} in config-network ConfigMap is not supported`);
  }
}

function templateOf(data: ConfigData, key: string, older: string, fallback: Template): Template {
  const given = lookup(data, key, older);
  return given === undefined ? fallback : compileTemplate(key, given.trim());
}

/** Must give a host and nothing more. */
function checkDomainTemplate(template: Template): void {
  const host = template.render({ Name: 'foo', Namespace: 'bar', Domain: 'baz.com', Annotations: {}, Labels: {} });
  if (/[\s<>"{}|\\^`%]/.test(host))
    throw new ConfigError(`domain template gives ${JSON.stringify(host)}, which is not part of a URL`);
  const authority = /^[^/?#]*/.exec(host)?.[0] ?? '';
  if (authority.replace(/^.*@/, '').replace(/:\d*$/, '') === '') throw new ConfigError('empty hostname');
  const path = host.slice(authority.length).replace(/#.*$/, '');
  const uri = path.startsWith('?') ? `/${path}` : path;
  if (uri !== '' && uri !== '/') throw new ConfigError(`domain template has url path: ${uri}`);
}

function port(data: ConfigData, key: string): number | undefined {
  if (data[key] === undefined || data[key] === '') return undefined;
  const value = integer(data, 0, key);
  if (value < 1 || value > 65_535) throw new ConfigError(`expected 1 <= ${value} <= 65535: ${key}`);
  return value;
}
