/** The PodAutoscaler of a Revision: the autoscaler's orders. Source: reference sections 2.2 and 2.6. */
import { PodAutoscaler } from '../../../../api/autoscaling/pod-autoscaler.ts';
import type { Deployment } from '../../../../api/core.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { Revision } from '../../../../api/serving/revision.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import { deepEqual } from '../../../../kube/equal.ts';
import { AUTOSCALING_GROUP, ROUTING_STATE_LABEL, union, without } from '../../keys.ts';
import { deploymentName } from './deployment.ts';
import { autoscalerAnnotations, childLabels } from './metadata.ts';
import { protocolOf } from './port.ts';

export type Reachability = NonNullable<PodAutoscaler['spec']['reachability']>;

/** Filled in by defaulting: their absence from the Revision is no reason to remove them. */
const DEFAULTED: readonly string[] = ['autoscaling.knative.dev/class', 'autoscaling.knative.dev/metric'];

export function makePodAutoscaler(revision: Revision, reachability: Reachability): PodAutoscaler {
  const { name, namespace } = revision.metadata;
  return {
    apiVersion: apiVersionOf(PodAutoscaler),
    kind: PodAutoscaler.kind,
    metadata: {
      name,
      namespace,
      labels: childLabels(revision),
      annotations: autoscalerAnnotations(revision),
      ownerReferences: [controllerRef(revision, Revision)],
    },
    spec: {
      containerConcurrency: revision.spec.containerConcurrency ?? 0,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deploymentName(revision) },
      reachability,
      protocolType: protocolOf(revision),
    },
  };
}

/** Spec and autoscaling annotations follow the Revision, also when an annotation is taken away. */
export function updatePodAutoscaler(existing: PodAutoscaler, desired: PodAutoscaler): PodAutoscaler {
  const kept = without(
    existing.metadata.annotations,
    (key) => key.startsWith(AUTOSCALING_GROUP) && !DEFAULTED.includes(key),
  );
  const annotations = union(kept, desired.metadata.annotations);
  return {
    ...existing,
    metadata: deepEqual(annotations, existing.metadata.annotations ?? {})
      ? existing.metadata
      : { ...existing.metadata, annotations },
    spec: sameSpec(existing, desired) ? existing.spec : desired.spec,
  };
}

function sameSpec(existing: PodAutoscaler, desired: PodAutoscaler): boolean {
  const normal = ({ spec }: PodAutoscaler) => ({
    ...spec,
    containerConcurrency: spec.containerConcurrency ?? 0,
    reachability: spec.reachability ?? '',
  });
  return deepEqual(normal(existing), normal(desired));
}

/**
 * Can traffic reach the Revision? One that cannot may drop to zero at once; so may one whose pods cannot start.
 * @param broken a dependent condition of the Revision is False
 */
export function reachabilityOf(revision: Revision, broken: boolean, deployment: Deployment | undefined): Reachability {
  const wanted = deployment?.spec?.replicas ?? 0;
  if (broken && wanted > 0 && (deployment?.status?.readyReplicas ?? 0) === 0) return 'Unreachable';
  switch (revision.metadata.labels?.[ROUTING_STATE_LABEL]) {
    case 'active':
      return 'Reachable';
    case 'reserve':
      return 'Unreachable';
    default:
      return '';
  }
}
