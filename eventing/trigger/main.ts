/**
 * Eventing's controllers: Broker and Trigger. Wiring only.
 *
 * In: Brokers, Triggers and whatever they refer to, over the Kubernetes API.
 * Out: their statuses, which the broker process reads. Never: an event; those pass through the broker process alone.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import { createController, type Controller, type ControllerOptions } from '../../kube/controller.ts';
import { brokerReconciler } from './broker/reconciler.ts';
import { Resolver } from './resolve.ts';
import { triggerReconciler } from './trigger/reconciler.ts';

export interface EventingControllerOptions extends ControllerOptions {
  readonly registry: Registry;
}

/** Resolves when the caches are filled and every object is queued. */
export async function startEventingControllers(options: EventingControllerOptions): Promise<{ stop(): Promise<void> }> {
  const resolver = new Resolver(options.client, options.informers);
  const onPass = options.onPass ?? passMetrics(options.registry);
  const controllers: Controller[] = [
    createController(brokerReconciler(resolver), { ...options, onPass }),
    createController(triggerReconciler(resolver), { ...options, onPass }),
  ];
  await Promise.all(controllers.map((controller) => controller.start()));
  return {
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}

function passMetrics(registry: Registry): NonNullable<ControllerOptions['onPass']> {
  const duration = new Histogram({
    name: 'kn_eventing_reconcile_duration_seconds',
    help: 'Time of one pass over an object',
    labelNames: ['reconciler'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'kn_eventing_reconcile_failures_total',
    help: 'Passes that failed and are tried again',
    labelNames: ['reconciler'],
    registers: [registry],
  });
  return (reconciler, seconds, error) => {
    duration.observe({ reconciler }, seconds);
    if (error !== undefined) failures.inc({ reconciler });
  };
}
