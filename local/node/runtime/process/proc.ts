/** Reads /proc: children, signal masks, sockets. Everything answers "nothing" for a process that is gone. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Listener } from '../runtime.ts';

const SIGTERM_BIT = 1n << 14n;

/** Direct children, oldest first. */
export function childrenOf(pid: number): number[] {
  try {
    return numbers(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  } catch {
    // Kernels without CONFIG_PROC_CHILDREN: ask every process for its parent.
    return processIds().filter((other) => statOf(other)?.parent === pid);
  }
}

/** All descendants, children of a thread other than the first included where the kernel lists them. */
export function descendantsOf(pid: number): number[] {
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const thread of threadsOf(next)) {
      for (const child of thread === next ? childrenOf(next) : childrenOfThread(next, thread)) {
        found.push(child);
        open.push(child);
      }
    }
  }
  return found;
}

export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** Clock ticks since boot: with the pid, the identity of a process. */
  readonly startTime: number;
}

export function statOf(pid: number): ProcessStat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startTime: Number(fields[19]),
  };
}

/** Clock ticks a second; every Linux that Node runs on. */
const TICKS = 100;
/** Bytes of a page where the kernel does not tell the sum itself. */
const PAGE = 4096;

/** Seconds of processor time that a process has used, with those of its children that it has waited for. */
export function cpuSecondsOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return 0;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0) / TICKS;
}

/** Bytes that a process has in memory, what it shares with others included. */
export function residentOf(pid: number): number {
  return Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE;
}

/** Bytes of memory that are a process's own share (PSS); what it has in memory where the kernel does not tell. */
export async function memoryOf(pid: number): Promise<number> {
  try {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not permitted, not known to this kernel, or gone.
  }
  return residentOf(pid);
}

export function isAlive(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

export function catchesTermination(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return caught !== undefined && (BigInt(`0x${caught}`) & SIGTERM_BIT) !== 0n;
}

export function hasEnvironment(pid: number, entry: string): boolean {
  return read(`/proc/${pid}/environ`)?.split('\0').includes(entry) ?? false;
}

/** Inodes of the sockets that these processes hold. */
export function socketsOf(pids: readonly number[]): Set<string> {
  const inodes = new Set<string>();
  for (const pid of pids) {
    let names: string[] = [];
    try {
      names = readdirSync(`/proc/${pid}/fd`);
    } catch {
      continue;
    }
    for (const name of names) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1];
        if (inode !== undefined) inodes.add(inode);
      } catch {
        // Closed meanwhile.
      }
    }
  }
  return inodes;
}

export interface SocketLine {
  readonly local: Listener;
  readonly listening: boolean;
  readonly established: boolean;
  readonly inode: string;
}

/** The TCP sockets of the network namespace that `pid` is in. */
export function tcpSockets(pid: number): SocketLine[] {
  return [read(`/proc/${pid}/net/tcp`), read(`/proc/${pid}/net/tcp6`)].flatMap((text) => parseTcpTable(text ?? ''));
}

/** Source: Linux Documentation/networking/proc_net_tcp.rst; addresses are in host byte order, little-endian here. */
export function parseTcpTable(text: string): SocketLine[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [address, port] = (fields[1] ?? '').split(':');
      if (address === undefined || port === undefined || fields[9] === undefined) return [];
      const local = { address: parseAddress(address), port: parseInt(port, 16) };
      return [{ local, listening: fields[3] === '0A', established: fields[3] === '01', inode: fields[9] }];
    });
}

const V4_MAPPED = '0000000000000000FFFF0000';

function parseAddress(hex: string): string {
  if (hex.length === 8) return dotted(hex);
  if (/^0+$/.test(hex)) return '0.0.0.0';
  if (hex.startsWith(V4_MAPPED)) return dotted(hex.slice(24));
  return hex === '00000000000000000000000001000000' ? '::1' : `[${hex.toLowerCase()}]`;
}

function dotted(hex: string): string {
  return [6, 4, 2, 0].map((at) => parseInt(hex.slice(at, at + 2), 16)).join('.');
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

function childrenOfThread(pid: number, thread: number): number[] {
  return numbers(read(`/proc/${pid}/task/${thread}/children`) ?? '');
}

function numbers(text: string): number[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map(Number);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
