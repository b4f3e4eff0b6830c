/**
 * The stream from activators to the autoscaler: one WebSocket, JSON text frames, `ActivatorMessage` one way,
 * `AutoscalerMessage` and close codes the other. Format and versioning: docs/formats/load-reports.md.
 */

/** One revision's load over the last report interval (1 s). */
export interface RevisionLoad {
  readonly namespace: string;
  readonly name: string;
  /** Time-weighted mean of requests in flight or queued during the interval. */
  readonly concurrency: number;
  /** Requests that arrived in the interval, per second. */
  readonly rps: number;
}

export interface LoadReport {
  readonly type: 'report';
  /** Stable id of the reporting activator process. */
  readonly activator: string;
  /** End of the interval, ms since the epoch. */
  readonly at: number;
  /** Revisions with load; one idle for a whole interval is reported once with zeros, then left out. */
  readonly revisions: readonly RevisionLoad[];
}

/** The first request of an idle revision; sent at once. Counts as a report of concurrency 1. */
export interface Wake {
  readonly type: 'wake';
  readonly activator: string;
  readonly at: number;
  readonly namespace: string;
  readonly name: string;
}

/** A revision that had no pod gave its first answer; sent at that moment. All times are ms since the epoch. */
export interface ColdStart {
  readonly type: 'coldStart';
  readonly activator: string;
  /** When the first byte of the answer was passed on. */
  readonly at: number;
  /** When the first request began to wait. */
  readonly since: number;
  readonly namespace: string;
  readonly name: string;
}

/** The autoscaler is about to take pods of a revision away: which of them are busy? Answered at once by `BusyPods`. */
export interface BusyPodsQuestion {
  readonly type: 'whichPodsAreBusy';
  /** Comes back with the answer. */
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
}

export interface BusyPods {
  readonly type: 'busyPods';
  readonly activator: string;
  readonly at: number;
  readonly id: number;
  /** Those with requests in flight, the busiest first; at most `MAX_BUSY_PODS`. */
  readonly pods: readonly BusyPod[];
}

export interface BusyPod {
  /** The pod's IP address. */
  readonly host: string;
  /** Requests, ≥ 1. */
  readonly inFlight: number;
}

export const MAX_BUSY_PODS = 1000;

export type ActivatorMessage = LoadReport | Wake | ColdStart | BusyPods;
export type AutoscalerMessage = BusyPodsQuestion;

export const LOAD_REPORT_PATH = '/reports/v1';
