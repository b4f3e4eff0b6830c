/** Prometheus metrics of the API server, under kube-apiserver's names where it has one. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry | undefined;
  onBatch(changes: number, seconds: number): void;
  onRequest(what: RequestLabels, code: number, seconds: number): void;
  onWatch(resource: string, change: 1 | -1): void;
  onWebhook(call: WebhookCall): void;
}

const SYNC_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1];
const WEBHOOK_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
const REQUEST_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60];

/** What a request asks for, in values that are bounded: kinds that are served, verbs that exist. */
export interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  /** The plural; empty for what is no resource. */
  readonly resource: string;
  readonly subresource: string;
}

/** One question to an admission webhook. */
export interface WebhookCall {
  readonly name: string;
  readonly type: 'admit' | 'validating';
  readonly operation: string;
  readonly seconds: number;
  /** The request ends with it: a denial, or a failure that is not passed over. */
  readonly rejected: boolean;
  /** It failed and was passed over. */
  readonly failedOpen: boolean;
}

/** @param registry none: nothing is counted */
export function createMetrics(registry: Registry | undefined): Metrics {
  if (registry === undefined)
    return {
      registry,
      onBatch: () => undefined,
      onRequest: () => undefined,
      onWatch: () => undefined,
      onWebhook: () => undefined,
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
  const webhooks = new Histogram({
    name: 'apiserver_admission_webhook_admission_duration_seconds',
    help: 'Time admission webhooks took to answer.',
    labelNames: ['name', 'type', 'operation', 'rejected'],
    buckets: WEBHOOK_BUCKETS,
    registers,
  });
  const failedOpen = new Counter({
    name: 'apiserver_admission_webhook_fail_open_count',
    help: 'Webhooks that failed and were passed over.',
    labelNames: ['name', 'type'],
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
    onWebhook({ name, type, operation, seconds, rejected, failedOpen: isOpen }) {
      webhooks.observe({ name, type, operation, rejected: String(rejected) }, seconds);
      if (isOpen) failedOpen.inc({ name, type });
    },
  };
}
