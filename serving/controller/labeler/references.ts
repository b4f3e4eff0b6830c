/** Which Routes hold a Revision or a Configuration, and the metadata that says so. Pure. Source: reference section 2.6. */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Revision } from '../../../api/serving/revision.ts';
import type { Route } from '../../../api/serving/route.ts';
import { conditionOf } from '../../../kube/conditions.ts';
import {
  CONFIGURATION_GENERATION_LABEL,
  ROUTES_ANNOTATION,
  ROUTING_STATE_LABEL,
  ROUTING_STATE_MODIFIED,
} from '../keys.ts';

export interface Annotated {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** A change of metadata; null removes a key. */
export interface MetadataPatch {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string | null>;
}

/**
 * Does this Route hold the Revision: by name, or as what a floating target will come to (the latest created Revision,
 * so that nothing is scaled down between its becoming ready and taking traffic)?
 */
export function holdsRevision(route: Route, revision: Revision, configuration: Configuration | undefined): boolean {
  return targets(route).some((target) => {
    if ((target.revisionName ?? '') !== '') return target.revisionName === revision.metadata.name;
    if (configuration === undefined || target.configurationName !== configuration.metadata.name) return false;
    return target.latestRevision !== false && isNewest(revision, configuration);
  });
}

/** @param owned the Configuration of a Revision that a Route names counts as held too */
export function holdsConfiguration(route: Route, configuration: Configuration, owned: readonly string[]): boolean {
  return targets(route).some(
    (target) => target.configurationName === configuration.metadata.name || owned.includes(target.revisionName ?? ''),
  );
}

/** Latest created by status, or about to be: of the current generation. */
function isNewest(revision: Revision, configuration: Configuration): boolean {
  const { name, labels } = revision.metadata;
  return (
    configuration.status?.latestCreatedRevisionName === name ||
    configuration.spec.template.metadata?.name === name ||
    labels?.[CONFIGURATION_GENERATION_LABEL] === String(configuration.metadata.generation ?? 0)
  );
}

/** A Route that is neither ready nor failed at its generation may still come back to what it let go. */
export function isSettled(route: Route): boolean {
  if (route.status?.observedGeneration !== route.metadata.generation) return false;
  const ready = conditionOf(route.status, 'Ready')?.status;
  return ready === 'True' || ready === 'False';
}

/**
 * The Routes to name: those that hold it, and those named before that have not settled.
 * @param holders names of Routes that hold it @param keep does a Route named before stay, although it holds it no more?
 */
export function routesToName(
  object: Annotated,
  holders: readonly string[],
  keep: (route: string) => boolean,
): readonly string[] {
  const before = (object.metadata.annotations?.[ROUTES_ANNOTATION] ?? '').split(',').filter((name) => name !== '');
  return [...new Set([...holders, ...before.filter(keep)])].sort();
}

/** @returns undefined when the object already says it */
export function patchConfiguration(object: Annotated, routes: readonly string[]): MetadataPatch | undefined {
  const want = routes.length === 0 ? undefined : routes.join(',');
  if (object.metadata.annotations?.[ROUTES_ANNOTATION] === want) return undefined;
  return { annotations: { [ROUTES_ANNOTATION]: want ?? null } };
}

/**
 * A Revision that no Route has ever referred to stays `pending`.
 * @param now RFC 3339
 */
export function patchRevision(object: Annotated, routes: readonly string[], now: string): MetadataPatch | undefined {
  const named = patchConfiguration(object, routes);
  if (routes.length === 0 && named === undefined) return undefined;
  const state = routes.length > 0 ? 'active' : 'reserve';
  if (object.metadata.labels?.[ROUTING_STATE_LABEL] === state) return named;
  return {
    labels: { [ROUTING_STATE_LABEL]: state },
    annotations: { ...named?.annotations, [ROUTING_STATE_MODIFIED]: now },
  };
}

function targets(route: Route) {
  return [...(route.spec.traffic ?? []), ...(route.status?.traffic ?? [])];
}
