/** Sets and map lists: no item twice. Source: "Merge strategy" markers in the Kubernetes CRD docs. */
import { duplicate, invalid, type FieldProblem } from './problems.ts';
import { type Schema, propertyOf } from './schema.ts';

/** Checks every list of the value whose schema is a set or a map list. */
export function checkListTypes(value: unknown, schema: Schema, path: string, problems: FieldProblem[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    checkListType(value, schema, path, problems);
    const { items } = schema;
    if (items !== undefined)
      value.forEach((item: unknown, index) => checkListTypes(item, items, `${path}[${index}]`, problems));
    return;
  }
  const rest = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  if (schema.properties === undefined && rest === undefined) return;
  for (const [key, item] of Object.entries(value)) {
    const property = propertyOf(schema, key);
    if (property !== undefined) checkListTypes(item, property, path === '' ? key : `${path}.${key}`, problems);
    else if (rest !== undefined) checkListTypes(item, rest, `${path}[${key}]`, problems);
  }
}

function checkListType(list: readonly unknown[], schema: Schema, path: string, problems: FieldProblem[]): void {
  const kind = schema['x-kubernetes-list-type'];
  if (kind !== 'set' && kind !== 'map') return;
  const seen = new Set<string>();
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  for (const [index, item] of list.entries()) {
    let identity: unknown = item;
    if (kind === 'map') {
      if (typeof item !== 'object' || item === null || Array.isArray(item)) {
        problems.push(invalid(`${path}[${index}]`, item, 'must be an object for an array of list-type map'));
        return;
      }
      const fields = item as Record<string, unknown>;
      identity = Object.fromEntries(keys.filter((key) => fields[key] !== undefined).map((key) => [key, fields[key]]));
    }
    const text = canonical(identity);
    if (seen.has(text)) problems.push(duplicate(`${path}[${index}]`, identity));
    seen.add(text);
  }
}

/** Text that is equal for equal JSON values, whatever the order of keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
