/** A status write in the midst of a pass, for what must be said before the pass throws. */
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { deepEqual } from '../../kube/equal.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import type { World } from '../../kube/reconciler.ts';

/** Skipped when nothing differs, and left to the next pass when the object has changed or gone. */
export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  world: World,
  type: ResourceType<T>,
  object: T,
  status: NonNullable<T['status']>,
): Promise<void> {
  if (deepEqual(object.status, status)) return;
  try {
    await world.client.update(type, { ...object, status }, 'status');
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}
