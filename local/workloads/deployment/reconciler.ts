/** Keeps a Deployment's ReplicaSets at the sizes its rollout wants. Source: Kubernetes, "Deployments". */
import { Deployment, Pod, ReplicaSet } from '../../../api/core.ts';
import { ApiError, isAlreadyExists } from '../../../kube/errors.ts';
import { controllerOf, isControlledBy, type Reconciler, type World } from '../../../kube/reconciler.ts';
import { claim } from '../claim.ts';
import { laterEvent } from '../later-event.ts';
import { controlledBy, orphansIn } from '../ownership.ts';
import { isTerminal } from '../pods.ts';
import { isEmptySelector } from '../../../kube/label-selector.ts';
import { writeStatus } from '../write-status.ts';
import { planDeployment, type DeploymentPlan } from './plan.ts';
import { condition, withCondition } from './status.ts';
import { REVISION } from './revisions.ts';
import { rolloutSpec } from './rollout-spec.ts';

export const deploymentReconciler: Reconciler<Deployment> = {
  name: 'deployment-controller',
  kind: Deployment,
  owns: [ReplicaSet],
  // Recreate waits for the last old pod to be gone, which changes no ReplicaSet.
  watches: [{ type: Pod, keys: recreatingDeployment }],

  async reconcile(deployment, world) {
    const selector = deployment.spec?.selector;
    if (selector === undefined || isEmptySelector(selector)) {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.';
      world.event(deployment, 'Warning', 'SelectingAll', message);
      return { status: { ...deployment.status, observedGeneration: deployment.metadata.generation } };
    }
    const pods = world.informer(Pod);
    const plan = planDeployment(
      deployment,
      {
        replicaSets: await replicaSetsOf(deployment, world),
        hasPods: (set) => controlledBy(pods, set.metadata.uid).some((pod) => !isTerminal(pod)),
      },
      world.clock.now(),
    );
    await carryOut(deployment, plan, world);
    return { status: plan.status, again: plan.again };
  },
};

async function carryOut(deployment: Deployment, plan: DeploymentPlan, world: World): Promise<void> {
  const { client } = world;
  if (plan.create !== undefined) await create(deployment, plan.create, world);
  await Promise.all(
    plan.changes.map(({ before, after }) => {
      const patch = {
        metadata: { resourceVersion: before.metadata.resourceVersion, annotations: after.metadata.annotations },
        spec: { replicas: after.spec?.replicas, minReadySeconds: after.spec?.minReadySeconds ?? null },
      };
      return client.patch(ReplicaSet, before.metadata.namespace, before.metadata.name, patch);
    }),
  );
  const { namespace, name } = deployment.metadata;
  if (plan.revision !== undefined) {
    await client.patch(Deployment, namespace, name, { metadata: { annotations: { [REVISION]: plan.revision } } });
  }
  for (const { metadata } of plan.deletes) {
    await client.delete(ReplicaSet, metadata.namespace, metadata.name, { uid: metadata.uid });
  }
  for (const { type, reason, message } of plan.events) laterEvent(world, deployment, type, reason, message);
}

/** @throws what the server said; the Deployment's conditions then say it too */
async function create(deployment: Deployment, set: ReplicaSet, world: World): Promise<void> {
  const { client } = world;
  const { namespace, name } = set.metadata;
  try {
    await client.create(ReplicaSet, set);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (isAlreadyExists(error)) {
      const taken = await client.find(ReplicaSet, namespace, name);
      // Our own, seen by nobody yet: the next pass finds it in the cache.
      if (taken === undefined || isControlledBy(taken, deployment)) throw error;
      const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
      await writeStatus(world, Deployment, deployment, { ...deployment.status, collisionCount });
      throw error;
    }
    const message = `Failed to create new replica set "${name}": ${error.message}`;
    if (rolloutSpec(deployment).progressDeadline !== undefined) {
      const failed = condition('Progressing', 'False', 'ReplicaSetCreateError', message, world.clock.now());
      const conditions = [...withCondition(deployment.status?.conditions ?? [], failed)];
      await writeStatus(world, Deployment, deployment, { ...deployment.status, conditions });
    }
    world.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
    throw error;
  }
}

/** Those it controls: orphans that match are taken in, its own that match no longer are let go. */
async function replicaSetsOf(deployment: Deployment, world: World): Promise<ReplicaSet[]> {
  const sets = world.informer(ReplicaSet);
  const claimant = { type: Deployment, object: deployment, selector: deployment.spec?.selector };
  const claimed: ReplicaSet[] = [];
  const orphans = orphansIn(sets, deployment.metadata.namespace);
  for (const set of [...controlledBy(sets, deployment.metadata.uid), ...orphans]) {
    const mine = await claim(world, claimant, ReplicaSet, set);
    if (mine !== undefined) claimed.push(mine);
  }
  return claimed;
}

function recreatingDeployment(pod: Pod, world: World) {
  const owner = controllerOf(pod);
  if (owner?.kind !== 'ReplicaSet') return [];
  const { namespace } = pod.metadata;
  const set = world.informer(ReplicaSet).get(namespace, owner.name);
  const deployment = set === undefined ? undefined : controllerOf(set);
  if (deployment?.kind !== 'Deployment') return [];
  const recreates = world.informer(Deployment).get(namespace, deployment.name)?.spec?.strategy?.type === 'Recreate';
  return recreates ? [{ namespace, name: deployment.name }] : [];
}
