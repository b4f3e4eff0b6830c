/**
 * Field ownership: who set which field, and server-side apply on top of it.
 * Source: "Server-Side Apply" and "Field management" in the Kubernetes docs.
 */
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from '../../../api/object.ts';
import type { StatusCause } from '../../../kube/errors.ts';
import { applyConflict, badPatch } from './errors.ts';
import { difference, equalSets, intersection, memberPaths, union, type FieldSet, type MaybeSet } from './field-set.ts';
import { differ, fieldsOf } from './field-walk.ts';
import { allowedByLastApplied, withLastApplied } from './last-applied.ts';
import {
  capUpdaters,
  managerId,
  readManagers,
  withoutFields,
  writeManagers,
  type FieldManager,
  type Managers,
} from './managers.ts';
import { mergeApplied } from './merge-applied.ts';
import { removeUnowned } from './remove-unowned.ts';
import type { Shape } from './shape-node.ts';

export interface UpdateOptions {
  /** Name of the field manager; `unknown` when empty. */
  readonly manager: string;
  /** RFC 3339, the time of the request. */
  readonly time: string;
  /** Of the request. */
  readonly apiVersion: string;
  readonly subresource?: string;
}

export interface ApplyOptions extends UpdateOptions {
  /** Take conflicting fields away from other managers. */
  readonly force: boolean;
}

/** Fields the server keeps itself: no manager owns them. */
const STRIPPED: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:clusterName': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

/**
 * `next` with the managedFields that follow from a create, update or patch.
 *
 * @param old the stored object, undefined on create
 * @param next the object about to be stored; entries in its own managedFields are honoured, as clients may edit them
 * @returns `next` itself when its managedFields are right already; entries that did not change keep their identity
 */
export function updateManagedFields<T extends KubeObject>(
  old: T | undefined,
  next: T,
  options: UpdateOptions,
  shape: Shape,
): T {
  const sent = next.metadata.managedFields;
  if (isReset(sent)) return withManagedFields(next, undefined);
  const stored = old?.metadata.managedFields;
  const edited = readManagers(sent);
  const base = edited === undefined || edited.size === 0 ? stored : sent;
  const managers = (base === sent ? edited : readManagers(stored)) ?? new Map<string, FieldManager>();
  const updated = afterUpdate(old, next, managers, options, shape);
  return withManagedFields(next, updated === managers ? base : listed(updated, old));
}

/**
 * Server-side apply.
 *
 * @param live the stored object, undefined to create
 * @param applied what the manager wants; without managedFields, nulls or defaults
 * @returns `live` itself when nothing changes, so that the write can be skipped
 * @throws ApiError 409 with a cause for each conflict, 400 and 500 when the object does not fit its shape
 */
export function serverSideApply<T extends KubeObject>(
  live: T | undefined,
  applied: T,
  options: ApplyOptions,
  shape: Shape,
): T {
  if (applied.metadata.managedFields !== undefined) throw badPatch('metadata.managedFields must be nil');
  const wanted = writable(applied, options.subresource, shape);
  let managers = readManagers(live?.metadata.managedFields) ?? new Map<string, FieldManager>();
  if (live !== undefined && managers.size === 0)
    managers = afterUpdate(undefined, live, managers, { ...options, manager: 'before-first-apply' }, shape);
  const entry = entryOf(options, 'Apply');
  const id = managerId(entry);
  const base = live === undefined ? undefined : bare(live);
  const last = managers.get(id)?.set;
  const set = fieldsOf(wanted, shape);

  let merged = mergeApplied(base, wanted, shape) as T;
  if (last !== undefined) {
    let owned = set;
    for (const [other, manager] of managers) if (other !== id) owned = union(owned, manager.set);
    merged = (removeUnowned(merged, shape, last, owned) ?? merged) as T;
  }

  const change = differ(base, merged, shape);
  const others = new Map([...managers].filter(([other]) => other !== id));
  const conflicts = options.force ? undefined : conflictsOf(others, change?.changed);
  if (conflicts !== undefined) {
    const allowed = options.manager === 'kubectl' ? allowedByLastApplied(base, shape) : undefined;
    const serious = new Map([...conflicts].map(([other, fields]) => [other, difference(fields, allowed)]));
    throwConflicts(others, serious);
  }

  const after = new Map<string, FieldManager>();
  for (const [other, manager] of others)
    after.set(other, withoutFields(withoutFields(manager, change?.changed), change?.removed));
  const stripped = difference(set, STRIPPED);
  const before = managers.get(id);
  // Merging keeps what is equal: another identity is another value, if only in the order of a list.
  const idle = live !== undefined && merged === base;
  if (idle && before?.entry.apiVersion === options.apiVersion && equalSets(before.set, stripped)) after.set(id, before);
  else {
    const time = idle ? (before?.entry.time ?? options.time) : options.time;
    after.set(id, { entry: { ...entry, time }, set: stripped });
  }
  const result = idle ? live : merged;
  const annotated = options.manager === 'kubectl' ? withLastApplied(result, applied) : result;
  return withManagedFields(annotated, listed(after, live));
}

