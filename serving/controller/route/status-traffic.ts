/** `status.traffic`: every entry names its Revision; a tag has its URL; a rollout shows each Revision's share. */
import type { Route, TrafficTarget } from '../../../api/serving/route.ts';
import { hostOf, portFor, urlOf, type NamingConfig, type Visibility } from './domains.ts';
import { sharesOf, type Rollout } from './rollout.ts';
import type { TrafficPlan } from './traffic.ts';

/** @param visibility of each tag; a tag not in it is public */
export function statusTraffic(
  route: Route,
  plan: TrafficPlan,
  rollout: Rollout,
  visibility: ReadonlyMap<string, Visibility>,
  config: NamingConfig,
): TrafficTarget[] {
  return plan.entries.flatMap((entry) => {
    const { tag, latestRevision, configurationName, revisionName, percent } = entry;
    const shares = (latestRevision ? sharesOf(rollout, tag, configurationName) : undefined) ?? [
      { revisionName, percent },
    ];
    const named = tag === '' ? {} : { tag, url: tagUrl(route, tag, visibility.get(tag) ?? 'ExternalIP', config) };
    return shares.map((share) => ({
      revisionName: share.revisionName,
      percent: share.percent,
      latestRevision,
      ...named,
    }));
  });
}

export function tagUrl(route: Route, tag: string, visibility: Visibility, config: NamingConfig): string {
  const scheme = visibility === 'ClusterLocal' ? 'http' : config.network.externalScheme;
  return urlOf(scheme, hostOf(route, tag, visibility, config), portFor(visibility, config.network, scheme));
}
