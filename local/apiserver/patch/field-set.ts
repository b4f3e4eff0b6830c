/**
 * Sets of field paths in the form managedFields carry them (`fieldsV1`): a tree whose keys are `f:NAME`, `k:{KEYS}` or
 * `v:VALUE`. A node is itself a member when it has the key `.`, or no keys at all. Sets are never changed in place.
 * Source: "FieldsV1" in the Kubernetes API reference.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A member without members below it. */
export const MEMBER: FieldSet = Object.freeze({});

export function isMember(node: FieldSet): boolean {
  if (node['.'] !== undefined) return true;
  for (const _ in node) return false;
  return true;
}

/** A node made of its own membership and what is below it; undefined when it holds neither. */
export function fieldNode(member: boolean, below: Record<string, FieldSet> | undefined): FieldSet | undefined {
  if (below === undefined) return member ? MEMBER : undefined;
  for (const _ in below) return member ? { '.': MEMBER, ...below } : below;
  return member ? MEMBER : undefined;
}

/** The set with nothing in it is undefined, so that an empty object can only mean "a member". */
export type MaybeSet = FieldSet | undefined;

export function union(a: MaybeSet, b: MaybeSet): MaybeSet {
  if (a === undefined || a === b) return b;
  if (b === undefined) return a;
  const below: Record<string, FieldSet> = {};
  for (const key in a) if (key !== '.') below[key] = a[key] as FieldSet;
  for (const key in b) {
    if (key === '.') continue;
    const merged = union(below[key], b[key]);
    if (merged !== undefined) below[key] = merged;
  }
  return fieldNode(isMember(a) || isMember(b), below);
}

/** What is in `a` but not in `b`; a member of `b` says nothing of the fields below it. */
export function difference(a: MaybeSet, b: MaybeSet): MaybeSet {
  if (a === undefined || b === undefined) return a;
  if (a === b) return undefined;
  const below: Record<string, FieldSet> = {};
  for (const key in a) {
    if (key === '.') continue;
    const kept = difference(a[key], b[key]);
    if (kept !== undefined) below[key] = kept;
  }
  return fieldNode(isMember(a) && !isMember(b), below);
}

export function intersection(a: MaybeSet, b: MaybeSet): MaybeSet {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return a;
  const below: Record<string, FieldSet> = {};
  for (const key in a) {
    if (key === '.') continue;
    const both = intersection(a[key], b[key]);
    if (both !== undefined) below[key] = both;
  }
  return fieldNode(isMember(a) && isMember(b), below);
}

export function equalSets(a: MaybeSet, b: MaybeSet): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (isMember(a) !== isMember(b)) return false;
  let count = 0;
  for (const key in a) {
    if (key === '.') continue;
    count++;
    if (b[key] === undefined || !equalSets(a[key], b[key])) return false;
  }
  for (const key in b) if (key !== '.') count--;
  return count === 0;
}

/** The same set with its keys in the order Kubernetes writes them. */
export function sortedSet(set: FieldSet): FieldSet {
  const keys = Object.keys(set);
  if (keys.length === 0) return MEMBER;
  keys.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
  const sorted: Record<string, FieldSet> = {};
  for (const key of keys) sorted[key] = sortedSet(set[key] as FieldSet);
  return sorted;
}

function rank(key: string): number {
  return '.fkv'.indexOf(key.charAt(0));
}

/** The members as Kubernetes prints paths: `.spec.containers[name="a"].image`. */
export function memberPaths(set: MaybeSet, prefix = ''): string[] {
  if (set === undefined) return [];
  const paths: string[] = [];
  if (prefix !== '' && isMember(set)) paths.push(prefix);
  for (const key of Object.keys(set).sort())
    if (key !== '.') paths.push(...memberPaths(set[key], prefix + printElement(key)));
  return paths;
}

function printElement(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${rest}`;
    case 'k:': {
      const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    }
    case 'v:':
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}
