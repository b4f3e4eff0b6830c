/** What the gateway tells Prometheus. Names are Knative's where it has one (reference section 6), labels bounded. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { FinishedRequest } from './dispatch.ts';
import type { Reporter } from './reports.ts';
import type { Revisions, ServedRevision } from './revisions.ts';

const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const COLD_START_BUCKETS = [0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const REVISION_LABELS = ['namespace', 'service', 'configuration', 'revision'] as const;
/** `client_gone`: the client left before an answer. */
const CODE_CLASSES = ['client_gone', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export class ActivatorMetrics {
  readonly #duration: Histogram;
  readonly #coldStart: Histogram;
  /** Requests may outlive their revision: they must not bring its series back. */
  readonly #gone = new WeakSet<ServedRevision>();

  constructor(registry: Registry, sources: { revisions(): Revisions; reporter: Reporter; connections(): number }) {
    const registers = [registry];
    this.#duration = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its response.',
      labelNames: [...REVISION_LABELS, 'code_class'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#coldStart = new Histogram({
      name: 'zeroth_cold_start_duration_seconds',
      help: 'Time from the first request that found no pod to the first pod ready.',
      labelNames: [...REVISION_LABELS],
      buckets: COLD_START_BUCKETS,
      registers,
    });
    perRevision(
      registers,
      sources.revisions,
      'kn_revision_request_concurrency',
      'Requests here, waiting or running.',
      (one) => one.meter.present,
    );
    perRevision(
      registers,
      sources.revisions,
      'kn_revision_request_queued',
      'Requests waiting for a pod.',
      (one) => one.throttle.queued,
    );
    perRevision(
      registers,
      sources.revisions,
      'kn_revision_request_active',
      'Requests at a pod.',
      (one) => one.throttle.inFlight,
    );
    const { reporter } = sources;
    new Gauge({
      name: 'kn_activator_stats_conn_reachable',
      help: 'Whether the stream of load reports to the autoscaler is open.',
      labelNames: ['peer'],
      registers,
      collect() {
        this.set({ peer: 'autoscaler' }, reporter.connected ? 1 : 0);
      },
    });
    new Counter({
      name: 'kn_activator_stats_conn_errors_total',
      help: 'Times the stream of load reports failed or broke.',
      labelNames: ['peer'],
      registers,
      collect() {
        this.reset();
        this.inc({ peer: 'autoscaler' }, reporter.errors);
      },
    });
    new Gauge({
      name: 'zeroth_gateway_connections',
      help: 'Client connections now open.',
      registers,
      collect() {
        this.set(sources.connections());
      },
    });
  }

  finished(revision: ServedRevision, { status, seconds }: Pick<FinishedRequest, 'status' | 'seconds'>): void {
    if (this.#gone.has(revision)) return;
    const codeClass = CODE_CLASSES[Math.min(5, Math.floor(status / 100))] ?? 'client_gone';
    this.#duration.observe({ ...revision.labels, code_class: codeClass }, seconds);
  }

  coldStarted(revision: ServedRevision, seconds: number): void {
    if (!this.#gone.has(revision)) this.#coldStart.observe({ ...revision.labels }, seconds);
  }

  /** Forgets the series of a revision that no longer exists. */
  removed(revision: ServedRevision): void {
    this.#gone.add(revision);
    for (const codeClass of CODE_CLASSES) this.#duration.remove({ ...revision.labels, code_class: codeClass });
    this.#coldStart.remove({ ...revision.labels });
  }
}

function perRevision(
  registers: Registry[],
  revisions: () => Revisions,
  name: string,
  help: string,
  value: (revision: ServedRevision) => number,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...REVISION_LABELS],
    registers,
    collect() {
      this.reset();
      for (const one of revisions().all) this.set({ ...one.labels }, value(one));
    },
  });
}
