/** Does a Route already serve what its spec asks for? */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Route, TrafficTarget } from '../../../api/serving/route.ts';

/** Compares status with spec, the Configuration replaced by its latest ready Revision, target by target. */
export function isTrafficMigrated(route: Route, configuration: Configuration): boolean {
  const want = route.spec.traffic ?? [];
  const have = route.status?.traffic ?? [];
  if (want.length !== have.length) return false;
  return want.every((target, i) => {
    const served = have[i];
    const revision =
      target.configurationName === configuration.metadata.name
        ? configuration.status?.latestReadyRevisionName
        : target.revisionName;
    return served !== undefined && same(served, { ...target, revisionName: revision });
  });
}

function same(served: TrafficTarget, wanted: TrafficTarget): boolean {
  return (
    (served.tag ?? '') === (wanted.tag ?? '') &&
    (served.revisionName ?? '') === (wanted.revisionName ?? '') &&
    (served.percent ?? 0) === (wanted.percent ?? 0)
  );
}
