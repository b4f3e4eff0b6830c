/**
 * Specs as Knative's webhook compares them: it reads them into Go types first, in which an empty list, an empty map and
 * a plain field's zero value are the same as nothing.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { isSet } from './fields.ts';

/** Structs that are always there: an empty one says nothing. */
const STRUCTS = new Set(['metadata', 'resources']);
/** Maps of a user's own keys: an empty one says nothing, every entry says something. */
const MAPS = new Set(['annotations', 'labels', 'limits', 'matchLabels', 'nodeSelector', 'requests']);

export function sameSpec(a: unknown, b: unknown): boolean {
  return deepEqual(a, b) || deepEqual(meaning(a), meaning(b));
}

/** The value without all that says nothing. @param field that it stands in */
export function meaning(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => meaning(item) ?? {});
  if (typeof value !== 'object' || value === null) return isSet(value, field) ? value : undefined;
  if (MAPS.has(field)) return Object.keys(value).length === 0 ? undefined : value;
  const entries = Object.entries(value)
    .map(([key, child]) => [key, meaning(child, key)] as const)
    .filter(([, child]) => child !== undefined);
  return entries.length === 0 && STRUCTS.has(field) ? undefined : Object.fromEntries(entries);
}
