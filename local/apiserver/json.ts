/** JSON values: copied in, frozen, shared out. */
import { badRequest } from './errors.ts';

export type JsonObject = { [key: string]: unknown };

/** Deeper nesting than any manifest has; keeps hostile bodies from exhausting the stack. */
const DEEPEST = 512;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A copy as JSON would carry it: undefined members are left out, dates become texts, `__proto__` is dropped. What is
 * frozen came from the store: it is JSON already, can never change, and is taken as it is.
 * @throws ApiError 400 for nesting beyond 512 levels and for values JSON has no form for
 */
export function copyJson(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'object': {
      if (value === null) return null;
      if (Object.isFrozen(value)) return value;
      if (depth > DEEPEST) throw badRequest('exceeded max depth');
      if (Array.isArray(value)) return value.map((item) => copyJson(item, depth + 1) ?? null);
      if (value instanceof Date) return value.toISOString();
      const copy: JsonObject = {};
      for (const key of Object.keys(value)) {
        if (key === '__proto__') continue;
        const member = (value as JsonObject)[key];
        if (member !== undefined) copy[key] = copyJson(member, depth + 1);
      }
      return copy;
    }
    case 'undefined':
      return undefined;
    case 'bigint':
    case 'function':
    case 'symbol':
    default:
      throw badRequest(`a ${typeof value} has no JSON form`);
  }
}

/** Freezes what is not frozen yet; stops at frozen parts, which are whole by construction. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
