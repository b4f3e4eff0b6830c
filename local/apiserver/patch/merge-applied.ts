/**
 * Merging an applied object into the live one. Inputs may be frozen and are never changed; what is equal keeps its
 * identity. Source: the behaviour of structured-merge-diff.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { childShape, isEmpty, itemElement, kindOf } from './field-walk.ts';
import { ANY, type Shape } from './shape-node.ts';

type Fields = Readonly<Record<string, unknown>>;

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
