/** JSON Patch. Source: RFC 6902 (operations), RFC 6901 (pointers). */
import { deepEqual } from '../../../kube/equal.ts';
import { badPatch, patchTooLarge, unprocessablePatch } from './errors.ts';

const MOST_OPERATIONS = 10_000;

interface Operation {
  readonly op: string;
  readonly path: readonly string[];
  readonly pointer: string;
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
}

/**
 * Applies the operations in order; the input is not changed.
 * @throws ApiError 400 (not a JSON patch), 413 (too many operations), 422 (`test` failed, or a path is not there)
 */
export function jsonPatch<T extends object>(object: T, patch: unknown): T;
export function jsonPatch(object: object, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badPatch('error decoding patch: a JSON patch is an array of operations');
  if (patch.length > MOST_OPERATIONS) throw patchTooLarge(MOST_OPERATIONS, patch.length);
  let result: unknown = object;
  for (const raw of patch as unknown[]) result = apply(result, parseOperation(raw));
  return result;
}

function parseOperation(raw: unknown): Operation {
  const fields = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  const { op, path, from } = fields;
  if (typeof op !== 'string') throw badPatch('error decoding patch: an operation has no "op"');
  if (typeof path !== 'string') throw badPatch(`error decoding patch: operation ${op} has no "path"`);
  const moves = op === 'move' || op === 'copy';
  if (moves && typeof from !== 'string') throw badPatch(`error decoding patch: operation ${op} has no "from"`);
  const valued = op === 'add' || op === 'replace' || op === 'test';
  if (valued && !Object.hasOwn(fields, 'value')) throw badPatch(`error decoding patch: operation ${op} has no "value"`);
  return {
    op,
    path: parsePointer(path),
    pointer: path,
    from: moves && typeof from === 'string' ? parsePointer(from) : undefined,
    value: fields.value,
  };
}

function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/'))
    throw badPatch(`error decoding patch: ${JSON.stringify(pointer)} is not a JSON pointer`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function apply(document: unknown, operation: Operation): unknown {
  const { op, path, pointer, from, value } = operation;
  switch (op) {
    case 'add':
      return edit(document, path, pointer, { kind: 'add', value });
    case 'remove':
      return edit(document, path, pointer, { kind: 'remove' });
    case 'replace':
      return edit(document, path, pointer, { kind: 'replace', value });
    case 'copy':
      return edit(document, path, pointer, { kind: 'add', value: read(document, from ?? [], pointer) });
    case 'move': {
      const source = from ?? [];
      if (path.length > source.length && source.every((token, index) => token === path[index]))
        throw unprocessablePatch('a value cannot be moved into itself', pointer);
      const moved = read(document, source, pointer);
      return edit(edit(document, source, pointer, { kind: 'remove' }), path, pointer, { kind: 'add', value: moved });
    }
    case 'test': {
      const found = has(document, path) ? read(document, path, pointer) : undefined;
      // A missing member equals null, as in the library that Kubernetes uses.
      if (!deepEqual(found ?? null, value ?? null))
        throw unprocessablePatch('the value is not the one tested for', pointer);
      return document;
    }
    default:
      throw badPatch(`error decoding patch: unexpected kind: ${op}`);
  }
}

type Edit = { readonly kind: 'add' | 'replace'; readonly value: unknown } | { readonly kind: 'remove' };

function edit(document: unknown, path: readonly string[], pointer: string, change: Edit): unknown {
  const [token, ...rest] = path;
  if (token === undefined) {
    if (change.kind === 'remove') throw unprocessablePatch('remove operation does not apply: the path is the document');
    return change.value;
  }
  if (Array.isArray(document)) return editList(document, token, rest, pointer, change);
  if (typeof document !== 'object' || document === null) throw missing(change.kind, pointer);
  const fields = document as Readonly<Record<string, unknown>>;
  const present = Object.hasOwn(fields, token);
  if (rest.length > 0) {
    if (!present) throw missing(change.kind, pointer);
    return withField(fields, token, edit(fields[token], rest, pointer, change));
  }
  if (change.kind !== 'add' && !present) throw missing(change.kind, pointer);
  if (change.kind !== 'remove') return withField(fields, token, change.value);
  const { [token]: _removed, ...kept } = fields;
  return kept;
}

function editList(
  list: readonly unknown[],
  token: string,
  rest: readonly string[],
  pointer: string,
  change: Edit,
): unknown[] {
  const index = indexOf(list, token, rest.length === 0 && change.kind === 'add');
  if (index === undefined) throw missing(change.kind, pointer);
  const copy = [...list];
  if (rest.length > 0) copy[index] = edit(list[index], rest, pointer, change);
  else if (change.kind === 'add') copy.splice(index, 0, change.value);
  else if (change.kind === 'replace') copy[index] = change.value;
  else copy.splice(index, 1);
  return copy;
}

function indexOf(list: readonly unknown[], token: string, adding: boolean): number | undefined {
  if (token === '-') return adding ? list.length : undefined;
  if (!/^(0|[1-9]\d*)$/.test(token)) return undefined;
  const index = Number(token);
  return index < list.length || (adding && index === list.length) ? index : undefined;
}

function has(document: unknown, path: readonly string[]): boolean {
  let value = document;
  for (const token of path) {
    if (Array.isArray(value)) {
      const index = indexOf(value, token, false);
      if (index === undefined) return false;
      value = value[index];
    } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, token)) {
      value = (value as Record<string, unknown>)[token];
    } else return false;
  }
  return true;
}

function read(document: unknown, path: readonly string[], pointer: string): unknown {
  if (!has(document, path)) throw missing('copy', pointer);
  return path.reduce<unknown>((value, token) => (value as Record<string, unknown>)[token], document);
}

function withField(fields: Readonly<Record<string, unknown>>, name: string, value: unknown): Record<string, unknown> {
  const copy = { ...fields };
  // Defined rather than assigned: a field may be called __proto__.
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

function missing(kind: string, pointer: string): Error {
  return unprocessablePatch(`${kind} operation does not apply: there is no such path`, pointer);
}
