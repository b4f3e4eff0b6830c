/** Reads a folder back: the newest snapshot, then the logs after it. Repairs a torn tail, refuses any other damage. */
import type { KubeObject } from '../../../api/object.ts';
import { copyFile, rm } from 'node:fs/promises';
import { StoreError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { listStoreFiles, type StoreFile } from './files.ts';
import { readFrames } from './frame.ts';

export interface StoredRecord {
  readonly resource: string;
  readonly key: string;
  /** Undefined for a deletion. */
  readonly object: KubeObject | undefined;
  readonly version: number;
  readonly size: number;
}

/** What is told of the state: first the version of the snapshot (0 without one), its objects, then each change. */
export interface Visitor {
  base(version: number): void;
  object(resource: string, key: string, object: KubeObject): void;
  change(record: StoredRecord): void;
}

export interface Recovered {
  /** The last resourceVersion. */
  readonly version: number;
  readonly snapshotBytes: number;
  /** The log to go on with, and how much of it is sound. */
  readonly log: { readonly path: string; readonly size: number } | undefined;
  /** Where the bytes of a torn tail were kept. */
  readonly torn: string | undefined;
}

/**
 * @throws StoreError `corrupt`, naming the file; nothing has been changed then
 */
export async function recover(dir: string, visitor: Visitor): Promise<Recovered> {
  const files = await listStoreFiles(dir);
  const snapshot = files.filter((file) => file.kind === 'snapshot').at(-1);
  const logs = files.filter((file) => file.kind === 'log');
  const base = snapshot?.version ?? 0;
  visitor.base(base);
  const snapshotBytes = snapshot === undefined ? 0 : readSnapshot(snapshot, visitor);

  let version = base;
  let log: Recovered['log'];
  let torn: string | undefined;
  // Logs that a snapshot made superfluous, left by a process that was killed before it could remove them.
  const needed = logs.filter((_, i) => (logs[i + 1]?.version ?? Infinity) > base);
  if (needed.length === 0 && snapshot !== undefined)
    throw corrupt(snapshot.path, 'the log that belongs to it is missing');
  for (const [i, file] of needed.entries()) {
    if (file.version > version) throw corrupt(file.path, `changes ${version + 1} to ${file.version} are missing`);
    const last = i === needed.length - 1;
    let headed = false;
    const extent = readFrames(file.path, (lines) => {
      for (const line of lines) {
        const value = parse(file, line);
        if (!headed) {
          if (value.format !== 'zeroth-api-log' || value.version !== 1 || value.after !== file.version)
            throw corrupt(file.path, 'its header is not that of an API log of version 1');
          headed = true;
          continue;
        }
        const record = changeOf(file, value, line.length);
        if (record.version <= base) continue;
        if (record.version <= version) throw corrupt(file.path, `change ${record.version} is out of order`);
        version = record.version;
        visitor.change(record);
      }
    });
    if (extent.good < extent.size) {
      if (!last || extent.soundBeyond)
        throw corrupt(file.path, `byte ${extent.good} and after are damaged, with sound changes behind them`);
      torn = `${file.path}.torn`;
      await copyFile(file.path, torn);
    }
    // A log killed while it was created has no header yet: it is made anew.
    if (last) log = headed ? { path: file.path, size: extent.good } : undefined;
  }
  for (const file of files) {
    const superfluous = file.kind === 'snapshot' ? file !== snapshot : !needed.includes(file);
    if (superfluous) await rm(file.path, { force: true });
  }
  return { version, snapshotBytes, log, torn };
}

function readSnapshot(file: StoreFile, visitor: Visitor): number {
  let headed = false;
  let count = 0;
  let end: unknown;
  const extent = readFrames(file.path, (lines) => {
    for (const line of lines) {
      const value = parse(file, line);
      if (!headed) {
        if (value.format !== 'zeroth-api-snapshot' || value.version !== 1 || value.at !== file.version)
          throw corrupt(file.path, 'its header is not that of an API snapshot of version 1');
        headed = true;
      } else if ('end' in value) end = value.end;
      else {
        count++;
        const { r, k, o } = value;
        if (typeof r !== 'string' || typeof k !== 'string') throw corrupt(file.path, 'a record lacks its key');
        visitor.object(r, k, asObject(file, o));
      }
    }
  });
  if (extent.good < extent.size || end !== count) throw corrupt(file.path, `byte ${extent.good} and after are damaged`);
  return extent.size;
}

function parse(file: StoreFile, line: string): JsonObject {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch {
    // Reported below: whatever is not an object is damage.
  }
  throw corrupt(file.path, 'a record is not a JSON object');
}

function changeOf(file: StoreFile, value: JsonObject, size: number): StoredRecord {
  const { r, k, v, o } = value;
  if (typeof r !== 'string' || typeof k !== 'string' || typeof v !== 'number')
    throw corrupt(file.path, 'a record lacks its key or version');
  return { resource: r, key: k, version: v, object: o === undefined ? undefined : asObject(file, o), size };
}

function asObject(file: StoreFile, value: unknown): KubeObject {
  if (isObject(value) && isObject(value.metadata) && typeof value.metadata.name === 'string')
    return value as unknown as KubeObject;
  throw corrupt(file.path, 'a record holds no object');
}

function corrupt(path: string, what: string): StoreError {
  return new StoreError(
    'corrupt',
    `${path} is damaged: ${what}. Nothing was changed; restore the folder from a copy, or move it away to start empty`,
  );
}
