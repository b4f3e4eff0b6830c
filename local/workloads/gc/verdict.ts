/** What becomes of an object, given how its owners fare. Source: Kubernetes, "Garbage Collection". */
import type { KubeObject, OwnerReference } from '../../../api/object.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** `waiting`: being deleted in the foreground, that is, once its dependents are gone. */
export type OwnerState = 'present' | 'absent' | 'waiting';

export type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'release'; readonly owners: readonly OwnerReference[] }
  | { readonly kind: 'delete'; readonly policy: 'Foreground' | 'Background' | 'Orphan' };

/**
 * @param state how each owner reference fares
 * @param hasDependents whether the object owns others
 */
export function judge(
  object: KubeObject,
  state: (owner: OwnerReference) => OwnerState,
  hasDependents: boolean,
): Verdict {
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0) return { kind: 'keep' };
  const states = owners.map((owner) => ({ owner, state: state(owner) }));
  const present = states.filter((one) => one.state === 'present');
  if (present.length === owners.length) return { kind: 'keep' };
  if (present.length > 0) return { kind: 'release', owners: present.map(({ owner }) => owner) };
  if (hasDependents && states.some((one) => one.state === 'waiting')) return { kind: 'delete', policy: 'Foreground' };
  return { kind: 'delete', policy: policyOf(object) };
}

/** Going away, and staying until its dependents have gone. */
export function isForeground({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND);
}

/** Going away, and staying until its dependents are nobody's. */
export function isOrphaning({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(ORPHAN);
}

/** Whether `object` keeps an owner in foreground deletion from going. */
export function blocks(object: KubeObject, owner: string): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    (reference) => reference.uid === owner && reference.blockOwnerDeletion === true,
  );
}

function policyOf({ metadata: { finalizers = [] } }: KubeObject): 'Foreground' | 'Background' | 'Orphan' {
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}
