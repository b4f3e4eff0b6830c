/** What an applier leaves out goes, unless somebody else owns it. Source: the behaviour of structured-merge-diff. */
import { isMember, type FieldSet, type MaybeSet } from './field-set.ts';
import { childShape, isEmpty, itemElement, kindOf } from './field-walk.ts';
import { ANY, type Shape } from './shape-node.ts';

type Fields = Readonly<Record<string, unknown>>;

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
