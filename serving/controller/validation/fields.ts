/** Small checks that every validation is made of. */
import { disallowedFields, viaField, type FieldError } from '../../../api/field-error.ts';

/** Is a field set in Go's sense: neither absent nor its type's zero value? */
export function isSet(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== false &&
    value !== '' &&
    value !== 0 &&
    !(Array.isArray(value) && value.length === 0)
  );
}

/** Every set field that is not among those allowed. */
export function onlyAllows(object: object | undefined, allowed: readonly string[]): FieldError[] {
  if (object === undefined) return [];
  const found = Object.entries(object)
    .filter(([key, value]) => isSet(value) && !allowed.includes(key))
    .map(([key]) => key)
    .sort();
  return found.length === 0 ? [] : [disallowedFields(...found)];
}

export function viaIndex(index: number, errors: readonly FieldError[]): FieldError[] {
  return viaField(`[${index}]`, errors);
}

export function viaFieldIndex(field: string, index: number, errors: readonly FieldError[]): FieldError[] {
  return viaField(`${field}[${index}]`, errors);
}

export function fieldError(message: string, paths: readonly string[], details?: string): FieldError {
  return { message, paths, details };
}

export function warning(message: string, ...paths: string[]): FieldError {
  return { message, paths, level: 'warning' };
}

/** The value as a list; whatever else stands there is the schema's to refuse. */
export function listOf<T>(value: readonly T[] | undefined | null): readonly T[] {
  return Array.isArray(value) ? value : [];
}

/** Has the value an object's shape? Says nothing to the compiler, which trusts the wire types. */
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
