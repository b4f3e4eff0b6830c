/**
 * Walks of an object by its shape: which fields it holds, and how two objects differ.
 * Source: the behaviour of structured-merge-diff.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { badApply } from './errors.ts';
import { fieldNode, MEMBER, type FieldSet, type MaybeSet } from './field-set.ts';
import { ANY, LEAF, type Shape } from './shape-node.ts';

type Fields = Readonly<Record<string, unknown>>;
type Kind = 'leaf' | 'map' | 'list';

/** How a value is walked: atomic parts, and lists of unknown shape, are leaves. */
export function kindOf(value: unknown, shape: Shape): Kind {
  if (shape.atomic || shape.type === 'leaf') return 'leaf';
  if (value === null || value === undefined) return shape.type === 'any' ? 'leaf' : shape.type;
  if (Array.isArray(value)) return shape.type === 'list' ? 'list' : 'leaf';
  if (typeof value === 'object') return shape.type === 'map' || shape.type === 'any' ? 'map' : 'leaf';
  return 'leaf';
}

/** The shape of a field of a struct or an entry of a map. */
export function childShape(shape: Shape, key: string): Shape {
  if (shape.type === 'any') return ANY;
  return shape.fields?.get(key) ?? shape.rest ?? LEAF;
}

/** Null, or without fields or items. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value as object) return false;
  return true;
}

/**
 * The path element of a list item.
 * @param strict throw when a key field is missing and has no default
 */
export function itemElement(item: unknown, shape: Shape, strict: boolean): string {
  const keys = shape.keys ?? [];
  if (keys.length === 0) return `v:${JSON.stringify(item)}`;
  const fields = typeof item === 'object' && item !== null ? (item as Fields) : {};
  let text = '';
  for (const key of keys) {
    let value = fields[key];
    if (value === undefined || value === null) {
      value = shape.keyDefaults?.[key];
      if (value === undefined) {
        if (strict)
          throw badApply(
            `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`,
          );
        continue;
      }
    }
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${JSON.stringify(value)}`;
  }
  return `k:{${text}}`;
}

/** The fields an applied object holds: what its manager comes to own. */
export function fieldsOf(value: unknown, shape: Shape): MaybeSet {
  switch (kindOf(value, shape)) {
    case 'leaf':
      return MEMBER;
    case 'map': {
      if (value === null || value === undefined) return undefined;
      const below: Record<string, FieldSet> = {};
      for (const key in value as Fields) {
        const item = (value as Fields)[key];
        if (item === undefined) continue;
        const child = childShape(shape, key);
        const set = fieldsOf(item, child);
        // Entries of a map are owned themselves; fields of a struct only when they end there.
        const ends = item === null || (typeof item === 'object' && !Array.isArray(item) && isEmpty(item));
        const named = shape.fields?.get(key) !== undefined;
        const node = ends || !named ? withMember(set) : set;
        if (node !== undefined) below[`f:${key}`] = node;
      }
      return fieldNode(false, below);
    }
    case 'list': {
      const below: Record<string, FieldSet> = {};
      for (const item of (value ?? []) as readonly unknown[]) {
        const element = itemElement(item, shape, true);
        if (below[element] !== undefined) throw badApply(`duplicate entries for key ${element.slice(2)}`);
        below[element] = withMember(fieldsOf(item, shape.item ?? ANY));
      }
      return fieldNode(false, below);
    }
  }
}

function withMember(set: MaybeSet): FieldSet {
  if (set === undefined || set === MEMBER) return MEMBER;
  return set['.'] === undefined ? { '.': MEMBER, ...set } : set;
}

export interface Difference {
  /** Fields that are new or have another value. */
  readonly changed: MaybeSet;
  readonly removed: MaybeSet;
}

/** @returns undefined when the two are equal */
export function differ(before: unknown, after: unknown, shape: Shape): Difference | undefined {
  if (before === after) return undefined;
  const added = before === undefined;
  const gone = after === undefined;
  const was = kindOf(before, shape);
  const is = kindOf(after, shape);
  const kind = gone ? was : is;
  if (!added && !gone && was !== is) {
    // It changed its nature (only where the shape does not say): all below is gone, all of the new is new.
    return { changed: withMember(allBelow(after, shape)), removed: allBelow(before, shape) };
  }
  if (kind === 'leaf' || (isEmpty(before) && isEmpty(after))) {
    if (added) return { changed: MEMBER, removed: undefined };
    if (gone) return { changed: undefined, removed: MEMBER };
    return deepEqual(before, after) ? undefined : { changed: MEMBER, removed: undefined };
  }
  const changed: Record<string, FieldSet> = {};
  const removed: Record<string, FieldSet> = {};
  if (kind === 'map') {
    const established = !added && !gone;
    differMaps((before ?? {}) as Fields, (after ?? {}) as Fields, shape, established, changed, removed);
  } else
    differLists((before ?? []) as readonly unknown[], (after ?? []) as readonly unknown[], shape, changed, removed);
  const result = { changed: fieldNode(added, changed), removed: fieldNode(gone, removed) };
  return result.changed === undefined && result.removed === undefined ? undefined : result;
}

function note(
  element: string,
  difference: Difference | undefined,
  changed: Record<string, FieldSet>,
  removed: Record<string, FieldSet>,
): void {
  if (difference === undefined) return;
  if (difference.changed !== undefined) changed[element] = difference.changed;
  if (difference.removed !== undefined) removed[element] = difference.removed;
}

const NO_FIELDS: Fields = Object.freeze({});
const NO_ITEMS: readonly unknown[] = Object.freeze([]);

function differMaps(
  before: Fields,
  after: Fields,
  shape: Shape,
  established: boolean,
  changed: Record<string, FieldSet>,
  removed: Record<string, FieldSet>,
): void {
  const visit = (key: string): void => {
    const child = childShape(shape, key);
    const [was, is] = [before[key], after[key]];
    const fill = established && child.present === true ? (child.type === 'list' ? NO_ITEMS : NO_FIELDS) : undefined;
    note(`f:${key}`, differ(was === undefined ? fill : was, is === undefined ? fill : is, child), changed, removed);
  };
  for (const key in before) if (before[key] !== after[key]) visit(key);
  for (const key in after) if (before[key] === undefined && after[key] !== undefined) visit(key);
}

function differLists(
  before: readonly unknown[],
  after: readonly unknown[],
  shape: Shape,
  changed: Record<string, FieldSet>,
  removed: Record<string, FieldSet>,
): void {
  const was = grouped(before, shape);
  const is = grouped(after, shape);
  const item = shape.item ?? ANY;
  for (const element of new Set([...was.keys(), ...is.keys()])) {
    const left = was.get(element) ?? [];
    const right = is.get(element) ?? [];
    if (left.length <= 1 && right.length <= 1) note(element, differ(left[0], right[0], item), changed, removed);
    else if (!deepEqual(left, right)) changed[element] = MEMBER;
  }
}

function grouped(list: readonly unknown[], shape: Shape): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of list) {
    const element = itemElement(item, shape, false);
    const group = groups.get(element);
    if (group === undefined) groups.set(element, [item]);
    else group.push(item);
  }
  return groups;
}

function allBelow(value: unknown, shape: Shape): MaybeSet {
  return differ(undefined, value, shape)?.changed;
}
