/** A few shells in namespaces of their own that wait for a container to become; see shell.ts. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../../../../kube/clock.ts';
import { Fifos } from './fifos.ts';
import { withNetwork, type Isolation } from './machine.ts';
import { bindLine } from './mount-table.ts';
import { makePrivateFolders } from './private-folders.ts';
import { shellScript } from './shell.ts';

export interface Shell {
  readonly child: ChildProcess;
  /** Leader of its process group and session; the first of the isolating programs. */
  readonly leader: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What /etc/hosts shows inside. */
  readonly hosts: string;
  /** What /dev/termination-log shows inside, where the container has one of its own. */
  readonly terminationLog: string | undefined;
  /** What the folder of its service account shows inside, likewise. */
  readonly account: string | undefined;
  /** Holds the reason when the shell could not set up. */
  readonly failure: string;
  readonly folder: string;
}

export interface WarmShellOptions {
  readonly folder: string;
  readonly isolation: Isolation;
  /** `NAME=VALUE` that marks every process of this instance. */
  readonly marker: string;
  /** How many wait. */
  readonly size: number;
  readonly clock: Clock;
  /** Told of each process group that begins, and given a way to hear of its end. */
  readonly onSpawn: (leader: number, onExit: (heard: () => void) => void) => void;
}

/** Starting a process costs this one milliseconds (fork of a large process): not while a pod is starting. */
const REFILL_DELAY = 150;

export class WarmShells {
  readonly #options: WarmShellOptions;
  readonly #fifos: Fifos;
  readonly #waiting: Shell[] = [];
  readonly #script: string;
  #made = 0;
  #cancelRefill: (() => void) | undefined;
  #filling = false;
  #stopped = false;

  constructor(options: WarmShellOptions) {
    this.#options = options;
    this.#fifos = new Fifos(join(options.folder, 'pipes'));
    this.#script = shellScript(options.isolation);
  }

  /** Takes a waiting shell, or makes one. */
  async take(): Promise<Shell> {
    this.#refillLater();
    for (let shell = this.#waiting.shift(); shell !== undefined; shell = this.#waiting.shift())
      if (shell.child.exitCode === null && shell.child.signalCode === null) return inUse(shell);
    return inUse(await this.#make());
  }

  /** Makes one in a network of its own. */
  async takeWithNetwork(): Promise<Shell> {
    return inUse(await this.#make(withNetwork(this.#options.isolation)));
  }

  async fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      while (!this.#stopped && this.#waiting.length < this.#options.size) this.#waiting.push(await this.#make());
    } finally {
      this.#filling = false;
    }
    if (this.#stopped) this.#release();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRefill?.();
    this.#release();
  }

  #release(): void {
    for (const shell of this.#waiting.splice(0)) {
      shell.child.kill('SIGKILL');
      void rm(shell.folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  #refillLater(): void {
    this.#cancelRefill?.();
    if (this.#stopped) return;
    this.#cancelRefill = this.#options.clock.after(REFILL_DELAY, () => {
      // A machine that cannot start a process says so when a pod needs one.
      void this.fill().catch(() => undefined);
    });
  }

  async #make(isolating: readonly string[] = this.#options.isolation.argv): Promise<Shell> {
    const { marker } = this.#options;
    const folder = join(this.#options.folder, 'shells', String(this.#made++));
    mkdirSync(folder, { recursive: true });
    const hosts = join(folder, 'hosts');
    const failure = join(folder, 'failure');
    writeFileSync(hosts, '127.0.0.1 localhost\n');
    const own = this.#options.isolation.privateFolders ? makePrivateFolders(folder) : undefined;
    const table = join(folder, 'fstab');
    writeFileSync(table, `${bindLine(hosts, '/etc/hosts', 'bind')}\n${own?.table ?? ''}`);
    const [out, err] = [await this.#fifos.take(), await this.#fifos.take()];
    const [program = 'sh', ...args] = [...isolating, 'sh', '-c', this.#script, 'sh', table, failure];
    const [name, value] = marker.split('=', 2) as [string, string];
    const child = spawn(program, args, {
      detached: true,
      cwd: '/',
      env: { PATH: searchPath(), [name]: value },
      stdio: ['pipe', out?.writeFd ?? 'pipe', err?.writeFd ?? 'pipe'],
    });
    if (out !== undefined) Fifos.close(out);
    if (err !== undefined) Fifos.close(err);
    const stdout = out?.reader ?? child.stdout;
    const stderr = err?.reader ?? child.stderr;
    // The orders may not be read to the end when the shell fails to set up; its exit tells.
    child.stdin?.on('error', () => undefined);
    if (child.pid === undefined || stdout === null || stderr === null) {
      await new Promise((_, reject) => child.once('error', reject));
      throw new Error('a process without a pid and without an error');
    }
    child.on('error', () => undefined);
    this.#options.onSpawn(child.pid, (heard) => child.once('exit', heard));
    const shell = {
      child,
      leader: child.pid,
      stdout,
      stderr,
      hosts,
      terminationLog: own?.terminationLog,
      account: own?.account,
      failure,
      folder,
    };
    // A shell that waits must not keep the program from ending.
    for (const handle of handlesOf(shell)) handle.unref();
    return shell;
  }
}

/** mount(8) and pivot_root(8) are not on every user's path. */
function searchPath(): string {
  return `${process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'}:/usr/sbin:/sbin`;
}

function inUse(shell: Shell): Shell {
  for (const handle of handlesOf(shell)) handle.ref();
  return shell;
}

function handlesOf(shell: Shell): readonly { ref(): void; unref(): void }[] {
  const streams = [shell.stdout, shell.stderr, shell.child.stdin].filter((stream) => stream instanceof Socket);
  return [shell.child, ...streams];
}
