/** Memory and processor time of a process and all its descendants, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** User and system time, seconds. */
  readonly cpu: number;
}

const TICKS = 100;

export function processTree(root: number): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((process) => process !== undefined);
  const tree = all.filter((process) => process.pid === root);
  for (let i = 0; i < tree.length; i++) tree.push(...all.filter((process) => process.parent === tree[i]?.pid));
  return tree;
}

/** Proportional set size of the processes together, MiB. */
export function pssOf(processes: readonly Process[]): number {
  return processes.reduce((sum, { pid }) => sum + pss(pid), 0);
}

export function cpuOf(processes: readonly Process[]): number {
  return processes.reduce((sum, process) => sum + process.cpu, 0);
}

function pss(pid: number): number {
  try {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const fields = stat.slice(end + 2).split(' ');
    const time = Number(fields[11]) + Number(fields[12]);
    return { pid, parent: Number(fields[1]), command: stat.slice(stat.indexOf('(') + 1, end), cpu: time / TICKS };
  } catch {
    return undefined;
  }
}
