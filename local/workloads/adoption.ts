/** Orphans that match a controller's selector become its own. Source: Kubernetes, "Controller references". */
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { ApiError } from '../../kube/errors.ts';
import { controllerRef, type World } from '../../kube/reconciler.ts';
import { selects, type LabelSelector } from './selectors.ts';

/** The orphan as adopted; `undefined` when it does not match, is going away, or was taken by another meanwhile. */
export async function adopt<T extends KubeObject>(
  world: World,
  ownerType: ResourceType,
  owner: KubeObject,
  selector: LabelSelector | undefined,
  type: ResourceType<T>,
  orphan: T,
): Promise<T | undefined> {
  const { namespace, name, uid, labels, deletionTimestamp, ownerReferences = [] } = orphan.metadata;
  if (deletionTimestamp !== undefined || !selects(selector, labels)) return undefined;
  const patch = { metadata: { uid, ownerReferences: [...ownerReferences, controllerRef(owner, ownerType)] } };
  try {
    return await world.client.patch(type, namespace, name, patch);
  } catch (error) {
    // Gone, replaced by a namesake, or given another controller.
    if (error instanceof ApiError && [404, 409, 422].includes(error.code)) return undefined;
    throw error;
  }
}
