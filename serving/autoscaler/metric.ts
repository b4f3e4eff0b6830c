/** Says of a Metric that its load is being measured: activators report it, there is nothing that could fail to start. */
import { Metric } from '../../api/autoscaling/pod-autoscaler.ts';
import { Conditions } from '../../kube/conditions.ts';
import type { Reconciler } from '../../kube/reconciler.ts';
import { timestamp } from '../../kube/timestamp.ts';

export const metricReconciler: Reconciler<Metric> = {
  name: 'metric-controller',
  kind: Metric,
  owns: [],
  watches: [],
  reconcile(metric, world) {
    const now = timestamp(world.clock.now());
    const conditions = new Conditions([], metric.status?.conditions, now).markTrue('Ready');
    const { generation: observedGeneration } = metric.metadata;
    return Promise.resolve({ status: { ...metric.status, observedGeneration, conditions: conditions.toList() } });
  },
};
