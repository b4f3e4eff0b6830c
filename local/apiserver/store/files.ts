/** The folder of the store: which files there are, and durable creation and removal of them. */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const DIGITS = 16;
const NAME = /^(snapshot|log)-(\d{16})\.zas$/;

export interface StoreFile {
  readonly kind: 'snapshot' | 'log';
  /** A snapshot holds everything up to this version; a log what came after it. */
  readonly version: number;
  readonly path: string;
}

export function storeFile(dir: string, kind: StoreFile['kind'], version: number): StoreFile {
  return { kind, version, path: join(dir, `${kind}-${String(version).padStart(DIGITS, '0')}.zas`) };
}

/** Snapshots and logs in order of version. */
export async function listStoreFiles(dir: string): Promise<StoreFile[]> {
  const files: StoreFile[] = [];
  for (const name of await readdir(dir)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const kind = match[1] === 'log' ? 'log' : 'snapshot';
    files.push({ kind, version: Number(match[2]), path: join(dir, name) });
  }
  return files.sort((a, b) => a.version - b.version);
}

/** Half-written snapshots of a process that was killed. */
export async function removeTemporaries(dir: string): Promise<void> {
  for (const name of await readdir(dir)) if (name.endsWith('.zas.tmp')) await rm(join(dir, name), { force: true });
}

/** Makes creations, renames and removals in a folder durable. */
export async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
