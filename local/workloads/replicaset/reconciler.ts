/** Keeps as many pods as a ReplicaSet asks for. Source: Kubernetes, "ReplicaSet". */
import { Pod, ReplicaSet } from '../../../api/core.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { keyOf } from '../../../kube/informer.ts';
import { controllerOf, type ObjectKey, type Reconciler, type World } from '../../../kube/reconciler.ts';
import { claim } from '../claim.ts';
import type { Expectations } from '../expectations.ts';
import { laterEvent } from '../later-event.ts';
import { makePod } from '../pod-template.ts';
import { controlledBy, orphansIn } from '../ownership.ts';
import { isActive } from '../pods.ts';
import { selects } from '../../../kube/label-selector.ts';
import { slowStart } from '../slow-start.ts';
import { writeStatus } from '../write-status.ts';
import { inDeletionOrder } from './deletion-order.ts';
import { nextAvailable, replicaSetStatus, type ReplicaFailure } from './status.ts';
import { messageOf } from '../../../kube/message.ts';

/** Most pods created or deleted in one pass. */
const BURST = 500;

export interface ReplicaSetDependencies {
  readonly expectations: Expectations;
  /** Puts a new pod on a node at once where the scheduler would; the pod as it was where it must decide itself. */
  place(pod: Pod): Pod;
  /** A pod so placed was not created. */
  unplace(pod: Pod): void;
}

export function replicaSetReconciler(dependencies: ReplicaSetDependencies): Reconciler<ReplicaSet> {
  const { expectations } = dependencies;
  return {
    name: 'replicaset-controller',
    kind: ReplicaSet,
    owns: [Pod],
    watches: [{ type: Pod, keys: claimantsOf }],

    async reconcile(set, world) {
      const uid = set.metadata.uid ?? '';
      const pods = world.informer(Pod);
      const active = (await podsOf(set, world)).filter(isActive);
      let failure: ReplicaFailure | undefined;
      let error: unknown;
      if (expectations.satisfied(uid)) {
        const missing = (set.spec?.replicas ?? 1) - active.length;
        if (missing > 0) {
          error = await create(set, Math.min(missing, BURST), dependencies, world);
          if (error !== undefined) failure = { reason: 'FailedCreate', message: messageOf(error) };
        } else if (missing < 0) {
          error = await remove(set, inDeletionOrder(active).slice(0, Math.min(-missing, BURST)), expectations, world);
          if (error !== undefined) failure = { reason: 'FailedDelete', message: messageOf(error) };
        }
      }
      const now = world.clock.now();
      const counted = controlledBy(pods, uid).filter(isActive);
      const status = replicaSetStatus(set, counted, failure, now);
      if (error === undefined) return { status, again: nextAvailable(set, counted, now) };
      await writeStatus(world, ReplicaSet, set, status);
      throw error;
    },
  };
}

async function create(
  set: ReplicaSet,
  count: number,
  { expectations, place, unplace }: ReplicaSetDependencies,
  world: World,
): Promise<unknown> {
  const owner = set.metadata.uid ?? '';
  return slowStart(count, async () => {
    const pod = place(makePod(set, ReplicaSet, set.spec?.template));
    const key = keyOf(pod.metadata.namespace, pod.metadata.name);
    expectations.expectCreation(owner, key);
    try {
      await world.client.create(Pod, pod);
      laterEvent(world, set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      expectations.created(owner, key);
      unplace(pod);
      world.event(set, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  });
}

async function remove(
  set: ReplicaSet,
  pods: readonly Pod[],
  expectations: Expectations,
  world: World,
): Promise<unknown> {
  const owner = set.metadata.uid ?? '';
  const results = await Promise.allSettled(
    pods.map(async ({ metadata: { namespace, name, uid = '' } }) => {
      expectations.expectDeletion(owner, uid);
      try {
        const found = await world.client.delete(Pod, namespace, name, { uid });
        if (!found) expectations.deleted(owner, uid);
        laterEvent(world, set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      } catch (error) {
        expectations.deleted(owner, uid);
        if (!isNotFound(error)) {
          world.event(set, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
          throw error;
        }
      }
    }),
  );
  return results.find((result) => result.status === 'rejected')?.reason;
}

/** Those it controls: orphans that match are taken in, its own that match no longer are let go. */
async function podsOf(set: ReplicaSet, world: World): Promise<Pod[]> {
  const pods = world.informer(Pod);
  const claimant = { type: ReplicaSet, object: set, selector: set.spec?.selector };
  const orphans = orphansIn(pods, set.metadata.namespace).filter(isActive);
  const claimed: Pod[] = [];
  for (const pod of [...controlledBy(pods, set.metadata.uid), ...orphans]) {
    const mine = await claim(world, claimant, Pod, pod);
    if (mine !== undefined) claimed.push(mine);
  }
  return claimed;
}

/** Those that would take an orphan in. */
function claimantsOf(pod: Pod, world: World): ObjectKey[] {
  if (controllerOf(pod) !== undefined || !isActive(pod)) return [];
  return world
    .informer(ReplicaSet)
    .list(pod.metadata.namespace)
    .filter(({ spec }) => selects(spec?.selector, pod.metadata.labels))
    .map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}
