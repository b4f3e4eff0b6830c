/** What the serving controllers count: passes of each reconciler, how long they took, how many failed. */
import { Counter, Histogram, type Registry } from 'prom-client';

export type OnPass = (controller: string, seconds: number, error: unknown) => void;

/** @returns what `ControllerOptions.onPass` is told */
export function reconcileMetrics(registry: Registry): OnPass {
  const duration = new Histogram({
    name: 'kn_workqueue_process_duration_seconds',
    help: 'Time one pass of a reconciler took',
    labelNames: ['name', 'success'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const retries = new Counter({
    name: 'kn_workqueue_retries_total',
    help: 'Passes that failed and will be tried again',
    labelNames: ['name'],
    registers: [registry],
  });
  return (controller, seconds, error) => {
    duration.observe({ name: controller, success: String(error === undefined) }, seconds);
    if (error !== undefined) retries.inc({ name: controller });
  };
}
