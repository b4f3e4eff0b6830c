import { type Schema, propertyOf } from './schema.ts';
/**
 * Defaulting by structural schemas. A missing field takes its default; a null in a field that is not nullable is taken
 * for missing, and dropped when there is no default. Source: "Defaulting and Nullable" in Kubernetes' CRD docs.
 */

/** @returns the same value when nothing was filled in */
export function fillDefaults<T>(value: T, schema: Schema, root: boolean): T;
export function fillDefaults(value: unknown, schema: Schema, root: boolean): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return fillItems(value, schema);
  let changed: Record<string, unknown> | undefined;
  const source = value as Readonly<Record<string, unknown>>;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (root && name === 'metadata') continue;
    const present = Object.hasOwn(source, name) && source[name] !== undefined;
    const nulled = present && source[name] === null && property.nullable !== true;
    if (present && !nulled) continue;
    if (property.default !== undefined) (changed ??= { ...source })[name] = property.default;
    else if (nulled) delete (changed ??= { ...source })[name];
  }
  const rest = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  for (const [key, item] of Object.entries(changed ?? source)) {
    if (root && key === 'metadata') continue;
    const property = propertyOf(schema, key) ?? rest;
    if (property === undefined) continue;
    if (item === null && property === rest && property.nullable !== true) {
      changed ??= { ...source };
      if (property.default === undefined) delete changed[key];
      else changed[key] = property.default;
      continue;
    }
    const filled: unknown = fillDefaults(item, property, property['x-kubernetes-embedded-resource'] === true);
    if (filled !== item) (changed ??= { ...source })[key] = filled;
  }
  return changed ?? value;
}

function fillItems(list: readonly unknown[], schema: Schema): readonly unknown[] {
  const { items } = schema;
  if (items === undefined) return list;
  let changed: unknown[] | undefined;
  list.forEach((item, index) => {
    let filled: unknown;
    if (item === null && items.nullable !== true && items.default !== undefined) filled = items.default;
    else filled = fillDefaults(item, items, items['x-kubernetes-embedded-resource'] === true);
    if (filled !== item) (changed ??= [...list])[index] = filled;
  });
  return changed ?? list;
}
