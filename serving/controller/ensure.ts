/** Children of a reconciled object: made when absent, brought back when they differ, left alone when another's. */
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { deepEqual } from '../../kube/equal.ts';
import { isAlreadyExists, isConflict } from '../../kube/errors.ts';
import { isControlledBy, type World } from '../../kube/reconciler.ts';
import { NotOwnedError, ReconcileError } from './errors.ts';
import { messageOf } from '../../kube/message.ts';

export interface Child<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly owner: KubeObject;
  /** Written as it stands when there is none yet. */
  readonly desired: T;
  /** What the existing one should look like; returning an equal object writes nothing. */
  readonly update: (existing: T) => T;
  /** What the error of a write that failed calls it, e.g. `deployment "x"`; its kind when left out. */
  readonly what?: string;
  /** What events about its creation call it, e.g. `Configuration`; without it there are none. */
  readonly label?: string;
  /** Events name the child after its label; off for an event that says the kind alone. */
  readonly namedInFailure?: boolean;
  /** The verb in the error of an update that failed. */
  readonly updating?: string;
}

/**
 * @returns the object as stored, and whether this call made it
 * @throws NotOwnedError when the name is taken by an object of another owner
 * @throws ReconcileError when a write fails, save for a conflict, which is thrown as it is
 */
export async function ensure<T extends KubeObject>(
  world: World,
  child: Child<T>,
): Promise<{ readonly object: T; readonly created: boolean }> {
  const { type, owner, desired } = child;
  const { namespace, name } = desired.metadata;
  let existing = world.informer(type).get(namespace, name);
  if (existing === undefined) {
    try {
      const object = await world.client.create(type, desired);
      if (child.label !== undefined) world.event(owner, 'Normal', 'Created', `Created ${child.label} "${name}"`);
      return { object, created: true };
    } catch (error) {
      // The cache may lag behind a write of our own.
      existing = isAlreadyExists(error) ? await world.client.find(type, namespace, name) : undefined;
      if (existing === undefined) {
        if (child.label !== undefined) {
          const what = child.namedInFailure === false ? child.label : `${child.label} "${name}"`;
          world.event(owner, 'Warning', 'CreationFailed', `Failed to create ${what}: ${messageOf(error)}`);
        }
        throw new ReconcileError(`failed to create ${child.what ?? type.kind}`, error);
      }
    }
  }
  if (!isControlledBy(existing, owner)) throw new NotOwnedError(type.kind, name);
  const wanted = child.update(existing);
  if (deepEqual(wanted, existing)) return { object: existing, created: false };
  try {
    return { object: await world.client.update(type, wanted), created: false };
  } catch (error) {
    if (isConflict(error)) throw error;
    throw new ReconcileError(`failed to ${child.updating ?? 'update'} ${child.what ?? type.kind}`, error);
  }
}

/** The existing object with the desired labels, annotations and spec in place of its own. */
export function replaceSpec<T extends KubeObject & { spec?: unknown }>(existing: T, desired: T): T {
  return {
    ...existing,
    metadata: {
      ...existing.metadata,
      labels: orAbsent(desired.metadata.labels, existing.metadata.labels),
      annotations: orAbsent(desired.metadata.annotations, existing.metadata.annotations),
    },
    spec: desired.spec,
  };
}

/** An empty map and none at all are the same on the wire. */
function orAbsent(
  desired: Record<string, string> | undefined,
  existing: Record<string, string> | undefined,
): Record<string, string> | undefined {
  if (Object.keys(desired ?? {}).length === 0 && Object.keys(existing ?? {}).length === 0) return existing;
  return desired;
}
