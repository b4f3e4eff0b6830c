import type { Json } from '../api/object.ts';

/** Is this JSON value an object, and not a list? */
export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
