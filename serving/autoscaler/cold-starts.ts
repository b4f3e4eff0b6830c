/**
 * How long revisions take from their first waiting request to the first byte of its answer, phase by phase. The
 * activator tells when a cold start began and ended (`api/load-report.ts`); what lies between is seen here as it
 * happens: the write of the scale, the pod, its program's start and readiness. The last two come from the node agent
 * where it writes them down (`POD_TIMELINE_ANNOTATION`), else from the moment this process hears of them.
 */
import { Histogram, Gauge, type Registry } from 'prom-client';
import type { Deployment, Pod } from '../../api/core.ts';
import type { ColdStart } from '../../api/load-report.ts';
import { parsePodTimeline, POD_TIMELINE_ANNOTATION } from '../../api/zeroth.ts';
import type { Clock } from '../../kube/clock.ts';
import { keyOf } from '../../kube/informer.ts';
import { revisionKeyOf } from './pods.ts';

/** Moments of one cold start, ms since the epoch; what was not seen is left out. */
export interface Moments {
  readonly waiting: number;
  readonly scaled?: number;
  readonly created?: number;
  readonly started?: number;
  readonly ready?: number;
  readonly answered: number;
}

const STEPS = [
  ['wake_to_scaled', 'scaled'],
  ['scaled_to_created', 'created'],
  ['created_to_started', 'started'],
  ['started_to_ready', 'ready'],
  ['ready_to_first_byte', 'answered'],
] as const;

export type Phase = (typeof STEPS)[number][0] | 'total';
export const PHASES: readonly Phase[] = [...STEPS.map(([phase]) => phase), 'total'];

/**
 * Seconds of each phase. They add up to `total`: a moment before the one it follows (a pod that was being started when
 * the request came) counts as that one, and one that nobody saw leaves its time to the phase that ends next.
 */
export function phasesOf(moments: Moments): ReadonlyMap<Phase, number> {
  const phases = new Map<Phase, number>();
  let at = moments.waiting;
  for (const [phase, name] of STEPS) {
    const moment = moments[name];
    if (moment === undefined) continue;
    const next = Math.min(Math.max(at, moment), Math.max(moments.answered, moments.waiting));
    phases.set(phase, (next - at) / 1000);
    at = next;
  }
  phases.set('total', Math.max(0, moments.answered - moments.waiting) / 1000);
  return phases;
}

interface Seen {
  readonly created: number;
  started?: number;
  ready?: number;
}

interface Names {
  readonly namespace_name: string;
  readonly service_name: string;
  readonly revision_name: string;
}

const LABELS = ['namespace_name', 'service_name', 'revision_name'] as const;
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export class ColdStarts {
  readonly #clock: Clock;
  readonly #seconds: Histogram<(typeof LABELS)[number] | 'phase'>;
  readonly #last: Gauge<(typeof LABELS)[number] | 'phase'>;
  readonly #lastTime: Gauge<(typeof LABELS)[number]>;
  /** When a revision's scale last left zero. */
  readonly #scaled = new Map<string, number>();
  /** By revision, then by uid. */
  readonly #pods = new Map<string, Map<string, Seen>>();
  readonly #names = new Map<string, Names>();

  constructor(registry: Registry, clock: Clock) {
    const registers = [registry];
    this.#clock = clock;
    this.#seconds = new Histogram({
      name: 'zeroth_cold_start_seconds',
      help: 'Time from the first request that found no pod to the first byte of its answer, by phase and in total.',
      labelNames: [...LABELS, 'phase'],
      buckets: BUCKETS,
      registers,
    });
    this.#last = new Gauge({
      name: 'zeroth_cold_start_last_seconds',
      help: 'The phases of the last cold start.',
      labelNames: [...LABELS, 'phase'],
      registers,
    });
    this.#lastTime = new Gauge({
      name: 'zeroth_cold_start_last_timestamp_seconds',
      help: 'When the last cold start ended, seconds since the epoch.',
      labelNames: [...LABELS],
      registers,
    });
  }

  /** One informer event. */
  deploymentChanged(before: Deployment | undefined, after: Deployment | undefined): void {
    const key = revisionKeyOf(after ?? before ?? { metadata: {} });
    if (key === undefined || after === undefined) return;
    const from = before === undefined ? 0 : (before.spec?.replicas ?? 1);
    if (from === 0 && (after.spec?.replicas ?? 1) > 0) this.#scaled.set(key, this.#clock.now());
  }

  /** One informer event. */
  podChanged(before: Pod | undefined, after: Pod | undefined): void {
    const { uid } = (after ?? before)?.metadata ?? {};
    const key = revisionKeyOf(after ?? before ?? { metadata: {} });
    if (uid === undefined || key === undefined) return;
    let pods = this.#pods.get(key);
    if (after === undefined) {
      pods?.delete(uid);
      if (pods?.size === 0) this.#pods.delete(key);
      return;
    }
    const now = this.#clock.now();
    if (pods === undefined) this.#pods.set(key, (pods = new Map()));
    let seen = pods.get(uid);
    if (seen === undefined) pods.set(uid, (seen = { created: now }));
    if (seen.ready !== undefined) return;
    const told = parsePodTimeline(after.metadata.annotations?.[POD_TIMELINE_ANNOTATION]);
    if (told !== undefined) Object.assign(seen, told);
    else if (after.status?.containerStatuses?.some(({ state }) => state?.running !== undefined)) {
      seen.started ??= now;
      if (after.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) seen.ready = now;
    }
  }

  /** A cold start ended. Unknown revisions are left out: they were deleted meanwhile. @param service of the revision */
  ended(message: ColdStart, service: string): void {
    const key = keyOf(message.namespace, message.name);
    const names: Names = { namespace_name: message.namespace, service_name: service, revision_name: message.name };
    this.#names.set(key, names);
    const phases = phasesOf(this.#momentsOf(key, message));
    for (const [phase, seconds] of phases) this.#seconds.observe({ ...names, phase }, seconds);
    for (const phase of PHASES) {
      const seconds = phases.get(phase);
      if (seconds === undefined) this.#last.remove({ ...names, phase });
      else this.#last.set({ ...names, phase }, seconds);
    }
    this.#lastTime.set({ ...names }, message.at / 1000);
  }

  /** Forgets a revision that no longer exists, its series too. */
  forget(key: string): void {
    this.#scaled.delete(key);
    const names = this.#names.get(key);
    if (names === undefined) return;
    this.#names.delete(key);
    for (const phase of PHASES) {
      this.#seconds.remove({ ...names, phase });
      this.#last.remove({ ...names, phase });
    }
    this.#lastTime.remove({ ...names });
  }

  /** The pod that answered is taken to be the one that was ready first. */
  #momentsOf(key: string, { since, at }: ColdStart): Moments {
    const scaled = this.#scaled.get(key);
    let first: Seen | undefined;
    for (const seen of this.#pods.get(key)?.values() ?? [])
      // One that was ready before anybody waited is on its way out.
      if (seen.ready !== undefined && seen.ready >= since && seen.ready <= at)
        if (first?.ready === undefined || seen.ready < first.ready) first = seen;
    return {
      waiting: since,
      scaled,
      created: first?.created,
      started: first?.started,
      ready: first?.ready,
      answered: at,
    };
  }
}
