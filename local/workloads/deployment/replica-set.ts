/** Makes the ReplicaSet of a Deployment's current template. */
import { Deployment, type ReplicaSet } from '../../../api/core.ts';
import { controllerRef } from '../../../kube/reconciler.ts';
import { currentAnnotations } from './revisions.ts';
import type { RolloutSpec } from './rollout-spec.ts';
import { HASH_LABEL, templateHash } from './template-hash.ts';

export function makeReplicaSet(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  spec: RolloutSpec,
  replicas: number,
): ReplicaSet {
  const template = deployment.spec?.template ?? {};
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: currentAnnotations(deployment, undefined, old, spec),
      ownerReferences: [controllerRef(deployment, Deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds === 0 ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...deployment.spec?.selector,
        matchLabels: { ...deployment.spec?.selector.matchLabels, [HASH_LABEL]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}
