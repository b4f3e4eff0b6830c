/**
 * One process a folder. On Linux an abstract socket named after the folder is the lock: it vanishes with its process,
 * however that ends. Everywhere a file `lock` says who holds it, and is the lock where there are no abstract sockets.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { StoreError } from '../errors.ts';

interface Holder {
  readonly pid: number;
  /** Start of the process in the kernel's ticks since boot; '' where that cannot be read. */
  readonly started: string;
}

/** @returns the release. @throws StoreError `locked` */
export async function lockFolder(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, 'lock');
  const guard = process.platform === 'linux' ? await holdSocket(dir, path) : undefined;
  const own: Holder = { pid: process.pid, started: startOf(process.pid) };
  const draft = `${path}.${process.pid}`;
  try {
    await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
    for (let attempt = 0; ; attempt++) {
      try {
        await link(draft, path);
        break;
      } catch (error) {
        if (!isCode(error, 'EEXIST')) throw error;
      }
      const holder = await readHolder(path);
      const taken = holder !== undefined && holder.pid !== process.pid && isAlive(holder);
      if (taken || (holder?.pid === process.pid && guard === undefined) || attempt >= 3) throw locked(dir, holder);
      await rm(path, { force: true });
    }
  } catch (error) {
    await closeServer(guard);
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    await rm(path, { force: true });
    await closeServer(guard);
  };
}

async function holdSocket(dir: string, path: string): Promise<Server> {
  const { dev, ino } = await stat(dir, { bigint: true });
  const name = createHash('sha256').update(`zeroth-api-store ${dev}:${ino}`).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(`\0zeroth-${name}`, resolve);
    });
  } catch (error) {
    if (isCode(error, 'EADDRINUSE')) throw locked(dir, await readHolder(path));
    throw error;
  }
  return server.unref();
}

function closeServer(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof holder !== 'object' || holder === null || !('pid' in holder) || !('started' in holder)) return undefined;
    return typeof holder.pid === 'number' && typeof holder.started === 'string'
      ? { pid: holder.pid, started: holder.started }
      : undefined;
  } catch {
    // Gone or half-written by a process that died: nobody to name.
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
  }
  return holder.started === '' || startOf(holder.pid) === holder.started;
}

/** A zombie has ended; its parent has only not yet asked how, which in a container may be never. */
function startOf(pid: number): string {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function locked(dir: string, holder: Holder | undefined): StoreError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  return new StoreError('locked', `${dir} is in use by ${who}; stop that zeroth first, or choose another folder`);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
