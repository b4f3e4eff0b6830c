/** config-domain: which domain a Route lives under, by its labels. Source: reference section 2.5. */
import { CLUSTER_DOMAIN } from '../../../api/zeroth.ts';
import { ConfigError, isRecord, notOfType, stringMap, yaml, type ConfigData } from './parse.ts';
import { CLUSTER_LOCAL, VISIBILITY_LABEL } from '../keys.ts';

export interface DomainConfig {
  readonly domains: readonly {
    readonly domain: string;
    readonly selector: Readonly<Record<string, string>>;
    /** Namespaces that are selected for them get a wildcard certificate under this domain. */
    readonly wildcard: boolean;
  }[];
}

export const CLUSTER_LOCAL_DOMAIN = `svc.${CLUSTER_DOMAIN}`;

/** @throws ConfigError */
export function parseDomain(data: ConfigData): DomainConfig {
  const domains = Object.keys(data)
    .filter((key) => key !== '_example')
    .map((domain) => {
      const value = yaml(data, domain);
      if (value !== undefined && value !== null && !isRecord(value))
        throw notOfType(value, 'config.domainInternalConfig');
      const selector = stringMap(isRecord(value) ? value.selector : undefined);
      if (selector === undefined)
        throw new ConfigError(`failed to parse "${domain}": expected "selector:" with a map of labels`);
      const wildcard = Object.keys(selector).length === 0 || (isRecord(value) && value.type === 'wildcard');
      return { domain, selector, wildcard };
    });
  if (!domains.some(({ selector }) => Object.keys(selector).length === 0))
    domains.push({ domain: CLUSTER_LOCAL_DOMAIN, selector: {}, wildcard: true });
  return { domains };
}

/** The most specific domain whose selector the labels match; ties go to the smaller name. */
export function domainForLabels(config: DomainConfig, labels: Readonly<Record<string, string>>): string {
  if (labels[VISIBILITY_LABEL] === CLUSTER_LOCAL) return CLUSTER_LOCAL_DOMAIN;
  return (
    config.domains
      .filter(({ selector }) => Object.entries(selector).every(([key, value]) => labels[key] === value))
      .sort(
        (a, b) => Object.keys(b.selector).length - Object.keys(a.selector).length || (a.domain < b.domain ? -1 : 1),
      )[0]?.domain ?? CLUSTER_LOCAL_DOMAIN
  );
}
