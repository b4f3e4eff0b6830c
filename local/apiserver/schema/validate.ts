/**
 * Validation by a structural schema, with problems worded as kube-openapi words them.
 * Source: "Validation" in Kubernetes' CRD docs.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { changedMembers } from '../changed-members.ts';
import { canonical, checkListTypes } from './list-types.ts';
import { hasFormat } from './formats.ts';
import { compilePattern } from './pattern.ts';
import { invalid, notSupported, required, tooLong, tooMany, typeInvalid, type FieldProblem } from './problems.ts';
import type { RuleSet } from './rules.ts';
import { type Schema, propertyOf } from './schema.ts';

export interface ValidationOptions {
  /** CEL rules of the schema; undefined when it has none. */
  readonly rules: RuleSet | undefined;
}

/** Kubernetes names no field for what a combination of schemas refuses. */
const NO_FIELD = '<nil>';

/** Problems beyond this are not looked for: an answer that long helps nobody. */
const MOST_PROBLEMS = 100;

/** @param old before an update: members of the root that are still the same object were valid then */
export function validateNode(
  value: unknown,
  old: object | undefined,
  schema: Schema,
  options: ValidationOptions,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  check(value, schema, '', true, problems, old);
  const changed = typeof value === 'object' && value !== null ? changedMembers(value, old) : value;
  checkListTypes(changed, schema, '', problems);
  if (problems.length === 0 && options.rules !== undefined) options.rules.check(value, old, problems);
  return problems;
}

function check(
  value: unknown,
  schema: Schema,
  path: string,
  root: boolean,
  problems: FieldProblem[],
  old?: object,
): void {
  if (problems.length >= MOST_PROBLEMS) return;
  if (value === null) {
    if (schema.enum?.includes(null) === false && schema.nullable === true)
      problems.push(notSupported(path, value, schema.enum));
    // In an untyped node a null is a value like any other.
    if (schema.nullable === true || (schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true))
      return;
    problems.push(typeInvalid(path, 'null', typeMessage(path, expectedType(schema), 'null')));
    if (schema.enum !== undefined) problems.push(notSupported(path, value, schema.enum));
    return;
  }
  const typed = hasType(value, schema);
  if (!typed) {
    const actual = typeOfJson(value);
    problems.push(typeInvalid(path, actual, typeMessage(path, expectedType(schema), actual)));
  }
  if (schema.enum !== undefined && !schema.enum.some((option) => deepEqual(option, value)))
    problems.push(notSupported(path, value, schema.enum));
  if (typed) {
    checkScalar(value, schema, path, problems);
    if (Array.isArray(value)) checkList(value, schema, path, problems);
    else if (typeof value === 'object')
      checkObject(value as Record<string, unknown>, schema, path, root, problems, old);
  }
  checkComposition(value, schema, path, problems);
}

function checkScalar(value: unknown, schema: Schema, path: string, problems: FieldProblem[]): void {
  const say = (what: string): number => problems.push(invalid(path, value, `${path} in body ${what}`));
  if (typeof value === 'string') {
    const { minLength, maxLength, pattern, format } = schema;
    const length = minLength === undefined && maxLength === undefined ? 0 : codePoints(value);
    // Of length and pattern only the first that fails is told.
    if (maxLength !== undefined && length > maxLength) problems.push(tooLong(path, maxLength));
    else if (minLength !== undefined && length < minLength) say(`should be at least ${minLength} chars long`);
    else if (pattern !== undefined && !compilePattern(pattern).test(value)) say(`should match '${pattern}'`);
    if (format !== undefined && !hasFormat(format, value)) say(`must be of type ${format}: ${JSON.stringify(value)}`);
  } else if (typeof value === 'number') {
    const { multipleOf } = schema;
    // Kubernetes compares whole numbers with whole bounds.
    const bound = (limit: number | undefined): number | undefined =>
      limit !== undefined && Number.isInteger(value) ? Math.trunc(limit) : limit;
    const [minimum, maximum] = [bound(schema.minimum), bound(schema.maximum)];
    if (maximum !== undefined) {
      if (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)
        say(`should be less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
    }
    if (minimum !== undefined) {
      if (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)
        say(`should be greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
    }
    if (multipleOf !== undefined && !isMultiple(value, multipleOf)) say(`should be a multiple of ${multipleOf}`);
    if (schema.format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31))
      say(`must be of type int32: ${JSON.stringify(String(value))}`);
  }
}

