/** Structural comparison of JSON values. */

export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = definedKeys(left);
  if (keys.length !== definedKeys(right).length) return false;
  return keys.every((key) => deepEqual(left[key], right[key]));
}

/**
 * Does `actual` already hold all that `desired` says? Maps may hold more (other writers' fields, server defaults);
 * lists of objects are compared item by item, other lists exactly.
 */
export function includes(actual: unknown, desired: unknown): boolean {
  if (desired === undefined) return true;
  if (typeof desired !== 'object' || desired === null) return actual === desired;
  if (Array.isArray(desired)) {
    return (
      Array.isArray(actual) && actual.length === desired.length && desired.every((item, i) => includes(actual[i], item))
    );
  }
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual))
    return definedKeys(desired).length === 0 && actual === undefined;
  return Object.entries(desired).every(([key, value]) => includes((actual as Record<string, unknown>)[key], value));
}

function definedKeys(object: object): string[] {
  return Object.keys(object).filter((key) => (object as Record<string, unknown>)[key] !== undefined);
}
