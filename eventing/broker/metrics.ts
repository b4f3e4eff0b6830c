/** What the broker measures. Names are Knative's where it has one; labels are bounded by the number of objects. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface BrokerMetrics {
  /** Requests answered by the ingress. */
  received(namespace: string, broker: string, code: number, seconds: number): void;
  accepted(events: number): void;
  /** One attempt to deliver; `code` 0 means no response. */
  attempted(trigger: TriggerLabels, code: number, seconds: number): void;
  settled(trigger: TriggerLabels, result: 'delivered' | 'dead-lettered' | 'dropped'): void;
  committed(records: number, bytes: number, seconds: number): void;
}

export interface TriggerLabels {
  readonly namespace: string;
  readonly broker: string;
  readonly trigger: string;
}

/** Values that are read when metrics are. */
export interface BrokerGauges {
  inFlightBytes(): number;
  logs(): number;
  logBytes(): number;
  owed(): number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export function createMetrics(registry: Registry, gauges: BrokerGauges): BrokerMetrics {
  const registers = [registry];
  const dispatch = new Histogram({
    name: 'kn_eventing_dispatch_duration_seconds',
    help: 'Time of one attempt to deliver an event to a subscriber or dead letter sink',
    labelNames: ['namespace', 'broker', 'trigger', 'code'],
    buckets: SECONDS,
    registers,
  });
  const requests = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Time from the head of a request to the broker ingress to its answer',
    labelNames: ['namespace', 'broker', 'code'],
    buckets: SECONDS,
    registers,
  });
  const events = new Counter({ name: 'zeroth_broker_events_accepted_total', help: 'Events made durable', registers });
  const results = new Counter({
    name: 'zeroth_broker_events_settled_total',
    help: 'Events that a trigger is done with, by how it ended',
    labelNames: ['namespace', 'broker', 'trigger', 'result'],
    registers,
  });
  const commits = new Histogram({
    name: 'zeroth_broker_commit_duration_seconds',
    help: 'Time of one group commit, fdatasync included',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1],
    registers,
  });
  const written = new Counter({
    name: 'zeroth_broker_log_written_bytes_total',
    help: 'Bytes appended to event logs',
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('zeroth_broker_in_flight_bytes', 'Bodies of requests not answered yet', gauges.inFlightBytes);
  gauge('zeroth_broker_logs', 'Event logs open', gauges.logs);
  gauge('zeroth_broker_log_bytes', 'Bytes that event logs hold on the disk', gauges.logBytes);
  gauge('zeroth_broker_events_owed', 'Events accepted that some trigger has not settled', gauges.owed);
  return {
    received: (namespace, broker, code, seconds) => requests.labels(namespace, broker, String(code)).observe(seconds),
    accepted: (count) => events.inc(count),
    attempted: (trigger, code, seconds) => dispatch.observe({ ...trigger, code }, seconds),
    settled: (trigger, result) => results.inc({ ...trigger, result }),
    committed: (_records, bytes, seconds) => {
      commits.observe(seconds);
      written.inc(bytes);
    },
  };
}
