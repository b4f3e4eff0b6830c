/**
 * A folder whose files change all at once: they are links into `..data`, and `..data` is a link that is replaced. What
 * reads a file sees the old set or the new one. Source: the kubelet's AtomicWriter (layout).
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export interface VolumeFile {
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
}

/** Files by relative path. */
export interface FileSet {
  readonly files: ReadonlyMap<string, VolumeFile>;
  /** Names this set; see {@link versionOf}. */
  readonly version: string;
}

const DATA = '..data';
const NEXT = '..data_tmp';

/** @param files by relative path; @param version names the set: nothing is done when it is there already */
export function writeAtomically(folder: string, files: ReadonlyMap<string, VolumeFile>, version: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const generation = `..${version}`;
  const before = linkTarget(join(folder, DATA));
  if (before === generation) return;
  const target = join(folder, generation);
  // What an end in the middle has left.
  for (const left of [target, join(folder, NEXT)]) if (isThere(left)) rmSync(left, { recursive: true, force: true });
  mkdirSync(target, { mode: 0o755 });
  for (const [path, { bytes, mode }] of files) {
    if (path.includes('/')) mkdirSync(dirname(join(target, path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(target, path), bytes, { mode });
  }
  symlinkSync(generation, join(folder, NEXT));
  renameSync(join(folder, NEXT), join(folder, DATA));
  const tops = new Set([...files.keys()].map((path) => path.split('/')[0] ?? ''));
  for (const name of tops) if (!isThere(join(folder, name))) symlinkSync(join(DATA, name), join(folder, name));
  for (const name of readdirSync(folder)) if (!name.startsWith('..') && !tops.has(name)) rmSync(join(folder, name));
  if (before !== undefined && existsSync(join(folder, before)))
    rmSync(join(folder, before), { recursive: true, force: true });
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Of names, modes and contents. */
export function versionOf(files: ReadonlyMap<string, VolumeFile>): string {
  const hash = createHash('sha256');
  for (const [path, { bytes, mode }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(JSON.stringify([path, mode, bytes.length])).update(bytes);
  return hash.digest('hex').slice(0, 24);
}
