/** What Prometheus sees of the autoscaler: Knative's names in Prometheus' form (reference section 6), and the intake's. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { ActivatorMessage } from '../../api/load-report.ts';
import type { Decider } from './decider.ts';
import type { PodCounts } from './pods.ts';

const LABELS = ['k8s_namespace_name', 'kn_service_name', 'kn_configuration_name', 'kn_revision_name'] as const;
type Labels = Record<(typeof LABELS)[number], string>;

export class AutoscalerMetrics {
  readonly #labels = new Map<string, Labels>();
  readonly #gauges: Readonly<Record<string, Gauge<(typeof LABELS)[number]>>>;
  readonly #activators: Gauge;
  readonly #messages: Counter<'type'>;

  constructor(registry: Registry) {
    const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: LABELS, registers: [registry] });
    this.#gauges = {
      desired: gauge('kn_revision_pods_desired', 'Pods that the load asks for'),
      requested: gauge(
        'kn_revision_pods_requested',
        'Pods asked for after bounds and the way to zero; -1 = no opinion',
      ),
      ready: gauge('kn_revision_pods_count', 'Ready pods'),
      notReady: gauge('kn_revision_pods_not_ready_count', 'Running pods that are not ready'),
      pending: gauge('kn_revision_pods_pending_count', 'Pods that do not run yet'),
      terminating: gauge('kn_revision_pods_terminating_count', 'Pods that are ending'),
      concurrencyStable: gauge('kn_revision_concurrency_stable', 'Requests at a time, mean of the stable window'),
      concurrencyPanic: gauge('kn_revision_concurrency_panic', 'Requests at a time, mean of the panic window'),
      concurrencyTarget: gauge('kn_revision_concurrency_target', 'Requests at a time and pod that are aimed at'),
      rpsStable: gauge('kn_revision_rps_stable', 'Requests per second, mean of the stable window'),
      rpsPanic: gauge('kn_revision_rps_panic', 'Requests per second, mean of the panic window'),
      rpsTarget: gauge('kn_revision_rps_target', 'Requests per second and pod that are aimed at'),
      excess: gauge('kn_revision_capacity_excess', 'Requests of spare room beyond the burst that must be covered'),
      panic: gauge('kn_revision_panic_mode', '1 while pods are only added'),
    };
    this.#activators = new Gauge({
      name: 'kn_autoscaler_activators_connected',
      help: 'Activators that report load',
      registers: [registry],
    });
    this.#messages = new Counter({
      name: 'kn_autoscaler_messages_total',
      help: 'Messages of activators, by type; refused ones did not have the documented form',
      labelNames: ['type'],
      registers: [registry],
    });
  }

  /** Pods of a revision; its labels are remembered for what is measured in between. */
  pods(key: string, pa: PodAutoscaler, counts: PodCounts): void {
    const labels = this.#labels.get(key) ?? labelsOf(pa);
    this.#labels.set(key, labels);
    for (const state of ['ready', 'notReady', 'pending', 'terminating'] as const)
      this.#gauges[state]?.set(labels, counts[state]);
  }

  requested(key: string, want: number): void {
    this.#set('requested', key, want);
  }

  measured(key: string, decider: Decider): void {
    const { stable, panic } = decider.averages;
    this.#set('desired', key, decider.desired);
    this.#set(`${decider.spec.metric}Stable`, key, stable);
    this.#set(`${decider.spec.metric}Panic`, key, panic);
    this.#set(`${decider.spec.metric}Target`, key, decider.spec.target);
    this.#set('excess', key, decider.excessBurst);
    this.#set('panic', key, decider.panicking ? 1 : 0);
  }

  forget(key: string): void {
    const labels = this.#labels.get(key);
    if (labels === undefined) return;
    this.#labels.delete(key);
    for (const gauge of Object.values(this.#gauges)) gauge.remove(labels);
  }

  activators(count: number): void {
    this.#activators.set(count);
  }

  message(type: ActivatorMessage['type'] | 'refused'): void {
    this.#messages.inc({ type });
  }

  #set(name: string, key: string, value: number): void {
    const labels = this.#labels.get(key);
    if (labels !== undefined) this.#gauges[name]?.set(labels, value);
  }
}

function labelsOf({ metadata }: PodAutoscaler): Labels {
  return {
    k8s_namespace_name: metadata.namespace ?? '',
    kn_service_name: metadata.labels?.['serving.knative.dev/service'] ?? '',
    kn_configuration_name: metadata.labels?.['serving.knative.dev/configuration'] ?? '',
    kn_revision_name: metadata.name,
  };
}
