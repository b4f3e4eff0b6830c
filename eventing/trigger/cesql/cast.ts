/** Casts between the three types. Source: CloudEvents Expression Language 1.0, section 3.7. */
import { CesqlError, type CesqlType, type CesqlValue } from './ast.ts';

export interface Cast<T extends CesqlValue = CesqlValue> {
  /** The zero value of the type when there is an error. */
  readonly value: T;
  readonly error?: CesqlError;
}

export function typeOf(value: CesqlValue): CesqlType {
  return typeof value === 'string' ? 'String' : typeof value === 'number' ? 'Integer' : 'Boolean';
}

export function toText(value: CesqlValue): Cast<string> {
  return { value: String(value) };
}

export function toInteger(value: CesqlValue): Cast<number> {
  if (typeof value === 'number') return { value };
  if (typeof value === 'boolean') return { value: value ? 1 : 0 };
  const parsed = /^[+-]?\d+$/.test(value) ? Number(value) : NaN;
  if (parsed >= -(2 ** 31) && parsed <= 2 ** 31 - 1) return { value: parsed === 0 ? 0 : parsed };
  return { value: 0, error: new CesqlError('cast', `${JSON.stringify(value)} is not a 32-bit integer`) };
}

export function toBoolean(value: CesqlValue): Cast<boolean> {
  if (typeof value === 'boolean') return { value };
  if (typeof value === 'number') return { value: value !== 0 };
  const lower = value.toLowerCase();
  if (lower === 'true' || lower === 'false') return { value: lower === 'true' };
  return { value: false, error: new CesqlError('cast', `${JSON.stringify(value)} is neither true nor false`) };
}

export function castTo(type: CesqlType, value: CesqlValue): Cast {
  switch (type) {
    case 'String':
      return toText(value);
    case 'Integer':
      return toInteger(value);
    case 'Boolean':
      return toBoolean(value);
  }
}
