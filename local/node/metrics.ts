/** What the node agent counts. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface NodeMetrics {
  readonly running: Gauge;
  readonly starts: Counter;
  readonly exits: Counter<'reason'>;
  /** From the pod being seen to its program being told to start. */
  readonly startSeconds: Histogram;
  /** From the program's start to the first passed readiness probe. */
  readonly readySeconds: Histogram;
  readonly probes: Counter<'probe_type' | 'result'>;
  readonly statusWrites: Counter;
}

const FAST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function createMetrics(registry: Registry): NodeMetrics {
  const registers = [registry];
  return {
    running: new Gauge({ name: 'zeroth_node_running_containers', help: 'Containers that run now.', registers }),
    starts: new Counter({ name: 'zeroth_node_container_starts_total', help: 'Containers started.', registers }),
    exits: new Counter({
      name: 'zeroth_node_container_exits_total',
      help: 'Containers that ended, by the reason in their status.',
      labelNames: ['reason'],
      registers,
    }),
    startSeconds: new Histogram({
      name: 'zeroth_node_pod_start_duration_seconds',
      help: 'Seconds from a pod being seen to its first container being started.',
      buckets: FAST,
      registers,
    }),
    readySeconds: new Histogram({
      name: 'zeroth_node_container_ready_duration_seconds',
      help: 'Seconds from a container being started to its first passed readiness probe.',
      buckets: FAST,
      registers,
    }),
    probes: new Counter({
      name: 'prober_probe_total',
      help: 'Probes of containers by type and result.',
      labelNames: ['probe_type', 'result'],
      registers,
    }),
    statusWrites: new Counter({ name: 'zeroth_node_status_writes_total', help: 'Pod statuses written.', registers }),
  };
}
