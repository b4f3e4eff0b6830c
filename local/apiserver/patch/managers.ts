/** The managers of an object's fields, as `metadata.managedFields` lists them. */
import type { ManagedFieldsEntry } from '../../../api/object.ts';
import { difference, sortedSet, union, type FieldSet, type MaybeSet } from './field-set.ts';

/** One entry of managedFields, its set undefined once nothing is left of it. */
export interface FieldManager {
  readonly entry: Readonly<ManagedFieldsEntry>;
  readonly set: MaybeSet;
}

/** Managers by their identity, in the order they were listed. */
export type Managers = ReadonlyMap<string, FieldManager>;

const MOST_UPDATERS = 10;

/** Appliers are one manager whatever the version; updaters are told apart by it, too. */
export function managerId(entry: ManagedFieldsEntry): string {
  const version = entry.operation === 'Apply' ? '' : (entry.apiVersion ?? '');
  return `${entry.manager ?? ''}\n${entry.operation ?? ''}\n${version}\n${entry.subresource ?? ''}`;
}

/** @returns undefined when the entries are not such as a server writes */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers = new Map<string, FieldManager>();
  for (const entry of entries ?? []) {
    const known = entry.operation === 'Apply' || entry.operation === 'Update';
    if (!known || (entry.apiVersion ?? '') === '' || entry.fieldsType !== 'FieldsV1') return undefined;
    const set = (entry.fieldsV1 ?? {}) as FieldSet;
    managers.set(managerId(entry), { entry, set: isEmptyRoot(set) ? undefined : set });
  }
  return managers;
}

function isEmptyRoot(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** managedFields as Kubernetes orders them: appliers first, then by time and name. Unchanged entries keep their identity. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] {
  const entries: ManagedFieldsEntry[] = [];
  for (const { entry, set } of managers.values()) {
    if (set === undefined) continue;
    entries.push(entry.fieldsV1 === set ? entry : { ...entry, fieldsType: 'FieldsV1', fieldsV1: sortedSet(set) });
  }
  return entries.sort(
    (a, b) =>
      compare(a.operation, b.operation) ||
      compare(seconds(a.time), seconds(b.time)) ||
      compare(a.manager, b.manager) ||
      compare(a.apiVersion, b.apiVersion) ||
      compare(a.subresource, b.subresource),
  );
}

function seconds(time: string | undefined): string {
  return time?.slice(0, 19) ?? '';
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Takes fields away from a manager; the manager stays the same object when it had none of them. */
export function withoutFields(manager: FieldManager, fields: MaybeSet): FieldManager {
  if (fields === undefined || manager.set === undefined) return manager;
  const set = difference(manager.set, fields);
  return set === manager.set ? manager : { entry: manager.entry, set };
}

/** Merges the oldest updaters into one entry when there are too many. */
export function capUpdaters(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { entry, set }]) => entry.operation === 'Update' && set !== undefined);
  if (updaters.length <= MOST_UPDATERS) return managers;
  updaters.sort(([, a], [, b]) => compare(seconds(a.entry.time), seconds(b.entry.time)));
  const capped = new Map(managers);
  const first = new Map<string, string>();
  let count = updaters.length;
  for (const [id, { entry, set }] of updaters) {
    if (count <= MOST_UPDATERS) break;
    const version = entry.apiVersion ?? '';
    const bucket: ManagedFieldsEntry = { manager: 'ancient-changes', operation: 'Update', apiVersion: version };
    const bucketId = managerId(bucket);
    const earlier = first.get(version);
    if (earlier === undefined) {
      first.set(version, id);
      continue;
    }
    const held = capped.get(bucketId)?.set ?? capped.get(earlier)?.set;
    if (!capped.has(bucketId)) capped.delete(earlier);
    capped.delete(id);
    capped.set(bucketId, { entry: { ...bucket, time: entry.time }, set: union(held, set) });
    count--;
  }
  return capped;
}
