/**
 * Strategic merge patch: a merge patch that knows which lists merge by a key.
 * Source: "Strategic Merge Patch" in Kubernetes' API conventions and kubectl docs.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { badPatch } from './errors.ts';
import { ANY, LEAF, type Shape } from './shape-node.ts';

type Fields = Readonly<Record<string, unknown>>;

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const ORDER_OF = '$setElementOrder/';

/**
 * @returns a new object; the input is not changed
 * @throws ApiError 400 when the patch is not an object or misuses a directive
 */
export function strategicMergePatch<T extends object>(object: T, patch: unknown, shape: Shape): T;
export function strategicMergePatch(object: object, patch: unknown, shape: Shape): unknown {
  if (!isFields(patch)) throw badPatch('error decoding patch: a strategic merge patch is an object');
  return mergeMap(object as Fields, patch, shape);
}

function mergeMap(original: Fields, patch: Fields, shape: Shape): Fields {
  const directive = patch[DIRECTIVE];
  switch (directive) {
    case undefined:
    case 'merge':
      break;
    case 'replace':
      return withoutDirectives(patch);
    case 'delete':
      return {};
    default:
      throw badPatch(`Unknown patch type '${String(directive)}' in map`);
  }
  const merged: Record<string, unknown> = retained(original, patch, shape);
  for (const [key, change] of Object.entries(patch)) {
    if (key === DIRECTIVE || key === RETAIN_KEYS || key === '__proto__' || key.startsWith(ORDER_OF)) continue;
    if (key.startsWith(DELETE_FROM)) {
      removeValues(merged, key.slice(DELETE_FROM.length), change);
      continue;
    }
    if (change === null) delete merged[key];
    else merged[key] = mergeValue(merged[key], change, fieldOf(shape, key), patch[`${ORDER_OF}${key}`]);
  }
  for (const key of Object.keys(patch)) {
    // An order may come without items to merge.
    const field = key.startsWith(ORDER_OF) ? key.slice(ORDER_OF.length) : undefined;
    if (field === undefined || Object.hasOwn(patch, field)) continue;
    const list = merged[field];
    if (Array.isArray(list)) merged[field] = mergeList(list, [], fieldOf(shape, field), patch[key]);
  }
  return merged;
}

function mergeValue(value: unknown, change: unknown, shape: Shape, order: unknown): unknown {
  if (Array.isArray(change)) {
    if (shape.mergeKey === undefined) return change;
    return Array.isArray(value) ? mergeList(value, change, shape, order) : newList(change, shape);
  }
  if (!isFields(change)) return change;
  if (shape.patch === 'replace') return withoutDirectives(change);
  return mergeMap(isFields(value) ? value : {}, change, shape);
}

/** A list that was not there: its items do not merge with each other, even where their keys are equal. */
function newList(patch: readonly unknown[], shape: Shape): unknown[] {
  const item = shape.item ?? ANY;
  return patch
    .filter((entry) => !isFields(entry) || entry[DIRECTIVE] === undefined)
    .map((entry) => (isFields(entry) ? mergeMap({}, entry, item) : entry));
}

/** Lists merge by their key, lists of plain values as sets. */
function mergeList(original: readonly unknown[], patch: readonly unknown[], shape: Shape, order: unknown): unknown[] {
  const { mergeKey } = shape;
  if (mergeKey === undefined) return [...original];
  if (order !== undefined && !Array.isArray(order)) throw badPatch('$setElementOrder must be a list');
  if (mergeKey === '') {
    const valueOf = (item: unknown): string => JSON.stringify(item);
    const merged = new Map([...original, ...patch].map((item) => [valueOf(item), item]));
    return inOrder([...merged.values()], original, order, valueOf);
  }
  const keyOf = (item: unknown): string => {
    const key = isFields(item) ? item[mergeKey] : undefined;
    if (key === undefined)
      throw badPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    return JSON.stringify(key);
  };
  const { kept, additions } = listDirectives(original, patch, keyOf);
  const merged = [...kept];
  // The first of several items with one key is the one that is merged into.
  const positions = new Map(merged.map((item, index): [string, number] => [keyOf(item), index]).reverse());
  const itemShape: Shape = { ...(shape.item ?? ANY), mergeKey: undefined };
  for (const item of additions) {
    const key = keyOf(item);
    const at = positions.get(key) ?? merged.length;
    positions.set(key, at);
    merged[at] = mergeValue(merged[at] ?? {}, item, itemShape, undefined);
  }
  return inOrder(merged, original, order, keyOf);
}

