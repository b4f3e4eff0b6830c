/** Runs a program inside a container that runs: kubectl exec, exec probes, preStop. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import type { CommandOptions } from '../runtime.ts';
import { enterNamespaces, type Isolation } from './machine.ts';
import { childrenOf } from './proc.ts';

export interface Inside {
  readonly pid: number;
  readonly isolation: Isolation;
  readonly prefix: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly ownNetwork: boolean;
}

const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Resolves with the exit status. Rejects when the program cannot start. */
export async function runCommand(argv: readonly string[], inside: Inside, options: CommandOptions): Promise<number> {
  const [program = 'sh', ...args] = commandLine(argv, inside, options.tty === true);
  const child = spawn(program, args, {
    cwd: '/',
    env: { ...inside.env },
    detached: true,
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => killGroup(child);
  options.signal.addEventListener('abort', kill, { once: true });
  if (options.signal.aborted) kill();
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (complaint.length < 1024) complaint += chunk.toString('utf8');
  });
  connect(child, options);
  if (options.tty === true) options.onResize?.((columns, rows) => void resize(child, columns, rows));
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(explain(error, options)));
      child.once('close', (status, name) => resolve(status ?? 128 + (name === null ? 0 : constants.signals[name])));
    });
    if ((code === NOT_FOUND || code === NOT_EXECUTABLE) && /: exec: /.test(complaint))
      throw new Error(complaint.trim().replace(/^sh: (\d+: )?/, ''));
    return code;
  } finally {
    options.signal.removeEventListener('abort', kill);
  }
}

/** The last program before the command is a shell with a constant text that changes folder and becomes the command. */
export function commandLine(argv: readonly string[], inside: Inside, tty: boolean): string[] {
  const { isolation, pid } = inside;
  const enter = enterNamespaces(isolation, pid, [
    ...(isolation.mountNamespace ? (['mnt'] as const) : []),
    ...(isolation.pidNamespace ? (['pid'] as const) : []),
    ...(isolation.utsNamespace ? (['uts'] as const) : []),
    ...(inside.ownNetwork ? (['net'] as const) : []),
  ]);
  const become = ['sh', '-c', 'cd "$1" || exit; shift; exec "$@"', 'sh', inside.workingDir, ...inside.prefix, ...argv];
  const death = isolation.deathSignal ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
  if (!tty) return [...death, ...enter, ...become];
  // script(1) gives the command a terminal; it takes a command line only as text, quoted here word by word.
  const text = [...enter, ...become].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return [...death, 'script', '--quiet', '--return', '--flush', '--command', `exec ${text}`, '/dev/null'];
}

/** The client tells its size at once, before the terminal is there; ms to wait for it. */
const TERMINAL_TIME = 5_000;

/** The terminal is that of script's child; the kernel tells the program in it. */
async function resize(child: ChildProcess, columns: number, rows: number): Promise<void> {
  const deadline = Date.now() + TERMINAL_TIME;
  let terminal = terminalOf(child);
  while (terminal === undefined && child.exitCode === null && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    terminal = terminalOf(child);
  }
  if (terminal === undefined) return;
  try {
    await promisify(execFile)('stty', ['-F', terminal, 'cols', String(columns), 'rows', String(rows)]);
  } catch {
    // Gone meanwhile, or no stty: the size stays as it is.
  }
}

function terminalOf(child: ChildProcess): string | undefined {
  const first = child.pid === undefined ? undefined : childrenOf(child.pid)[0];
  if (first === undefined) return undefined;
  try {
    const path = readlinkSync(`/proc/${first}/fd/0`);
    return path.startsWith('/dev/') ? path : undefined;
  } catch {
    return undefined;
  }
}

function explain(error: NodeJS.ErrnoException, options: CommandOptions): Error {
  if (error.code !== 'ENOENT' || options.tty !== true) return error;
  return new Error('a terminal session needs script(1) and setpriv(1) of util-linux on this machine; try without -t');
}

function connect(child: ChildProcess, options: CommandOptions): void {
  if (child.stdin !== null && options.stdin !== undefined) {
    // The command may end without reading: nothing to do about what was sent.
    child.stdin.on('error', () => undefined);
    options.stdin.pipe(child.stdin);
  }
  for (const [from, to] of [
    [child.stdout, options.stdout],
    [child.stderr, options.stderr],
  ] as const) {
    if (from === null) continue;
    if (to === undefined) from.resume();
    else {
      from.pipe(to, { end: false });
      to.on('error', () => from.resume());
    }
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
