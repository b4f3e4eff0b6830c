/** From two looks at the revisions to a row for each, the busiest first. Pure. */
import type { Counted, Snapshot } from './snapshot.ts';

export interface Row {
  readonly namespace: string;
  readonly service: string;
  readonly revision: string;
  /** Requests answered per second. */
  readonly rps: number;
  /** Of those, answered with 5xx, per second. */
  readonly errorRate: number;
  /** Seconds; undefined without requests. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly inFlight: number;
  readonly queued: number;
  readonly ready: number;
  readonly desired: number;
  /** Cores and bytes; undefined where nobody measures. */
  readonly cpu: number | undefined;
  readonly memory: number | undefined;
}

const NOTHING: Counted = { requests: 0, errors: 0, buckets: new Map(), inFlight: 0, queued: 0 };

/** Revisions that exist now; what was counted of others is left out. */
export function rowsOf(before: Snapshot, after: Snapshot): Row[] {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  const rows = [...after.scales].map(([key, { service, ready, desired }]): Row => {
    const slash = key.indexOf('/');
    const now = after.counted.get(key) ?? NOTHING;
    const then = before.counted.get(key) ?? NOTHING;
    // A gateway that was started anew counts from nothing.
    const base = now.requests < then.requests ? NOTHING : then;
    const requests = now.requests - base.requests;
    const buckets = [...now.buckets].map(([bound, count]): Bucket => [
      bound,
      Math.max(0, count - (base.buckets.get(bound) ?? 0)),
    ]);
    const used = after.used?.get(key) ?? (after.used === undefined ? undefined : { cpu: 0, memory: 0 });
    return {
      namespace: key.slice(0, slash),
      service,
      revision: key.slice(slash + 1),
      rps: requests / seconds,
      errorRate: Math.max(0, now.errors - base.errors) / seconds,
      p50: quantile(buckets, 0.5),
      p99: quantile(buckets, 0.99),
      inFlight: now.inFlight,
      queued: now.queued,
      ready,
      desired,
      cpu: used?.cpu,
      memory: used?.memory,
    };
  });
  return rows.sort(byLoad);
}

/** The busiest first; those that are alike by name, so that rows do not jump about. */
function byLoad(a: Row, b: Row): number {
  return (
    b.rps - a.rps ||
    b.inFlight + b.queued - (a.inFlight + a.queued) ||
    b.ready - a.ready ||
    compare(a.namespace, b.namespace) ||
    compare(a.revision, b.revision)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Upper bound in seconds, and how many took at most that. */
export type Bucket = readonly [bound: number, cumulative: number];

/**
 * The time that a share of requests stayed below, with requests spread evenly within a bucket, as Prometheus'
 * `histogram_quantile` has it: beyond the last finite bound it is that bound.
 * @param share in [0, 1]
 */
export function quantile(buckets: readonly Bucket[], share: number): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const rank = share * total;
  let lower = 0;
  let below = 0;
  for (const [bound, cumulative] of sorted) {
    if (cumulative >= rank && cumulative > below) {
      if (bound === Infinity) return lower;
      return lower + (bound - lower) * ((rank - below) / (cumulative - below));
    }
    if (bound !== Infinity) lower = bound;
    below = Math.max(below, cumulative);
  }
  return lower;
}