/** Carries out `$patch: delete` and `$patch: replace` items of a list. */
function listDirectives(
  original: readonly unknown[],
  patch: readonly unknown[],
  keyOf: (item: unknown) => string,
): { kept: readonly unknown[]; additions: readonly unknown[] } {
  let kept = original;
  const additions: unknown[] = [];
  let replace = false;
  for (const item of patch) {
    const directive = isFields(item) ? item[DIRECTIVE] : undefined;
    switch (directive) {
      case undefined:
        additions.push(item);
        break;
      case 'delete': {
        const key = keyOf(item);
        kept = kept.filter((known) => keyOf(known) !== key);
        break;
      }
      case 'replace':
        replace = true;
        break;
      default:
        throw badPatch(`Unknown patch type '${String(directive)}' in list`);
    }
  }
  return replace ? { kept: [], additions } : { kept, additions };
}

/**
 * Puts the items that `order` names into that order; the others stay before the item they preceded in the original.
 */
function inOrder(
  merged: unknown[],
  original: readonly unknown[],
  order: unknown,
  keyOf: (item: unknown) => string,
): unknown[] {
  if (!Array.isArray(order)) return merged;
  const wanted = new Map(order.map((item: unknown, index) => [keyOf(item), index]));
  const server = new Map(original.map((item, index) => [keyOf(item), index]));
  const position = (item: unknown): number => wanted.get(keyOf(item)) ?? -1;
  const ordered = merged.filter((item) => position(item) >= 0).sort((a, b) => position(a) - position(b));
  const others = merged.filter((item) => position(item) < 0);
  const result: unknown[] = [];
  while (ordered.length > 0 || others.length > 0) {
    const [left, right] = [others[0], ordered[0]];
    const before = left === undefined ? undefined : server.get(keyOf(left));
    const after = right === undefined ? undefined : server.get(keyOf(right));
    const takeOther =
      ordered.length === 0 || (others.length > 0 && before !== undefined && after !== undefined && before < after);
    result.push(takeOther ? others.shift() : ordered.shift());
  }
  return result;
}

/** `$retainKeys`: drops what the patch's author does not know of (the other members of a union). */
function retained(original: Fields, patch: Fields, shape: Shape): Record<string, unknown> {
  const keep = patch[RETAIN_KEYS];
  if (keep === undefined) return { ...original };
  if (!Array.isArray(keep)) throw badPatch('invalid patch format of retainKeys');
  const names = new Set<unknown>(keep);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith('$')) continue;
    if (!names.has(key)) throw badPatch('invalid patch format of retainKeys');
  }
  if (shape.patch !== 'retainKeys' && shape.type === 'leaf') throw badPatch('invalid patch format of retainKeys');
  return Object.fromEntries(Object.entries(original).filter(([key]) => names.has(key)));
}

function removeValues(merged: Record<string, unknown>, field: string, values: unknown): void {
  if (!Array.isArray(values)) throw badPatch(`${DELETE_FROM}${field} must be a list`);
  const list = merged[field];
  if (!Array.isArray(list)) return;
  merged[field] = list.filter((item) => !values.some((value) => deepEqual(value, item)));
}

/** A patch that becomes the value: directives and nulls are instructions, not content. */
function withoutDirectives(patch: Fields): Fields {
  const content: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key === DIRECTIVE || key === RETAIN_KEYS) continue;
    if (key.startsWith(ORDER_OF) || key.startsWith(DELETE_FROM)) continue;
    content[key] = isFields(value) ? withoutDirectives(value) : value;
  }
  return content;
}

function fieldOf(shape: Shape, key: string): Shape {
  return shape.fields?.get(key) ?? shape.rest ?? (shape.type === 'any' ? ANY : LEAF);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
