/** What makes an OpenAPI v3 schema structural. Source: "Specifying a structural schema" in the Kubernetes CRD docs. */
import { compilePattern } from './pattern.ts';
import { forbidden, invalid, notSupported, required, type FieldProblem } from './problems.ts';
import { validateNode } from './validate.ts';
import type { Schema } from './schema.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** What a schema inside of allOf, anyOf, oneOf or not may not say: these describe values, not structure. */
const STRUCTURAL = ['type', 'default', 'title', 'description', 'nullable', 'additionalProperties'] as const;
const EXTENSIONS = [
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
] as const;

/** Nesting beyond this is refused rather than walked. */
const DEEPEST = 100;

export function checkStructure(schema: Schema, path: string, problems: FieldProblem[]): void {
  if (schema.type === undefined || schema.type === '')
    problems.push(required(`${path}.type`, 'must not be empty at the root'));
  else if (schema.type !== 'object') problems.push(invalid(`${path}.type`, schema.type, 'must be object at the root'));
  if (schema.nullable === true) problems.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  checkNode(schema, path, 0, problems);
  checkRootMetadata(schema, path, problems);
}

function checkNode(schema: Schema, path: string, depth: number, problems: FieldProblem[]): void {
  if (depth > DEEPEST) {
    problems.push(forbidden(path, `schemas may not be nested more than ${DEEPEST} levels`));
    return;
  }
  checkType(schema, path, depth, problems);
  checkExtensions(schema, path, problems);
  checkValues(schema, path, problems);
  const { properties, additionalProperties, items } = schema;
  if (properties !== undefined && Object.keys(properties).length > 0 && typeof additionalProperties === 'object')
    problems.push(
      forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    );
  if (additionalProperties === false)
    problems.push(forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  for (const [name, property] of Object.entries(properties ?? {}))
    checkNode(property, `${path}.properties[${name}]`, depth + 1, problems);
  if (typeof additionalProperties === 'object')
    checkNode(additionalProperties, `${path}.additionalProperties`, depth + 1, problems);
  if (Array.isArray(items)) problems.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  else if (items !== undefined) checkNode(items, `${path}.items`, depth + 1, problems);
  else if (schema.type === 'array') problems.push(required(`${path}.items`, 'must be specified'));
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  for (const list of ['allOf', 'anyOf', 'oneOf'] as const)
    (schema[list] ?? []).forEach((part, index) =>
      checkValueNode(part, `${path}.${list}[${index}]`, depth + 1, intOrString, problems),
    );
  if (schema.not !== undefined) checkValueNode(schema.not, `${path}.not`, depth + 1, false, problems);
}

function checkType(schema: Schema, path: string, depth: number, problems: FieldProblem[]): void {
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema.type === undefined || schema.type === '') {
    if (depth === 0 || intOrString || open) return;
    const what = path.endsWith('.items') ? 'array items' : 'object fields';
    problems.push(required(`${path}.type`, `must not be empty for specified ${what}`));
    return;
  }
  if (intOrString)
    problems.push(invalid(`${path}.type`, schema.type, 'must be empty if x-kubernetes-int-or-string is true'));
  if (!TYPES.includes(schema.type)) problems.push(notSupported(`${path}.type`, schema.type, TYPES));
}

function checkExtensions(schema: Schema, path: string, problems: FieldProblem[]): void {
  if ((schema as { $ref?: unknown }).$ref !== undefined)
    problems.push(forbidden(`${path}.$ref`, '$ref is not supported'));
  if (schema.uniqueItems === true)
    problems.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    problems.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  if (schema['x-kubernetes-embedded-resource'] === true && schema.type !== 'object')
    problems.push(
      invalid(`${path}.type`, schema.type ?? '', 'must be object if x-kubernetes-embedded-resource is true'),
    );
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular')
    problems.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  checkListType(schema, path, problems);
}

function checkListType(schema: Schema, path: string, problems: FieldProblem[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  if (listType === undefined) {
    if (keys !== undefined)
      problems.push(
        required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty'),
      );
    return;
  }
  if (!['atomic', 'map', 'set'].includes(listType))
    problems.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set']));
  if (schema.type !== 'array')
    problems.push(invalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'));
  if (listType !== 'map') return;
  if ((keys ?? []).length === 0)
    problems.push(required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'));
  (keys ?? []).forEach((key, index) => {
    const property = schema.items?.properties?.[key];
    const at = `${path}.x-kubernetes-list-map-keys[${index}]`;
    if (property === undefined) problems.push(invalid(at, key, `entries must all be names of item properties`));
    else if (!(schema.items?.required ?? []).includes(key) && property.default === undefined)
      problems.push(
        required(
          `${path}.items.properties[${key}].default`,
          `this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
        ),
      );
  });
}

function checkValues(schema: Schema, path: string, problems: FieldProblem[]): void {
  if (schema.pattern !== undefined) {
    try {
      compilePattern(schema.pattern);
    } catch {
      problems.push(invalid(`${path}.pattern`, schema.pattern, "must be a valid regular expression, but isn't"));
    }
  }
  if (schema.default === undefined) return;
  for (const problem of validateNode(
    schema.default,
    undefined,
    { ...schema, default: undefined },
    { rules: undefined },
  )) {
    const field = problem.field === '' ? `${path}.default` : `${path}.default.${problem.field}`;
    problems.push({ ...problem, field });
  }
}

/** A schema under allOf, anyOf, oneOf or not. */
function checkValueNode(schema: Schema, path: string, depth: number, typed: boolean, problems: FieldProblem[]): void {
  if (depth > DEEPEST) return;
  for (const key of STRUCTURAL) {
    // int-or-string is spelt out as anyOf of the two types.
    if (schema[key] === undefined || (typed && key === 'type')) continue;
    problems.push(forbidden(`${path}.${key}`, 'must be empty to be structural'));
  }
  for (const key of EXTENSIONS)
    if (schema[key] !== undefined) problems.push(forbidden(`${path}.${key}`, 'must be empty to be structural'));
  if (schema.pattern !== undefined) checkValues({ pattern: schema.pattern }, path, problems);
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    checkValueNode(property, `${path}.properties[${name}]`, depth + 1, false, problems);
  if (schema.items !== undefined) checkValueNode(schema.items, `${path}.items`, depth + 1, false, problems);
  for (const list of ['allOf', 'anyOf', 'oneOf'] as const)
    (schema[list] ?? []).forEach((part, index) =>
      checkValueNode(part, `${path}.${list}[${index}]`, depth + 1, typed, problems),
    );
  if (schema.not !== undefined) checkValueNode(schema.not, `${path}.not`, depth + 1, false, problems);
}

function checkRootMetadata(schema: Schema, path: string, problems: FieldProblem[]): void {
  const metadata = schema.properties?.metadata;
  if (metadata === undefined) return;
  for (const name of Object.keys(metadata.properties ?? {}))
    if (name !== 'name' && name !== 'generateName')
      problems.push(
        forbidden(
          `${path}.properties[metadata]`,
          'must not specify anything other than name and generateName, but metadata is implicitly specified',
        ),
      );
}
