/** Copies a folder into a staging place and computes its digest; the format is in docs/formats/image-store.md. */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeError } from '../errors.ts';
import { parseIgnore, type IgnoreRules } from './ignore.ts';

export interface PackLimits {
  readonly entries: number;
  /** Bytes of all files together. */
  readonly bytes: number;
}

export const PACK_LIMITS: PackLimits = { entries: 200_000, bytes: 4 * 1024 ** 3 };

export type Entry =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'file'; readonly path: string; readonly executable: boolean; readonly bytes: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

const PARALLEL = 16;
const EXECUTABLE = 0o100;

/** The entries that go into the image, sorted by path in bytes. */
export async function listFolder(folder: string, limits: PackLimits = PACK_LIMITS): Promise<Entry[]> {
  const rules = await ignoreRules(folder);
  const entries: Entry[] = [];
  let bytes = 0;
  const open = [''];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const name of await readdir(join(folder, at))) {
      const path = at === '' ? name : `${at}/${name}`;
      const ignored = rules.ignores(path);
      if (ignored && !rules.hasExceptions) continue;
      const stat = await lstat(join(folder, path));
      if (stat.isDirectory()) {
        open.push(path);
        if (ignored) continue;
        entries.push({ type: 'folder', path });
      } else if (ignored) continue;
      else if (stat.isSymbolicLink()) entries.push({ type: 'link', path, target: await readlink(join(folder, path)) });
      else if (stat.isFile()) {
        bytes += stat.size;
        entries.push({ type: 'file', path, executable: (stat.mode & EXECUTABLE) !== 0, bytes: stat.size });
      } else
        throw new NodeError(
          'UnsupportedFile',
          `${join(folder, path)} is neither file, folder nor link; name it in .zerothignore`,
        );
      if (entries.length > limits.entries || bytes > limits.bytes)
        throw new NodeError(
          'ImageTooLarge',
          `${folder} holds more than ${limits.entries} entries or ${Math.round(limits.bytes / 1024 ** 2)} MiB; ` +
            'name what is not needed in .zerothignore',
        );
    }
  }
  return withParents(entries).sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/** Copies the entries to `target` (exists, empty) and returns `sha256:…` of what was written. */
export async function packFolder(folder: string, entries: readonly Entry[], target: string): Promise<string> {
  for (const entry of entries) if (entry.type === 'folder') await mkdir(join(target, entry.path), { mode: 0o755 });
  const hashes = new Map<string, string>();
  const rest = entries.filter((entry) => entry.type !== 'folder');
  let next = 0;
  const work = async (): Promise<void> => {
    for (let entry = rest[next++]; entry !== undefined; entry = rest[next++]) {
      const to = join(target, entry.path);
      if (entry.type === 'link') await symlink(entry.target, to);
      else {
        await copyFile(join(folder, entry.path), to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
        await chmod(to, entry.executable ? 0o755 : 0o644);
        // Of the copy, so that the digest is that of what will run even if the source changes meanwhile.
        hashes.set(entry.path, await hashFile(to));
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return digestOf(entries, hashes);
}

/** @param hashes of the files' contents, hex sha256, by path */
export function digestOf(entries: readonly Entry[], hashes: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update('zeroth-image 1\n');
  for (const entry of entries) {
    const detail =
      entry.type === 'file'
        ? [entry.executable ? 'x' : '-', hashes.get(entry.path) ?? '']
        : entry.type === 'link'
          ? [entry.target]
          : [];
    // JSON keeps the fields apart whatever the names hold.
    hash.update(JSON.stringify([entry.type, entry.path, ...detail]) + '\n');
  }
  return `sha256:${hash.digest('hex')}`;
}

async function ignoreRules(folder: string): Promise<IgnoreRules> {
  for (const name of ['.zerothignore', '.dockerignore']) {
    try {
      return parseIgnore(await readFile(join(folder, name), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return parseIgnore('');
}

/** An exception below an ignored folder brings the folder back. */
function withParents(entries: readonly Entry[]): Entry[] {
  const folders = new Set(entries.filter((entry) => entry.type === 'folder').map((entry) => entry.path));
  const missing: Entry[] = [];
  for (const { path } of entries) {
    for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
      const parent = path.slice(0, cut);
      if (folders.has(parent)) break;
      folders.add(parent);
      missing.push({ type: 'folder', path: parent });
    }
  }
  return [...entries, ...missing];
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
