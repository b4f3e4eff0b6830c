/** Snapshots: every object at one version, in a file that appears whole or not at all. */
import type { KubeObject } from '../../../api/object.ts';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { syncDir, type StoreFile } from './files.ts';
import { encodeFrame } from './frame.ts';

export interface SnapshotHeader {
  readonly format: 'zeroth-api-snapshot';
  readonly version: 1;
  readonly at: number;
}

export interface SnapshotEnd {
  readonly end: number;
}

export interface SnapshotEntry {
  readonly resource: string;
  readonly key: string;
  readonly object: KubeObject;
}

/** Bytes of JSON put together before the event loop gets a turn. */
const SLICE = 128 * 1024;

/** @returns the file's size in bytes */
export async function writeSnapshot(file: StoreFile, entries: readonly SnapshotEntry[]): Promise<number> {
  const temporary = `${file.path}.tmp`;
  const handle = await open(temporary, 'w', 0o600);
  let size = 0;
  const put = async (lines: readonly string[]): Promise<void> => {
    const frame = encodeFrame(lines);
    await handle.writeFile(frame);
    size += frame.length;
  };
  try {
    const header: SnapshotHeader = { format: 'zeroth-api-snapshot', version: 1, at: file.version };
    await put([JSON.stringify(header)]);
    let lines: string[] = [];
    let bytes = 0;
    for (const { resource, key, object } of entries) {
      const line = JSON.stringify({ r: resource, k: key, o: object });
      lines.push(line);
      bytes += line.length;
      if (bytes < SLICE) continue;
      await put(lines);
      lines = [];
      bytes = 0;
      await setImmediate();
    }
    if (lines.length > 0) await put(lines);
    const end: SnapshotEnd = { end: entries.length };
    await put([JSON.stringify(end)]);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await handle.close();
  await rename(temporary, file.path);
  await syncDir(dirname(file.path));
  return size;
}
