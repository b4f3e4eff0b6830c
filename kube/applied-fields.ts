/**
 * What an object's managed fields say of an earlier server-side apply: whether the same one again would change nothing.
 * So that nobody need remember what was applied, and a controller that has just started writes nothing needlessly.
 * Source: Kubernetes, "Server-Side Apply", "Field management"; "FieldsV1" in its API reference.
 */
import type { KubeObject } from '../api/object.ts';
import { includes } from './equal.ts';

/** Keys are `f:NAME`, `k:{KEYS}`, `v:VALUE` and `.`; a node without children owns its value whole. */
interface Fields {
  readonly [element: string]: Fields;
}

/** `stored` has every value of `desired`, and its manager has applied no field that `desired` leaves out. */
export function isApplied(stored: KubeObject, desired: KubeObject, manager: string): boolean {
  const entry = stored.metadata.managedFields?.find(
    (one) => one.manager === manager && one.operation === 'Apply' && (one.subresource ?? '') === '',
  );
  if (entry?.fieldsV1 === undefined || !includes(stored, desired)) return false;
  const { apiVersion, kind: _kind, metadata, ...rest } = desired;
  // Fields of another version may have other names.
  if (apiVersion !== undefined && entry.apiVersion !== apiVersion) return false;
  // What addresses an object belongs to nobody.
  const { name: _name, namespace: _namespace, uid: _uid, resourceVersion: _version, ...ours } = metadata;
  return areSame(entry.fieldsV1 as Fields, { ...rest, metadata: ours });
}

function areSame(owned: Fields, desired: unknown): boolean {
  const elements = Object.keys(owned).filter((element) => element !== '.');
  if (elements.length === 0 || typeof desired !== 'object' || desired === null) return elements.length === 0;
  return Array.isArray(desired) ? areSameItems(owned, elements, desired) : areSameMembers(owned, elements, desired);
}

function areSameMembers(owned: Fields, elements: readonly string[], desired: object): boolean {
  const members = new Map(Object.entries(desired).filter(([, value]) => !isEmpty(value)));
  for (const element of elements) {
    const member = (desired as Record<string, unknown>)[element.slice(2)];
    if (member === undefined || !areSame(owned[element] ?? {}, member)) return false;
    members.delete(element.slice(2));
  }
  return members.size === 0;
}

function areSameItems(owned: Fields, elements: readonly string[], desired: readonly unknown[]): boolean {
  if (elements.length !== desired.length) return false;
  return elements.every((element) => {
    const wanted: unknown = JSON.parse(element.slice(2));
    const item = desired.find((one) => isNamed(one, wanted));
    return item !== undefined && (element.startsWith('v:') || areSame(owned[element] ?? {}, item));
  });
}

/** A key may have members that the server filled in (`protocol` of a port). */
function isNamed(item: unknown, key: unknown): boolean {
  if (typeof item !== 'object' || item === null || typeof key !== 'object' || key === null) return item === key;
  return Object.entries(key).every(([name, value]) => {
    const given: unknown = (item as Record<string, unknown>)[name];
    return given === undefined || given === value;
  });
}

/** Left out by servers that do not keep what is empty. */
function isEmpty(value: unknown): boolean {
  if (value === undefined) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
