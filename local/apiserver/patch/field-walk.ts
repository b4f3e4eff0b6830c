/**
 * Walks of an object by its shape that server-side apply is made of: which fields it holds, how two objects differ,
 * merging one into the other. Inputs may be frozen and are never changed; equal parts keep their identity.
 * Source: the behaviour of structured-merge-diff.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { badApply } from './errors.ts';
import { fieldNode, isMember, MEMBER, type FieldSet, type MaybeSet } from './field-set.ts';
import { ANY, LEAF, type Shape } from './shape-node.ts';

type Fields = Readonly<Record<string, unknown>>;
type Kind = 'leaf' | 'map' | 'list';

/** How a value is walked: atomic parts, and lists of unknown shape, are leaves. */
function kindOf(value: unknown, shape: Shape): Kind {
  if (shape.atomic || shape.type === 'leaf') return 'leaf';
  if (value === null || value === undefined) return shape.type === 'any' ? 'leaf' : shape.type;
  if (Array.isArray(value)) return shape.type === 'list' ? 'list' : 'leaf';
  if (typeof value === 'object') return shape.type === 'map' || shape.type === 'any' ? 'map' : 'leaf';
  return 'leaf';
}

function childShape(shape: Shape, key: string): Shape {
  if (shape.type === 'any') return ANY;
  return shape.fields?.get(key) ?? shape.rest ?? LEAF;
}

function isEmpty(value: unknown): boolean {
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

/** `live` with all that `applied` says; `live` itself when it says so already. */
export function mergeApplied(live: unknown, applied: unknown, shape: Shape): unknown {
  if (applied === undefined || live === applied) return live;
  if (live === undefined) return applied;
  const kind = kindOf(applied, shape);
  if (kind === 'leaf' || isEmpty(applied) || kindOf(live, shape) !== kind || live === null) {
    // An empty map or list asks for its presence, not for the removal of what others put there.
    if (kind !== 'leaf' && isEmpty(applied) && !isEmpty(live)) return live;
    return deepEqual(live, applied) ? live : applied;
  }
  if (kind === 'map') return mergeMaps(live as Fields, applied as Fields, shape);
  return mergeLists(live as readonly unknown[], applied as readonly unknown[], shape);
}

function mergeMaps(live: Fields, applied: Fields, shape: Shape): Fields {
  let merged: Record<string, unknown> | undefined;
  for (const key in applied) {
    const value = mergeApplied(live[key], applied[key], childShape(shape, key));
    if (value !== live[key]) (merged ??= { ...live })[key] = value;
  }
  return merged ?? live;
}

/** Items of both take the order of `applied`; those of `live` alone stay where they were among them. */
function mergeLists(live: readonly unknown[], applied: readonly unknown[], shape: Shape): readonly unknown[] {
  const item = shape.item ?? ANY;
  const liveKeys = live.map((entry) => itemElement(entry, shape, false));
  const appliedKeys = applied.map((entry) => itemElement(entry, shape, true));
  const inLive = new Map(liveKeys.map((key, index) => [key, index]));
  const inApplied = new Set(appliedKeys);
  const shared = appliedKeys.filter((key) => inLive.has(key));
  const merged: unknown[] = [];
  const done = new Set<string>();
  let nextShared = 0;
  let left = 0;
  let right = 0;
  const takeApplied = (): void => {
    const key = appliedKeys[right] ?? '';
    const at = inLive.get(key);
    merged.push(mergeApplied(at === undefined ? undefined : live[at], applied[right], item));
    done.add(key);
    if (shared[nextShared] === key) nextShared++;
    right++;
  };
  while (left < live.length || right < applied.length) {
    const key = liveKeys[left];
    if (key === undefined) takeApplied();
    else if (!inApplied.has(key)) merged.push(live[left++]);
    else if (done.has(key)) left++;
    else if (key === appliedKeys[right]) {
      takeApplied();
      left++;
    } else if (shared[nextShared] !== undefined && shared[nextShared] !== key) {
      // Its turn comes with the applied list's order.
      left++;
    } else takeApplied();
  }
  const same = merged.length === live.length && merged.every((entry, index) => entry === live[index]);
  return same ? live : merged;
}

/**
 * Removes the fields of `last` (what the manager applied before) that nobody owns any more.
 * @param owned the union of what all managers own now
 * @returns the same value when nothing is removed, undefined when nothing is left
 */
export function removeUnowned(value: unknown, shape: Shape, last: FieldSet, owned: MaybeSet): unknown {
  switch (kindOf(value, shape)) {
    case 'leaf':
      return value;
    case 'map': {
      if (isEmpty(value)) return value;
      let kept: Record<string, unknown> | undefined;
      const fields = value as Fields;
      for (const element in last) {
        if (!element.startsWith('f:')) continue;
        const key = element.slice(2);
        if (!Object.hasOwn(fields, key)) continue;
        const child = removeElement(
          fields[key],
          childShape(shape, key),
          last[element] as FieldSet,
          owned?.[element],
          shape.fields?.get(key) !== undefined,
        );
        if (child === fields[key]) continue;
        kept ??= { ...fields };
        if (child === undefined) delete kept[key];
        else kept[key] = child;
      }
      // Who owns the map itself wants it to be there, if empty.
      return kept === undefined ? value : isEmpty(kept) && !owns(owned) ? undefined : kept;
    }
    case 'list': {
      if (isEmpty(value)) return value;
      const list = value as readonly unknown[];
      let changed = false;
      const kept: unknown[] = [];
      for (const item of list) {
        const element = itemElement(item, shape, false);
        const node = last[element];
        const child = node === undefined ? item : removeElement(item, shape.item ?? ANY, node, owned?.[element], false);
        if (child !== item) changed = true;
        if (child !== undefined) kept.push(child);
      }
      if (!changed) return value;
      return kept.length === 0 && !owns(owned) ? undefined : kept;
    }
  }
}

/** @param named a struct's field is owned with whatever is below it; items and entries only as themselves */
function removeElement(value: unknown, shape: Shape, last: FieldSet, owned: MaybeSet, named: boolean): unknown {
  const wasOwned = named || isMember(last);
  const isOwned = named ? owned !== undefined : owns(owned);
  if (wasOwned && !isOwned) return undefined;
  return removeUnowned(value, shape, last, owned);
}

function owns(set: MaybeSet): boolean {
  return set !== undefined && isMember(set);
}
