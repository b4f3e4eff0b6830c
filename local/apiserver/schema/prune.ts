import { propertyOf, type Schema } from './schema.ts';
/** Dropping fields a structural schema does not name. Source: KEP "CRD pruning". */

const ROOT_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * @param root the value is an object of its own (the root, or an embedded resource): its apiVersion, kind and metadata stay
 * @param unknown receives the path of each dropped field
 * @returns the same value when nothing was dropped
 */
export function pruneNode<T>(value: T, schema: Schema, path: string, root: boolean, unknown: string[]): T;
export function pruneNode(value: unknown, schema: Schema, path: string, root: boolean, unknown: string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    let changed: unknown[] | undefined;
    value.forEach((item: unknown, index) => {
      const kept = pruneNode(item, items, `${path}[${index}]`, isEmbedded(items), unknown);
      if (kept !== item) (changed ??= [...value])[index] = kept;
    });
    return changed ?? value;
  }
  const preserve = schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;
  const rest = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  let changed: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    if (root && ROOT_FIELDS.has(key)) continue;
    const property = propertyOf(schema, key) ?? rest;
    if (property === undefined) {
      if (preserve) continue;
      unknown.push(path === '' ? key : `${path}.${key}`);
      delete (changed ??= { ...value })[key];
      continue;
    }
    const kept: unknown = pruneNode(
      item,
      property,
      path === '' ? key : `${path}.${key}`,
      isEmbedded(property),
      unknown,
    );
    if (kept !== item) (changed ??= { ...value })[key] = kept;
  }
  return changed ?? value;
}

function isEmbedded(schema: Schema): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}
