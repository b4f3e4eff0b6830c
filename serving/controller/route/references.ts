/** Which Routes speak of a Configuration or a Revision: what wakes them, and whom the labeler asks. */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Revision } from '../../../api/serving/revision.ts';
import { Route, type TrafficTarget } from '../../../api/serving/route.ts';
import type { ObjectKey, World } from '../../../kube/reconciler.ts';
import { CONFIGURATION_LABEL } from '../keys.ts';

const BY_CONFIGURATION = 'traffic-configuration';
const BY_REVISION = 'traffic-revision';

export function routesOfConfiguration(world: World, configuration: Configuration): Route[] {
  return byIndex(world, BY_CONFIGURATION, configuration.metadata.namespace, configuration.metadata.name);
}

/** Routes that name the Revision, in spec or status. */
export function routesOfRevision(world: World, revision: Revision): Route[] {
  return byIndex(world, BY_REVISION, revision.metadata.namespace, revision.metadata.name);
}

export function keysOf(routes: readonly Route[]): ObjectKey[] {
  return routes.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

/** The Routes to wake when a Revision changes: those that name it or follow its Configuration. */
export function routesTouchedBy(world: World, revision: Revision): Route[] {
  const configuration = revision.metadata.labels?.[CONFIGURATION_LABEL];
  return [
    ...routesOfRevision(world, revision),
    ...(configuration === undefined
      ? []
      : byIndex(world, BY_CONFIGURATION, revision.metadata.namespace, configuration)),
  ];
}

function byIndex(world: World, index: string, namespace: string | undefined, name: string): Route[] {
  const collect = (route: Route, pick: (target: TrafficTarget) => string | undefined) => {
    const names = new Set(
      [...(route.spec.traffic ?? []), ...(route.status?.traffic ?? [])].map(pick).filter((one) => (one ?? '') !== ''),
    );
    return [...names].map((one) => `${route.metadata.namespace ?? ''}/${one ?? ''}`);
  };
  return world
    .informer(Route)
    .index(BY_CONFIGURATION, (route) => collect(route, (target) => target.configurationName))
    .index(BY_REVISION, (route) => collect(route, (target) => target.revisionName))
    .byIndex(index, `${namespace ?? ''}/${name}`);
}
