import { type Schema, propertyOf } from './schema.ts';
/** JSON values as CEL sees them: integers apart from doubles, dates and bytes by their format, names escaped. */

/** @param root the object itself: of its metadata only the name and generateName are visible */
export function celValue(value: unknown, schema: Schema | undefined, root = false): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') {
    const integral = schema?.type === 'integer' || (schema?.type !== 'number' && Number.isInteger(value));
    return integral ? BigInt(value) : value;
  }
  if (typeof value === 'string') return celString(value, schema);
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => celValue(item, schema?.items));
  const rest = typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  const embedded = root || schema?.['x-kubernetes-embedded-resource'] === true;
  const fields: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (embedded && key === 'metadata') fields.metadata = visibleMetadata(item);
    else if (embedded && (key === 'apiVersion' || key === 'kind')) fields[key] = item;
    else {
      const property = schema === undefined ? undefined : propertyOf(schema, key);
      if (property !== undefined) fields[escapeField(key)] = celValue(item, property);
      else if (rest !== undefined) fields[key] = celValue(item, rest);
    }
  }
  return fields;
}

function celString(value: string, schema: Schema | undefined): unknown {
  switch (schema?.format) {
    case 'date':
    case 'date-time': {
      const date = new Date(value);
      return Number.isNaN(date.getTime()) ? value : date;
    }
    case 'byte':
      return new Uint8Array(Buffer.from(value, 'base64'));
    default:
      return value;
  }
}

function visibleMetadata(metadata: unknown): Record<string, unknown> {
  const visible: Record<string, unknown> = {};
  if (typeof metadata !== 'object' || metadata === null) return visible;
  for (const field of ['name', 'generateName']) {
    const value = (metadata as Record<string, unknown>)[field];
    if (value !== undefined) visible[field] = value;
  }
  return visible;
}

const RESERVED: ReadonlySet<string> = new Set(
  `true false null in as break const continue else for function if import let loop package namespace return var void
  while`.split(/\s+/),
);

/** A property's name as an identifier of CEL: `a.b` is `a__dot__b`, `namespace` is `__namespace__`. */
export function escapeField(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
