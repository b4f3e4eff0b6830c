/**
 * What runs workloads on one machine, over the Kubernetes API alone: Deployments, ReplicaSets, Jobs and CronJobs become
 * pods, pods get a node, Services get endpoints and a listener, owners take their dependents with them, namespaces get
 * their service account and are emptied when deleted, HorizontalPodAutoscalers follow what pods use. In: watches of
 * those kinds. Out: writes to them, and the Service proxy's sockets on the instance's own loopback addresses. It never
 * starts a process (that is local/node), never polls (but for what pods use, while there is a HorizontalPodAutoscaler),
 * and a pass over unchanged objects writes nothing. StatefulSets and DaemonSets are stored but not run.
 */
import { Namespace, Node, Pod } from '../../api/core.ts';
import type { InstanceNetwork } from '../../api/zeroth.ts';
import { systemClock } from '../../kube/clock.ts';
import { createController, type ControllerOptions } from '../../kube/controller.ts';
import { cronJobReconciler } from './cronjob/reconciler.ts';
import { deploymentReconciler } from './deployment/reconciler.ts';
import { endpointSliceReconciler, endpointsReconciler, removeEndpointsWithServices } from './endpoints/reconciler.ts';
import { Collector } from './gc/collector.ts';
import { OwnerGraph } from './gc/graph.ts';
import { releaseAbandonedPods } from './job/abandoned-pods.ts';
import { hpaReconciler } from './hpa/reconciler.ts';
import { jobReconciler } from './job/reconciler.ts';
import { startNamespaceDeletion } from './namespace/deletion.ts';
import { namespaceResidents } from './namespace/residents.ts';
import { Expectations } from './expectations.ts';
import { replicaSetReconciler } from './replicaset/reconciler.ts';
import { Scheduler } from './scheduler/reconciler.ts';
import { ServiceProxy } from './service-proxy/proxy.ts';
import { limitTerminatedPods } from './terminated-pods.ts';

export interface WorkloadsOptions extends ControllerOptions {
  readonly network: InstanceNetwork;
  /** PEM of the API server's CA, put into each namespace as ConfigMap `kube-root-ca.crt`; no such map when absent. */
  readonly caCert?: string;
}

export interface Workloads {
  /** Resolves when no pass is under way and no socket is left. */
  stop(): Promise<void>;
}

/** Objects in work at once in each loop that a cold start goes through. */
const COLD_START_WORKERS = 64;

/** Resolves when every cache is filled and every loop runs. */
export async function startWorkloads(options: WorkloadsOptions): Promise<Workloads> {
  const { client, informers, log } = options;
  const clock = options.clock ?? systemClock;
  const pods = informers.of(Pod);
  const expectations = new Expectations(pods, clock);
  const scheduler = new Scheduler(pods, informers.of(Node));
  const place = { place: scheduler.place.bind(scheduler), unplace: scheduler.forget.bind(scheduler) };

  // Wide where pods wait: writes under way at once share one sync of the store.
  const wide = { ...options, workers: COLD_START_WORKERS };
  const controllers = [
    createController(scheduler.reconciler(), wide),
    createController(replicaSetReconciler({ expectations, ...place }), wide),
    createController(deploymentReconciler, wide),
    createController(cronJobReconciler, options),
    createController(jobReconciler({ expectations, ...place }), options),
    createController(hpaReconciler(), options),
    createController(endpointSliceReconciler, wide),
    createController(endpointsReconciler, options),
    createController(namespaceResidents(options.caCert), options),
  ];
  const graph = new OwnerGraph(client, log);
  const collector = new Collector({ client, graph, log, clock });
  const proxy = new ServiceProxy({ informers, network: options.network, log });
  const stops = [...controllers, collector, proxy].map((part) => () => part.stop());
  stops.push(limitTerminatedPods(options));
  const stop = async (): Promise<void> => {
    graph.stop();
    await Promise.all(stops.map((one) => one()));
  };
  try {
    await Promise.all([
      ...controllers.map((controller) => controller.start()),
      proxy.start(),
      graph.start(informers),
      removeEndpointsWithServices(options),
    ]);
    collector.start();
    const namespaces = informers.of(Namespace);
    stops.push(startNamespaceDeletion({ client, graph, namespaces, log, clock }));
    stops.push(await releaseAbandonedPods(options));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
