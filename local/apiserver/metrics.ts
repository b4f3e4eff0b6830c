/** Prometheus metrics of the API server, under kube-apiserver's names where it has one. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry | undefined;
  onBatch(changes: number, seconds: number): void;
  onRequest(what: RequestLabels, code: number, seconds: number): void;
  onWatch(resource: string, change: 1 | -1): void;
}

const SYNC_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1];
const REQUEST_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60];

/** What a request asks for, in values that are bounded: kinds that are served, verbs that exist. */
export interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  /** The plural; empty for what is no resource. */
  readonly resource: string;
  readonly subresource: string;
}

/** @param registry none: nothing is counted */
export function createMetrics(registry: Registry | undefined): Metrics {
  if (registry === undefined)
    return {
      registry,
      onBatch: () => undefined,
      onRequest: () => undefined,
      onWatch: () => undefined,
    };
  const registers = [registry];
  const writes = new Counter({
    name: 'zeroth_apiserver_storage_writes_total',
    help: 'Changes made durable.',
    registers,
  });
  const sync = new Histogram({
    name: 'zeroth_apiserver_storage_sync_seconds',
    help: 'From the write of a batch of changes to its being durable.',
    buckets: SYNC_BUCKETS,
    registers,
  });
  const requests = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, group, resource, subresource and code, those of the same process too.',
    labelNames: ['verb', 'group', 'resource', 'subresource', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Request latency by verb, watches left out.',
    labelNames: ['verb'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const watches = new Gauge({
    name: 'apiserver_longrunning_requests',
    help: 'Watches over HTTP by resource.',
    labelNames: ['resource'],
    registers,
  });
  return {
    registry,
    onBatch(changes, seconds) {
      writes.inc(changes);
      sync.observe(seconds);
    },
    onRequest(what, code, seconds) {
      requests.inc({ ...what, code: String(code) });
      duration.observe({ verb: what.verb }, seconds);
    },
    onWatch(resource, change) {
      watches.inc({ resource }, change);
    },
  };
}
