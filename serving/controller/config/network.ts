/** config-network: names, URLs, ingress classes, rollout. Source: reference section 5; `zeroth.dev/` keys are our own. */
import { ZEROTH_INGRESS_CLASS } from '../../../api/networking/ingress.ts';
import {
  CLUSTER_HTTPS_PORT_KEY,
  CLUSTER_PORT_KEY,
  EXTERNAL_HTTPS_PORT_KEY,
  EXTERNAL_PORT_KEY,
} from '../../../api/zeroth.ts';
import { bool, ConfigError, integer, isRecord, lookup, text, yaml, type ConfigData } from './parse.ts';
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

export const DEFAULT_DOMAIN_TEMPLATE = compileTemplate('{{.Name}}.{{.Namespace}}.{{.Domain}}');
const DEFAULT_TAG_TEMPLATE = compileTemplate('{{.Tag}}-{{.Name}}');

/** @throws ConfigError */
export function parseNetwork(data: ConfigData): NetworkConfig {
  const domainText = lookup(data, 'domain-template', 'domainTemplate');
  const tagText = lookup(data, 'tag-template', 'tagTemplate');
  const domainTemplate = domainText === undefined ? DEFAULT_DOMAIN_TEMPLATE : compileTemplate(domainText.trim());
  const tagTemplate = tagText === undefined ? DEFAULT_TAG_TEMPLATE : compileTemplate(tagText.trim());
  checkDomainTemplate(domainTemplate);
  const tag = tagTemplate.render({ Name: 'foo', Tag: 'v2' });
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(tag))
    throw new ConfigError(`tag-template: "${tag}" (of "${tagTemplate.source}") cannot be part of a host name`);
  const rolloutDuration = integer(data, 0, 'rollout-duration');
  if (rolloutDuration < 0)
    throw new ConfigError(`rollout-duration must be a positive integer, but was ${rolloutDuration}`);
  const selector = yaml(data, 'namespace-wildcard-cert-selector');
  if (selector !== undefined && !isLabelSelector(selector))
    throw new ConfigError('failed to parse "namespace-wildcard-cert-selector": expected a label selector');
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
    externalDomainTls: enabled(data, 'external-domain-tls', 'auto-tls', 'autoTLS'),
    clusterLocalDomainTls: enabled(data, 'cluster-local-domain-tls'),
    systemInternalTls: enabled(data, 'system-internal-tls') || bool(data, false, 'internal-encryption'),
    httpProtocol: httpProtocol(data),
    externalScheme: text(data, 'http', 'default-external-scheme', 'defaultExternalScheme'),
    rolloutDuration,
    autocreateClusterDomainClaims: bool(
      data,
      false,
      'autocreate-cluster-domain-claims',
      'autocreateClusterDomainClaims',
    ),
    externalPort: port(data, EXTERNAL_PORT_KEY),
    clusterPort: port(data, CLUSTER_PORT_KEY),
    externalHttpsPort: port(data, EXTERNAL_HTTPS_PORT_KEY),
    clusterHttpsPort: port(data, CLUSTER_HTTPS_PORT_KEY),
  };
}

function enabled(data: ConfigData, ...keys: readonly string[]): boolean {
  return (
    lookup(data, ...keys)
      ?.trim()
      .toLowerCase() === 'enabled'
  );
}

function httpProtocol(data: ConfigData): HttpProtocol {
  const value = lookup(data, 'http-protocol', 'httpProtocol')?.trim().toLowerCase();
  switch (value) {
    case undefined:
    case '':
    case 'enabled':
      return 'Enabled';
    case 'redirected':
      return 'Redirected';
    case 'disabled':
      return 'Disabled';
    default:
      throw new ConfigError(`http-protocol ${value} in config-network ConfigMap is not supported`);
  }
}

function checkDomainTemplate(template: Template): void {
  const host = template.render({
    Name: 'foo',
    Namespace: 'bar',
    Domain: 'baz.com',
    Annotations: {},
    Labels: {},
  });
  let url: URL;
  try {
    url = new URL(`https://${host}/`);
  } catch {
    throw new ConfigError(`domain-template: "${host}" (of "${template.source}") is not a host name`);
  }
  if (url.hostname !== host.toLowerCase() || url.pathname !== '/' || host.includes('/'))
    throw new ConfigError(`domain-template: "${host}" (of "${template.source}") is not a host name alone`);
}

function port(data: ConfigData, key: string): number | undefined {
  if (data[key] === undefined || data[key] === '') return undefined;
  const value = integer(data, 0, key);
  if (value < 1 || value > 65_535) throw new ConfigError(`expected 1 <= ${value} <= 65535: ${key}`);
  return value;
}

function isLabelSelector(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).every((key) => key === 'matchLabels' || key === 'matchExpressions');
}