function checkList(list: readonly unknown[], schema: Schema, path: string, problems: FieldProblem[]): void {
  const { minItems, maxItems, items } = schema;
  if (maxItems !== undefined && list.length > maxItems) problems.push(tooMany(path, list.length, maxItems));
  if (minItems !== undefined && list.length < minItems)
    problems.push(invalid(path, list.length, `${path} in body should have at least ${minItems} items`));
  if (schema.uniqueItems === true && new Set(list.map(canonical)).size < list.length)
    problems.push(invalid(path, list, `${path} in body shouldn't contain duplicates`));
  if (items !== undefined)
    list.forEach((item, index) =>
      check(item, items, `${path}[${index}]`, items['x-kubernetes-embedded-resource'] === true, problems),
    );
}

function checkObject(
  object: Readonly<Record<string, unknown>>,
  schema: Schema,
  path: string,
  root: boolean,
  problems: FieldProblem[],
  old: object | undefined,
): void {
  const count = Object.keys(object).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties)
    problems.push(tooMany(path, count, schema.maxProperties));
  if (schema.minProperties !== undefined && count < schema.minProperties)
    problems.push(invalid(path, count, `${path} in body should have at least ${schema.minProperties} properties`));
  for (const name of schema.required ?? []) if (object[name] === undefined) problems.push(required(join(path, name)));
  if (schema['x-kubernetes-embedded-resource'] === true) checkEmbedded(object, path, problems);
  const rest = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  for (const [key, item] of Object.entries(changedMembers(object, old))) {
    if (item === undefined) continue;
    const property = propertyOf(schema, key);
    // The metadata of an object is checked as ObjectMeta; a schema may only restrict its name.
    if (root && key === 'metadata') {
      if (property !== undefined) checkMetadata(item, property, join(path, key), problems);
      continue;
    }
    const embedded = property?.['x-kubernetes-embedded-resource'] === true;
    if (property !== undefined) check(item, property, join(path, key), embedded, problems);
    else if (rest !== undefined)
      check(item, rest, join(path, key), rest['x-kubernetes-embedded-resource'] === true, problems);
    else if (schema.additionalProperties === false)
      problems.push(invalid(path, '', `${join(path, key)} in body is a forbidden property`));
  }
}

function checkMetadata(value: unknown, schema: Schema, path: string, problems: FieldProblem[]): void {
  for (const field of ['name', 'generateName']) {
    const property = propertyOf(schema, field);
    const text = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
    if (property !== undefined && text !== undefined) check(text, property, join(path, field), false, problems);
  }
}

function checkEmbedded(object: Readonly<Record<string, unknown>>, path: string, problems: FieldProblem[]): void {
  for (const field of ['apiVersion', 'kind']) {
    const value = object[field];
    if (value === undefined || value === '') problems.push(required(join(path, field), 'must not be empty'));
  }
}

function checkComposition(value: unknown, schema: Schema, path: string, problems: FieldProblem[]): void {
  const matches = (part: Schema): FieldProblem[] => {
    const found: FieldProblem[] = [];
    check(value, part, path, false, found);
    return found;
  };
  const say = (what: string): number => problems.push(invalid(NO_FIELD, '', `${JSON.stringify(path)} must ${what}`));
  if (schema.allOf !== undefined) {
    const found = schema.allOf.flatMap(matches);
    problems.push(...found);
    if (found.length > 0) say('validate all the schemas (allOf)');
  }
  if (schema.anyOf !== undefined) {
    const found = schema.anyOf.map(matches);
    if (!found.some((list) => list.length === 0)) {
      problems.push(...(best(found) ?? []));
      say('validate at least one schema (anyOf)');
    }
  }
  if (schema.oneOf !== undefined) {
    const found = schema.oneOf.map(matches);
    const valid = found.filter((list) => list.length === 0).length;
    if (valid === 0) {
      problems.push(...(best(found) ?? []));
      say('validate one and only one schema (oneOf). Found none valid');
    } else if (valid > 1) say(`validate one and only one schema (oneOf). Found ${valid} valid alternatives`);
  }
  if (schema.not !== undefined && matches(schema.not).length === 0) say('not validate the schema (not)');
}

/** The alternative that is the least wrong: its problems help most. */
function best(found: readonly FieldProblem[][]): FieldProblem[] | undefined {
  return found.reduce<FieldProblem[] | undefined>(
    (least, list) => (least === undefined || list.length < least.length ? list : least),
    undefined,
  );
}

function hasType(value: unknown, schema: Schema): boolean {
  if (schema['x-kubernetes-int-or-string'] === true) return typeof value === 'string' || Number.isInteger(value);
  switch (schema.type) {
    case undefined:
    case '':
      return true;
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    default:
      return typeof value === schema.type;
  }
}

function expectedType(schema: Schema): string {
  return schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : (schema.type ?? 'object');
}

function typeMessage(path: string, expected: string, actual: string): string {
  return `${path} in body must be of type ${expected}: ${JSON.stringify(actual)}`;
}

/** The JSON type of a value in OpenAPI's words. */
export function typeOfJson(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}
