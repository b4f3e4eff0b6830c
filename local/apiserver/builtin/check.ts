/** Reading an object while checking it: fields by name, problems noted under their paths. */
import { dns1123Label, portName, type NameRule } from '../schema/names.ts';
import { invalid, notSupported, required, type FieldProblem } from '../schema/problems.ts';
import { fieldsOf, type Fields } from './fill.ts';

export const NON_NEGATIVE = 'must be greater than or equal to 0';
export const IMMUTABLE = 'field is immutable';
export const PORT_RANGE = 'must be between 1 and 65535, inclusive';

export function fieldAt(object: Fields | undefined, key: string): Fields {
  return fieldsOf(object?.[key]) ?? {};
}

/** Items of a list field that are objects. */
export function itemsAt(object: Fields | undefined, key: string): Fields[] {
  const list = object?.[key];
  return Array.isArray(list) ? (list as unknown[]).map((item) => fieldsOf(item) ?? {}) : [];
}

export function textAt(object: Fields | undefined, key: string): string {
  const value = object?.[key];
  return typeof value === 'string' ? value : '';
}

export function checkNonNegative(
  object: Fields,
  keys: readonly string[],
  path: string,
  problems: FieldProblem[],
): void {
  for (const key of keys) {
    const value = object[key];
    if (typeof value === 'number' && value < 0) problems.push(invalid(`${path}.${key}`, value, NON_NEGATIVE));
  }
}

export function checkName(rule: NameRule, value: string, path: string, problems: FieldProblem[]): void {
  for (const detail of rule(value)) problems.push(invalid(path, value, detail));
}

/** A name that must be given, as a DNS label unless told otherwise. */
export function checkRequiredName(
  value: string,
  path: string,
  problems: FieldProblem[],
  rule: NameRule = dns1123Label,
): void {
  if (value === '') problems.push(required(path));
  else checkName(rule, value, path, problems);
}

/** One of a closed list of values. */
export function checkOneOf(value: unknown, supported: readonly string[], path: string, problems: FieldProblem[]): void {
  if (value === undefined || value === '') problems.push(required(path));
  else if (typeof value !== 'string' || !supported.includes(value)) problems.push(notSupported(path, value, supported));
}

export function checkPortNumber(value: unknown, path: string, problems: FieldProblem[]): void {
  if (typeof value !== 'number' || value < 1 || value > 65_535) problems.push(invalid(path, value ?? 0, PORT_RANGE));
}

/** A port by number, or by the name of a container's port. */
export function checkPortReference(value: unknown, path: string, problems: FieldProblem[]): void {
  if (typeof value === 'string') checkName(portName, value, path, problems);
  else checkPortNumber(value, path, problems);
}

/** A number, or a percentage such as `25%`. */
export function checkShare(value: unknown, path: string, problems: FieldProblem[]): void {
  if (typeof value === 'number' && value < 0) problems.push(invalid(path, value, NON_NEGATIVE));
  if (typeof value === 'string' && !/^\d+%$/.test(value)) {
    problems.push(
      invalid(
        path,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    );
  }
}
