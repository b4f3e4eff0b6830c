/** Which of a Configuration's Revisions may go. Pure. Source: reference section 2.6, "GC". */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Revision } from '../../../api/serving/revision.ts';
import type { GcConfig } from '../config/gc.ts';
import { NO_GC, ROUTING_STATE_LABEL, ROUTING_STATE_MODIFIED } from '../keys.ts';

export interface Collection {
  readonly remove: readonly Revision[];
  /** Milliseconds until another Revision turns stale; undefined when only a change can make one. */
  readonly next: number | undefined;
}

/** @param now milliseconds since the epoch */
export function planCollection(
  configuration: Configuration,
  revisions: readonly Revision[],
  config: GcConfig,
  now: number,
): Collection {
  const { minNonActive, maxNonActive } = config;
  const idle = revisions
    .filter((revision) => !isHeld(revision, configuration))
    .sort((a, b) => lastActive(a) - lastActive(b));
  if (idle.length <= minNonActive) return { remove: [], next: undefined };
  const most = idle.length - minNonActive;
  const stale = idle.filter((revision) => staleAt(revision, config) <= now).slice(0, most);
  const rest = idle.filter((revision) => !stale.includes(revision));
  const surplus = maxNonActive === undefined ? 0 : Math.max(0, rest.length - maxNonActive);
  const remove = stale.length >= most ? stale : [...stale, ...rest.slice(0, surplus)];
  const left = rest.slice(surplus);
  if (left.length <= minNonActive) return { remove, next: undefined };
  const next = Math.min(...left.map((revision) => staleAt(revision, config)));
  return { remove, next: Number.isFinite(next) ? Math.max(1, next - now) : undefined };
}

/** Traffic, being the latest ready one, or its owner's wish keeps a Revision; so does not having been judged yet. */
function isHeld(revision: Revision, configuration: Configuration): boolean {
  const { name, labels, annotations } = revision.metadata;
  return (
    configuration.status?.latestReadyRevisionName === name ||
    annotations?.[NO_GC]?.toLowerCase() === 'true' ||
    labels?.[ROUTING_STATE_LABEL] !== 'reserve'
  );
}

/** The instant from which no retention time speaks for it. */
function staleAt(revision: Revision, { retainSinceCreate, retainSinceLastActive }: GcConfig): number {
  if (retainSinceCreate === undefined && retainSinceLastActive === undefined) return Infinity;
  return Math.max(
    retainSinceCreate === undefined ? -Infinity : created(revision) + retainSinceCreate,
    retainSinceLastActive === undefined ? -Infinity : lastActive(revision) + retainSinceLastActive,
  );
}

function lastActive(revision: Revision): number {
  const modified = Date.parse(revision.metadata.annotations?.[ROUTING_STATE_MODIFIED] ?? '');
  return Number.isNaN(modified) ? created(revision) : modified;
}

function created(revision: Revision): number {
  const at = Date.parse(revision.metadata.creationTimestamp ?? '');
  return Number.isNaN(at) ? Infinity : at;
}
