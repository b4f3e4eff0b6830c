/** One process a data folder. A lock left by a process that is gone, even one whose pid was given away, is taken over. */
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { BrokerError, errnoOf } from '../../errors.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/** @throws BrokerError `FolderLocked` that names the holder */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = `${folder}/lock`;
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, own);
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        // A link appears whole or not at all, unlike a file that is created and then filled.
        await link(mine, path);
        return { release: () => rm(path, { force: true }) };
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      const held = await readFile(path, 'utf8').catch(() => '');
      const holder = parseHolder(held);
      if (holder !== undefined && isAlive(holder))
        throw new BrokerError(
          'FolderLocked',
          `${folder} is in use by process ${holder.pid}: stop it, or give this broker a folder of its own (BROKER_DATA_DIR)`,
        );
      const stale = `${path}.stale.${process.pid}`;
      await rename(path, stale).catch(() => undefined);
      // Another starter may have replaced the stale lock by its own in between: that one goes back.
      const taken = await readFile(stale, 'utf8').catch(() => held);
      if (taken !== held) await link(stale, path).catch(() => undefined);
      await rm(stale, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw new BrokerError('FolderLocked', `${folder} could not be locked: another process keeps taking the lock`);
}

interface Holder {
  readonly pid: number;
  readonly started: string | undefined;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number')
      return undefined;
    const started = 'started' in value && typeof value.started === 'string' ? value.started : undefined;
    return { pid: value.pid, started };
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.pid === process.pid) return holder.started === startOf(process.pid);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const started = startOf(holder.pid);
  return started === undefined || holder.started === undefined || started === holder.started;
}

/** When a process began, in the kernel's ticks; undefined where /proc does not tell. A zombie counts as gone. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : fields[19];
  } catch {
    return undefined;
  }
}