function afterUpdate(
  old: KubeObject | undefined,
  next: KubeObject,
  managers: Managers,
  options: UpdateOptions,
  shape: Shape,
): Managers {
  const change = differ(old === undefined ? {} : bare(old), bare(next), shape);
  if (change === undefined) return managers;
  const after = new Map<string, FieldManager>();
  let touched = false;
  for (const [id, manager] of managers) {
    const kept = withoutFields(withoutFields(manager, change.changed), change.removed);
    if (!equalSets(kept.set, manager.set)) touched = true;
    after.set(id, kept);
  }
  const taken = difference(change.changed, STRIPPED);
  if (taken !== undefined) {
    touched = true;
    const entry = entryOf(options, 'Update');
    const id = managerId(entry);
    after.set(id, { entry, set: union(after.get(id)?.set, taken) });
  }
  return touched ? capUpdaters(after) : managers;
}

function entryOf(options: UpdateOptions, operation: 'Apply' | 'Update'): ManagedFieldsEntry {
  const entry: ManagedFieldsEntry = {
    manager: options.manager === '' ? 'unknown' : options.manager,
    operation,
    apiVersion: options.apiVersion,
    time: options.time,
    fieldsType: 'FieldsV1',
  };
  if (options.subresource !== undefined && options.subresource !== '') entry.subresource = options.subresource;
  return entry;
}

function conflictsOf(managers: Managers, changed: MaybeSet): Map<string, MaybeSet> | undefined {
  if (changed === undefined) return undefined;
  const conflicts = new Map<string, MaybeSet>();
  for (const [id, manager] of managers) {
    const fields = intersection(manager.set, changed);
    if (fields !== undefined) conflicts.set(id, fields);
  }
  return conflicts.size === 0 ? undefined : conflicts;
}

function throwConflicts(managers: Managers, conflicts: ReadonlyMap<string, MaybeSet>): void {
  const causes: StatusCause[] = [];
  const blocks: string[] = [];
  for (const id of [...conflicts.keys()].sort()) {
    const entry = managers.get(id)?.entry;
    const paths = memberPaths(conflicts.get(id));
    if (entry === undefined || paths.length === 0) continue;
    const name = printManager(entry);
    for (const field of paths) causes.push({ reason: 'FieldManagerConflict', message: `conflict with ${name}`, field });
    blocks.push(`conflicts with ${name}:`, ...paths.map((path) => `- ${path}`));
  }
  const [first] = causes;
  if (first === undefined) return;
  const message =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${first.message}: ${first.field}`
      : `Apply failed with ${causes.length} conflicts: ${blocks.join('\n')}`;
  throw applyConflict(message, causes);
}

function printManager(entry: ManagedFieldsEntry): string {
  let name = JSON.stringify(entry.manager ?? '');
  if (entry.subresource !== undefined) name += ` with subresource ${JSON.stringify(entry.subresource)}`;
  return entry.operation === 'Update' ? `${name} using ${entry.apiVersion}` : name;
}

/** A client may clear the list by sending one empty entry. */
function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.length === 1 && Object.keys(entries[0] ?? {}).length === 0;
}

/** The object without managedFields: they are no fields that anybody manages. */
function bare<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * What this endpoint writes of the object: all but the status, or of the status subresource the status alone. The rest
 * stays as it is, and nobody comes to own it.
 */
function writable<T extends KubeObject>(object: T, subresource: string | undefined, shape: Shape): T {
  const apart = shape.fields?.get('status')?.status === true;
  const keep = (name: string): boolean => {
    if (subresource === 'status') return name === 'apiVersion' || name === 'kind' || name === 'status';
    return name !== 'status' || !apart;
  };
  const dropped = Object.keys(object).filter((name) => !keep(name) && name !== 'metadata');
  if (dropped.length === 0 && subresource !== 'status') return object;
  const kept = Object.fromEntries(Object.entries(object).filter(([name]) => keep(name)));
  const { name, namespace } = object.metadata;
  const metadata =
    subresource === 'status' ? { name, ...(namespace === undefined ? {} : { namespace }) } : object.metadata;
  return { ...(kept as T), metadata };
}

/** The list to store: the old one when it says the same. */
function listed(managers: Managers, old: KubeObject | undefined): ManagedFieldsEntry[] | undefined {
  const entries = writeManagers(managers);
  const before = old?.metadata.managedFields;
  if (
    before !== undefined &&
    before.length === entries.length &&
    entries.every((entry, index) => entry === before[index])
  )
    return before;
  return entries.length === 0 ? undefined : entries;
}

function withManagedFields<T extends KubeObject>(object: T, entries: ManagedFieldsEntry[] | undefined): T {
  if (object.metadata.managedFields === entries) return object;
  const { managedFields: _managedFields, ...rest } = object.metadata;
  const metadata: ObjectMeta = entries === undefined ? rest : { ...rest, managedFields: entries };
  return { ...object, metadata };
}
