/** JSON Merge Patch. Source: RFC 7386. */
import { badPatch } from './errors.ts';

/**
 * Merges maps key by key, null removes, everything else replaces. The input is not changed.
 * @throws ApiError 400 when the patch is not an object
 */
export function mergePatch<T extends object>(object: T, patch: unknown): T;
export function mergePatch(object: object, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch))
    throw badPatch('error decoding patch: a merge patch is an object');
  return merge(object, patch);
}

function merge(value: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete merged[key];
    else merged[key] = merge(Object.hasOwn(merged, key) ? merged[key] : undefined, change);
  }
  return merged;
}
