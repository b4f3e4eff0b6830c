/**
 * A state folder: what `zeroth up` writes for others to find it. `ready.json` is the public contract (present while
 * ready), `run.json` is our own (present while running).
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CommandError, errorCode } from './errors.ts';
import { messageOf } from '../kube/message.ts';

export interface Ready {
  /** URL of the HTTP gateway. */
  readonly http: string;
  /** URL of the gateway for https; it answers for names that have a certificate. */
  readonly https: string;
  /** File that the CA of the gateway's certificates is written to, once there are any. */
  readonly gatewayCa: string;
  /** URL of the API server. */
  readonly api: string;
  readonly kubeconfig: string;
  /** Root of the process tree. */
  readonly pid: number;
}

export interface Run {
  readonly pid: number;
  /** Start time of `pid` in clock ticks since boot, so that a reused pid is not taken for ours; '' where unknown. */
  readonly started: string;
  /** Addresses `HOST:PORT` of the data-path processes' admin listeners. */
  readonly admin: Readonly<Record<string, string>>;
  /** Files of the bearer token and of the API server's CA. */
  readonly tokenFile: string;
  readonly caFile: string;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

const NAME = '.zeroth';

export class StateFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = resolve(dir);
  }

  /** Where `up` keeps its state: --state, else $ZEROTH_STATE, else `.zeroth` here. */
  static own(dir: string | undefined): StateFolder {
    return new StateFolder(dir ?? process.env['ZEROTH_STATE'] ?? NAME);
  }

  /** The state the other verbs mean: like `own`, but `.zeroth` may also be in a folder above, as `.git` may. */
  static nearest(dir: string | undefined): StateFolder {
    if (dir !== undefined || process.env['ZEROTH_STATE'] !== undefined) return StateFolder.own(dir);
    for (let folder = process.cwd(); ; folder = dirname(folder)) {
      if (existsSync(join(folder, NAME))) return new StateFolder(join(folder, NAME));
      if (dirname(folder) === folder) return new StateFolder(NAME);
    }
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** Throws `CommandError` when the folder cannot be made or is a file. */
  create(): void {
    try {
      mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new CommandError(`cannot use ${this.dir} as state folder: ${messageOf(error)}`);
    }
  }

  writeReady(ready: Ready): void {
    this.#write('ready.json', ready);
  }

  writeRun(run: Run): void {
    this.#write('run.json', run);
  }

  clearReady(): void {
    rmSync(this.path('ready.json'), { force: true });
  }

  clearRun(): void {
    this.clearReady();
    rmSync(this.path('run.json'), { force: true });
  }

  ready(): Ready | undefined {
    return this.#read('ready.json') as Ready | undefined;
  }

  /** What runs here now; undefined when nothing does, whatever a killed process left behind. */
  running(): Run | undefined {
    const run = this.#read('run.json') as Run | undefined;
    return run !== undefined && processStart(run.pid) === run.started ? run : undefined;
  }

  #write(name: string, value: unknown): void {
    const path = this.path(name);
    writeFileSync(`${path}.new`, JSON.stringify(value) + '\n', { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  #read(name: string): unknown {
    try {
      return JSON.parse(readFileSync(this.path(name), 'utf8'));
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw new CommandError(`cannot read ${this.path(name)}: ${messageOf(error)}`);
    }
  }
}

/** The start time of a process, undefined when there is none. Where /proc is absent, '' for a living one. */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; its parent has only not yet asked how.
    return fields[0] === 'Z' ? undefined : (fields[19] ?? '');
  } catch {
    try {
      if (process.platform === 'linux') return undefined;
      process.kill(pid, 0);
      return '';
    } catch {
      return undefined;
    }
  }
}
