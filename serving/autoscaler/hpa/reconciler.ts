/**
 * Keeps a PodAutoscaler of the HPA class: hands it on to a HorizontalPodAutoscaler and tells what becomes of it.
 * Source: knative/serving pkg/reconciler/autoscaling/hpa (behaviour).
 */
import { HorizontalPodAutoscaler } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap } from '../../../api/core.ts';
import { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import { HPA_CLASS, readAnnotations } from '../annotations.ts';
import { failedCreate, notOwned, told } from '../blocked.ts';
import { isForeign, serverlessServiceOf } from '../resources.ts';
import type { Settings } from '../settings.ts';
import { activeThresholdOf } from '../status.ts';
import { horizontalPodAutoscalerOf } from './horizontal-pod-autoscaler.ts';
import { ageOf, HPA_PATIENCE, hpaStatusOf, isUnserved, NO_CONTROLLER, unservedMessage } from './status.ts';

type Status = NonNullable<PodAutoscaler['status']>;

export function hpaReconciler(settings: Settings): Reconciler<PodAutoscaler> {
  return {
    name: 'hpa-class-podautoscaler-controller',
    kind: PodAutoscaler,
    owns: [HorizontalPodAutoscaler, ServerlessService],
    watches: [],
    reads: [ConfigMap],
    configs: ['config-autoscaler'],

    async reconcile(pa: PodAutoscaler, world: World): Promise<Outcome<Status> | void> {
      const annotations = readAnnotations(pa.metadata.annotations);
      const { autoscaler: config } = settings.current();
      if ((annotations.class ?? config.podAutoscalerClass) !== HPA_CLASS) return;
      const { namespace, name } = pa.metadata;
      const now = world.clock.now();
      for (const type of [HorizontalPodAutoscaler, ServerlessService]) {
        const existing: KubeObject | undefined = world.informer<KubeObject>(type).get(namespace, name);
        if (isForeign(existing, pa)) return notOwned(pa, type.kind, now);
      }
      let hpa: HorizontalPodAutoscaler;
      try {
        hpa = await world.apply(HorizontalPodAutoscaler, horizontalPodAutoscalerOf(pa, annotations, config));
      } catch (error) {
        const known = world.informer(HorizontalPodAutoscaler).get(namespace, name) !== undefined;
        if (known) return { failure: told('failed to update HPA', error) };
        return failedCreate(pa, HorizontalPodAutoscaler.kind, error, now);
      }
      let service: ServerlessService;
      try {
        // No number of activators is all of them.
        service = await world.apply(ServerlessService, serverlessServiceOf(pa, 'Serve', 0));
      } catch (error) {
        return { failure: told(`error reconciling SKS: error writing SKS ${name}`, error) };
      }
      const threshold = activeThresholdOf(pa, annotations, config);
      const status = hpaStatusOf({ pa, hpa, service, threshold, now });
      const wasSaid = pa.status?.conditions?.some(({ reason }) => reason === NO_CONTROLLER) === true;
      if (isUnserved(hpa, now) && !wasSaid) world.event(pa, 'Warning', NO_CONTROLLER, unservedMessage(hpa));
      const left = HPA_PATIENCE - ageOf(hpa, now);
      return { status, again: hpa.status?.conditions === undefined && left > 0 ? left + 1 : undefined };
    },
  };
}
