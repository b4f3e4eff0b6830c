/**
 * A controller and what its selector matches: orphans that match become its own, and what it owns but matches no longer
 * is let go, as when a user relabels a pod to look at it in peace. Source: Kubernetes, "Controller references",
 * "ReplicaSet" (isolating pods).
 */
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { ApiError } from '../../kube/errors.ts';
import { controllerOf, controllerRef, isControlledBy, type World } from '../../kube/reconciler.ts';
import { selects, type LabelSelector } from '../../kube/label-selector.ts';

export interface Claimant {
  readonly type: ResourceType;
  readonly object: KubeObject;
  readonly selector: LabelSelector | undefined;
}

/** The object when it is the claimant's, as adopted where it was nobody's; else `undefined`. */
export async function claim<T extends KubeObject>(
  world: World,
  claimant: Claimant,
  type: ResourceType<T>,
  object: T,
): Promise<T | undefined> {
  const matches = selects(claimant.selector, object.metadata.labels);
  const { uid, deletionTimestamp, ownerReferences = [] } = object.metadata;
  if (isControlledBy(object, claimant.object)) {
    if (matches) return object;
    const others = ownerReferences.filter((owner) => owner.uid !== claimant.object.metadata.uid);
    await patch(world, type, object, { uid, ownerReferences: others });
    return undefined;
  }
  if (!matches || controllerOf(object) !== undefined || deletionTimestamp !== undefined) return undefined;
  const owner = controllerRef(claimant.object, claimant.type);
  return patch(world, type, object, { uid, ownerReferences: [...ownerReferences, owner] });
}

/** `undefined` when the object is gone, was replaced by a namesake, or was given a controller by another. */
async function patch<T extends KubeObject>(
  { client }: World,
  type: ResourceType<T>,
  { metadata: { namespace, name, resourceVersion } }: T,
  change: object,
): Promise<T | undefined> {
  try {
    return await client.patch(type, namespace, name, { metadata: { ...change, resourceVersion } });
  } catch (error) {
    if (error instanceof ApiError && [404, 409, 422].includes(error.code)) return undefined;
    throw error;
  }
}
