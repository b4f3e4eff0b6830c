/** Which Revision is a Configuration's latest created, and which its latest ready. Source: reference section 2.4. */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Revision } from '../../../api/serving/revision.ts';
import { isReady } from '../../../kube/conditions.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { isControlledBy } from '../../../kube/reconciler.ts';
import { CONFIGURATION_GENERATION_LABEL } from '../keys.ts';

export interface CurrentRevision {
  readonly found: Revision;
  /** It has the name that the template gives. */
  readonly named: boolean;
}

export type LatestCreated =
  | CurrentRevision
  | { readonly found: undefined }
  /** The name that the template asks for belongs to a Revision that is not what the template says. */
  | { readonly conflict: string };

/** @param revisions those labelled with this Configuration @param named the Revision of the template's name, if any */
export function latestCreated(
  configuration: Configuration,
  revisions: readonly Revision[],
  named: Revision | undefined,
): LatestCreated {
  const name = configuration.spec.template.metadata?.name ?? '';
  if (name !== '') {
    if (named === undefined) return { found: undefined };
    return revisionNameConflict(configuration, named) ? { conflict: name } : { found: named, named: true };
  }
  const generation = configuration.metadata.generation;
  const found = revisions.find((revision) => generationOf(revision) === generation);
  return found === undefined ? { found } : { found, named: false };
}

/** A named Revision serves when it is ours and of this generation, or says the same as the template. */
export function revisionNameConflict(configuration: Configuration, named: Revision): boolean {
  if (!isControlledBy(named, configuration)) return true;
  if (generationOf(named) === configuration.metadata.generation) return false;
  return !deepEqual(configuration.spec.template.spec, named.spec);
}

/**
 * The newest ready Revision between the current latest ready one and the Configuration's generation; the named one
 * first, so that a rollback to an older name counts. Undefined leaves things as they are.
 */
export function latestReady(
  configuration: Configuration,
  revisions: readonly Revision[],
  created: CurrentRevision,
): Revision | undefined {
  const current = configuration.status?.latestReadyRevisionName ?? '';
  const newest = configuration.metadata.generation ?? 0;
  const holder = current === '' ? undefined : revisions.find((revision) => revision.metadata.name === current);
  const oldest = holder === undefined ? 0 : (generationOf(holder) ?? newest);
  const named = created.named ? created.found.metadata.name : undefined;
  const candidates = revisions.filter((revision) => {
    if (holder === undefined) return true;
    const generation = generationOf(revision);
    if (generation === undefined) return false;
    return (generation >= oldest && generation <= newest) || revision.metadata.name === named;
  });
  candidates.sort((a, b) => {
    if (a.metadata.name === named) return -1;
    if (b.metadata.name === named) return 1;
    return (generationOf(b) ?? 0) - (generationOf(a) ?? 0);
  });
  return candidates.find((revision) => isReady(revision));
}

export function generationOf(revision: Revision): number | undefined {
  const label = revision.metadata.labels?.[CONFIGURATION_GENERATION_LABEL];
  return label !== undefined && /^\d+$/.test(label) ? Number(label) : undefined;
}
