/** Who may reach each target of a Route: everybody, or only the cluster. Source: reference section 2.5. */
import type { Service as KubeService } from '../../../api/core.ts';
import type { Route } from '../../../api/serving/route.ts';
import { CLUSTER_LOCAL_DOMAIN, domainForLabels } from '../config/domain.ts';
import { VISIBILITY_LABEL } from '../keys.ts';
import { DEFAULT_TARGET, hostLabel, type NamingConfig, type Visibility } from './domains.ts';

/**
 * Visibility by tag, the default target under `''`.
 * @param placeholder the placeholder Service of a name: its visibility label, whatever the value, makes a tag local
 */
export function visibilityOf(
  route: Route,
  placeholder: (name: string) => KubeService | undefined,
  config: NamingConfig,
): ReadonlyMap<string, Visibility> {
  const routeIsLocal = domainForLabels(config.domain, route.metadata.labels ?? {}) === CLUSTER_LOCAL_DOMAIN;
  const tags = new Set([DEFAULT_TARGET, ...(route.spec.traffic ?? []).map(({ tag = DEFAULT_TARGET }) => tag)]);
  return new Map(
    [...tags].map((tag): [string, Visibility] => {
      const service = placeholder(hostLabel(route.metadata.name, tag, config.network));
      const serviceIsLocal = (service?.metadata.labels?.[VISIBILITY_LABEL] ?? '') !== '';
      return [tag, routeIsLocal || serviceIsLocal ? 'ClusterLocal' : 'ExternalIP'];
    }),
  );
}
