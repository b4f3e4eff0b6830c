/** The JSON patch (RFC 6902) that makes one JSON value into another. */
import { deepEqual } from '../equal.ts';

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Members of objects are changed one by one; a list that grew is added to, one that is another is replaced. */
export function jsonDiff(before: unknown, after: unknown): PatchOperation[] {
  const operations: PatchOperation[] = [];
  compare(before, after, '', operations);
  return operations;
}

function compare(before: unknown, after: unknown, path: string, operations: PatchOperation[]): void {
  if (deepEqual(before, after)) return;
  if (isFields(before) && isFields(after)) return compareFields(before, after, path, operations);
  if (Array.isArray(before) && Array.isArray(after) && before.length <= after.length) {
    after.forEach((item: unknown, index) => {
      if (index < before.length) compare(before[index], item, `${path}/${index}`, operations);
      else operations.push({ op: 'add', path: `${path}/-`, value: item });
    });
    return;
  }
  operations.push({ op: 'replace', path, value: after });
}

function compareFields(before: Fields, after: Fields, path: string, operations: PatchOperation[]): void {
  for (const key of Object.keys(before))
    if (own(before, key) !== undefined && own(after, key) === undefined)
      operations.push({ op: 'remove', path: join(path, key) });
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const at = join(path, key);
    const was = own(before, key);
    if (was === undefined) operations.push({ op: 'add', path: at, value });
    else compare(was, value, at, operations);
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** A member called `toString` is not there only because every object has one. */
function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(path: string, key: string): string {
  return `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
