/**
 * Keeps one PodAutoscaler: its Metric and ServerlessService, the scale of its target, and its status.
 * Source: knative/serving pkg/reconciler/autoscaling/kpa (behaviour; reference sections 4.5 and 4.6).
 */
import { ConfigMap, Deployment, Pod } from '../../api/core.ts';
import { Metric, PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { ServerlessService } from '../../api/networking/serverless-service.ts';
import type { KubeObject } from '../../api/object.ts';
import { keyOf, splitKey } from '../../kube/informer.ts';
import type { ObjectKey, Outcome, Reconciler, World } from '../../kube/reconciler.ts';
import { KPA_CLASS, readAnnotations } from './annotations.ts';
import { notOwned, told } from './blocked.ts';
import type { Settings } from './settings.ts';
import type { Deciders } from './deciders.ts';
import type { AutoscalerMetrics } from './metrics.ts';
import { countPods, podsBefore, revisionKeyOf } from './pods.ts';
import { activatorsOf, isForeign, metricOf, modeOf, serverlessServiceOf } from './resources.ts';
import { planScale, type ScalePlan } from './scale-plan.ts';
import type { ScaleDown } from './scale-down.ts';
import type { Scaler } from './scaler.ts';
import { deciderSpecOf } from './spec.ts';
import { statusOf } from './status.ts';
import { timestamp } from '../../kube/timestamp.ts';

export interface PodAutoscalerParts {
  readonly deciders: Deciders;
  readonly scaler: Scaler;
  readonly scaleDown: ScaleDown;
  readonly metrics: AutoscalerMetrics;
  readonly settings: Settings;
  /** Gives what calls back with keys to look at. */
  readonly wakes: (wake: (key: ObjectKey) => void) => void;
}

type Status = NonNullable<PodAutoscaler['status']>;

export function podAutoscalerReconciler(parts: PodAutoscalerParts): Reconciler<PodAutoscaler> {
  const { deciders, scaler, scaleDown, metrics, settings } = parts;
  return {
    name: 'autoscaler',
    kind: PodAutoscaler,
    owns: [Metric, ServerlessService],
    watches: [
      { type: Pod, keys: ofRevision },
      { type: Deployment, keys: ofRevision },
    ],
    reads: [ConfigMap],
    configs: ['config-autoscaler', 'config-deployment'],
    wakes: parts.wakes,

    async reconcile(pa: PodAutoscaler, world: World): Promise<Outcome<Status> | void> {
      const { namespace, name } = pa.metadata;
      const annotations = readAnnotations(pa.metadata.annotations);
      const { autoscaler: config, progressDeadline } = settings.current();
      if ((annotations.class ?? config.podAutoscalerClass) !== KPA_CLASS) return;
      const key = keyOf(namespace, name);
      const now = world.clock.now();
      const had = podsBefore(pa, scaler.current(pa));
      const decider = deciders.ensure(key, deciderSpecOf(pa, annotations, config), had);
      const pods = countPods(world.informer(Pod), key);
      metrics.pods(key, pa, pods);

      for (const type of [ServerlessService, Metric]) {
        const existing: KubeObject | undefined = world.informer<KubeObject>(type).get(namespace, name);
        if (isForeign(existing, pa)) return notOwned(pa, type.kind, now);
      }
      const service = world.informer(ServerlessService).get(namespace, name);
      const known = service?.status?.privateServiceName !== undefined;
      const decide = (): ScalePlan =>
        known
          ? planScale({ pa, annotations, service, config, progressDeadline, desired: decider.desired, now })
          : { want: -1, apply: false };
      let plan = decide();
      if (plan.apply && plan.want < (scaler.current(pa) ?? 0)) {
        await scaleDown.prepare({ namespace, name }, plan.want);
        // Load may have come meanwhile.
        plan = decide();
      }
      metrics.requested(key, plan.want);
      if (plan.apply) await scaler.scale(pa, plan.want);
      const mode = known ? modeOf(plan.want, decider.excessBurst) : 'Proxy';
      const children: Promise<unknown>[] = [
        world.apply(Metric, metricOf(pa, annotations, config)).catch((error: unknown) => {
          throw told(`error reconciling Metric: error writing metric ${name}`, error);
        }),
        world
          .apply(ServerlessService, serverlessServiceOf(pa, mode, activatorsOf(pods.ready, decider.spec)))
          .catch((error: unknown) => {
            throw told(`error reconciling SKS: error writing SKS ${name}`, error);
          }),
      ];
      await Promise.all(children);
      const ready = known ? pods.ready : 0;
      const status = statusOf({ pa, annotations, config, service, want: plan.want, ready, now: timestamp(now) });
      return { status, again: plan.again };
    },
  };
}

function ofRevision(object: KubeObject): readonly ObjectKey[] {
  const key = revisionKeyOf(object);
  return key === undefined ? [] : [splitKey(key)];
}
