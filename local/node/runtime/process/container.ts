/** One container as a process group in its namespaces. */
import {
  closeSync,
  constants as file,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../../../../kube/clock.ts';
import type { CommandOptions, ContainerCounters, ContainerSpec, Exit, Listener, RunningContainer } from '../runtime.ts';
import { writeAtomically, type FileSet } from '../../volume/atomic-folder.ts';
import { runCommand } from './command.ts';
import type { ControlGroup } from './control-groups.ts';
import type { Isolation } from './machine.ts';
import { watchMemory } from './memory-watch.ts';
import {
  catchesTermination,
  childrenOf,
  cpuSecondsOf,
  descendantsOf,
  isAlive,
  memoryOf,
  residentOf,
  socketsOf,
  statOf,
  tcpSockets,
} from './proc.ts';
import type { Shell } from './warm-shells.ts';

/** How long output may follow the exit: a process that left the group may hold the pipe. */
const OUTPUT_AFTER_EXIT = 500;
/** How often a terminating container is looked at: does any process that handles SIGTERM remain? In ms. */
const TERMINATION_CHECK = 50;
const SETUP_FAILED = 125;
/** Of a termination log, as the kubelet. */
const LAST_WORDS_BYTES = 4096;

export class ProcessContainer implements RunningContainer {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<Exit>;
  readonly #shell: Shell;
  readonly #spec: ContainerSpec;
  readonly #isolation: Isolation;
  readonly #prefix: readonly string[];
  readonly #group: ControlGroup | undefined;
  #firstPid: number | undefined;
  #gone = false;
  #terminating: NodeJS.Timeout | undefined;
  #terminated = false;
  /** Killed for what it used. */
  #overLimit = false;

  /** @param prefix programs that stand before any command run inside (a change of user) */
  constructor(
    shell: Shell,
    spec: ContainerSpec,
    isolation: Isolation,
    prefix: readonly string[],
    group: ControlGroup | undefined,
    clock: Clock,
  ) {
    this.#shell = shell;
    this.#spec = spec;
    this.#isolation = isolation;
    this.#prefix = prefix;
    this.#group = group;
    this.stdout = shell.stdout;
    this.stderr = shell.stderr;
    this.exited = this.#watchExit();
    const { memoryLimit } = spec;
    if (group === undefined && memoryLimit !== undefined && memoryLimit > 0) this.#watchMemory(memoryLimit, clock);
  }

  pid(): number | undefined {
    const first = this.#first();
    if (first === undefined || !this.#isolation.pidNamespace) return first;
    return childrenOf(first)[0];
  }

  /** A process in its namespaces, as soon as there is one. @throws Error when it has ended before */
  async inside(): Promise<number> {
    for (;;) {
      const pid = this.#first();
      if (pid !== undefined) return pid;
      if (this.#gone) throw new Error('the container has ended');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  terminate(): void {
    if (this.#gone || this.#terminated) return;
    this.#terminated = true;
    let told = '';
    let polite: { readonly pid: number; readonly since: number | undefined }[] = [];
    const step = (): void => {
      if (this.#gone) return;
      const main = this.pid();
      const identity = main === undefined ? told : `${main} ${statOf(main)?.startTime ?? ''}`;
      if (main !== undefined && identity !== told) {
        // While the shell still sets up, its helpers come and go in the program's place, and then the program.
        told = identity;
        // A program that handles SIGTERM is responsible for its children, as in any container. A wrapper that does not
        // would die first and take with it who is ending in good order.
        const handlers = catchesTermination(main) ? [main] : this.#processes().filter(catchesTermination);
        polite = handlers.map((pid) => ({ pid, since: statOf(pid)?.startTime }));
        for (const pid of handlers) signal(pid, 'SIGTERM');
      }
      const waits = polite.some(({ pid, since }) => isAlive(pid) && statOf(pid)?.startTime === since);
      if (!waits) for (const pid of this.#processes()) signal(pid, 'SIGTERM');
      this.#terminating = setTimeout(step, TERMINATION_CHECK);
    };
    step();
  }

  kill(): void {
    if (this.#gone) return;
    clearTimeout(this.#terminating);
    if (!this.#isolation.pidNamespace) for (const pid of descendantsOf(this.#shell.leader)) signal(pid, 'SIGKILL');
    signal(-this.#shell.leader, 'SIGKILL');
  }

  listeners(): Listener[] {
    const pids = this.#processes();
    const first = pids[0];
    if (first === undefined) return [];
    const sockets = tcpSockets(first).filter((socket) => socket.listening);
    const own = socketsOf(pids);
    return sockets.filter((socket) => own.has(socket.inode)).map((socket) => socket.local);
  }

  connections(): number {
    const pids = this.#processes();
    const first = pids[0];
    if (first === undefined) return 0;
    const ports = new Set(this.listeners().map((listener) => listener.port));
    return tcpSockets(first).filter((socket) => socket.established && ports.has(socket.local.port)).length;
  }

  async counters(): Promise<ContainerCounters | undefined> {
    if (this.#gone) return undefined;
    const { leader } = this.#shell;
    // The shells that wait too: what their ended children used is counted with them.
    const pids = [leader, ...descendantsOf(leader)];
    const cpuSeconds = pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
    let memoryBytes = 0;
    for (const pid of pids) memoryBytes += await memoryOf(pid);
    return this.#gone ? undefined : { cpuSeconds, memoryBytes };
  }

  setHosts(text: string): void {
    // The same inode, because that is what is mounted; one write, so that a reader sees the old or the new.
    const fd = openSync(this.#shell.hosts, 'r+');
    try {
      const bytes = Buffer.from(text);
      writeSync(fd, bytes, 0, bytes.length, 0);
      ftruncateSync(fd, bytes.length);
    } finally {
      closeSync(fd);
    }
  }

  setAccount({ files, version }: FileSet): void {
    const { account } = this.#shell;
    if (account !== undefined && !this.#gone) writeAtomically(account, files, version);
  }

  command(argv: readonly string[], options: CommandOptions): Promise<number> {
    const pid = this.#first();
    if (pid === undefined) return Promise.reject(new Error('the container is not running'));
    const ownNetwork = this.#spec.network !== undefined;
    const inside = { pid, isolation: this.#isolation, prefix: this.#prefix, env: this.#spec.env, ownNetwork };
    const workingDir = this.#spec.workingDir ?? this.#spec.imageFolder ?? '/';
    return runCommand(argv, { ...inside, workingDir }, options);
  }

  /** Process 1 of its namespace, which is a shell that waits; without one, the program itself. */
  #first(): number | undefined {
    if (this.#gone) return undefined;
    if (!this.#isolation.pidNamespace) return this.#shell.leader;
    this.#firstPid ??= childrenOf(this.#shell.leader)[0];
    return this.#firstPid;
  }

  /** The program and all that it has started. */
  #processes(): number[] {
    const first = this.#first();
    if (first === undefined) return [];
    const below = descendantsOf(first);
    return (this.#isolation.pidNamespace ? below : [first, ...below]).filter(isAlive);
  }

  #watchMemory(limit: number, clock: Clock): void {
    const use = {
      atMost: () => this.#processes().reduce((sum, pid) => sum + residentOf(pid), 0),
      exactly: async () => (await Promise.all(this.#processes().map(memoryOf))).reduce((sum, bytes) => sum + bytes, 0),
    };
    const stop = watchMemory(limit, use, clock, () => {
      this.#overLimit = true;
      this.kill();
    });
    void this.exited.then(stop);
  }

  async #watchExit(): Promise<Exit> {
    const { child, failure, folder } = this.#shell;
    const [code, byName] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve([child.exitCode, child.signalCode]);
      else child.once('exit', (status, name) => resolve([status, name]));
    });
    this.#gone = true;
    clearTimeout(this.#terminating);
    await this.#drain();
    const oomKilled = this.#overLimit ? true : this.#group?.oomKilled();
    this.#group?.remove();
    // A shell that is ended while it still sets up takes that for a failure.
    const lastWords = this.#lastWords();
    const startError = code === SETUP_FAILED && !this.#terminated ? readText(failure) : undefined;
    void rm(folder, { recursive: true, force: true }).catch(() => undefined);
    if (startError !== undefined) return { code: 128, startError };
    if (this.#terminated && code === SETUP_FAILED)
      return { code: 128 + constants.signals.SIGTERM, signal: constants.signals.SIGTERM };
    const number = byName === null ? undefined : constants.signals[byName];
    const end = { oomKilled, ...(lastWords === undefined ? {} : { lastWords }) };
    return number === undefined ? { code: code ?? 0, ...end } : { code: 128 + number, signal: number, ...end };
  }

  #lastWords(): string | undefined {
    const { terminationLog } = this.#shell;
    if (terminationLog === undefined || this.#spec.terminationLog === undefined) return undefined;
    return readEnd(terminationLog, LAST_WORDS_BYTES);
  }

  async #drain(): Promise<void> {
    const streams = [this.stdout, this.stderr].filter((stream) => !stream.closed && !stream.readableEnded);
    let timer: NodeJS.Timeout | undefined;
    // After a busy spell the timer comes before what the pipes hold: let those be read first.
    const late = new Promise<void>((resolve) => (timer = setTimeout(() => setImmediate(resolve), OUTPUT_AFTER_EXIT)));
    // Late or broken: what came is what there is.
    await Promise.race([Promise.allSettled(streams.map((stream) => finished(stream))), late]);
    clearTimeout(timer);
    for (const stream of [this.stdout, this.stderr]) stream.destroy();
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

function readText(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The container may have put anything in the file's place: no link is followed and nothing waited for. */
function readEnd(path: string, bytes: number): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, file.O_RDONLY | file.O_NOFOLLOW | file.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size === 0) return undefined;
    const end = Buffer.alloc(Math.min(bytes, stat.size));
    return end.subarray(0, readSync(fd, end, 0, end.length, stat.size - end.length)).toString('utf8');
  } finally {
    closeSync(fd);
  }
}
