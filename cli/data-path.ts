/**
 * Keeps one data-path process (activator, broker) running: starts it, learns its addresses over IPC, restarts it on
 * the same ports when it dies, and stops it by closing the channel, which also happens when we are killed.
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Logger } from '../kube/log.ts';
import { UsageError, CommandError } from './errors.ts';

export type Addresses = Readonly<Record<string, string>>;

export interface DataPathOptions {
  readonly name: string;
  /** The program's file. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** The variable that holds each address a child may report, so that a restart takes the same port. */
  readonly addressVariables: Readonly<Record<string, string>>;
  /** The flag of `zeroth up` that chooses its port, for the message when that is taken. */
  readonly portFlag?: string;
  readonly log: Logger;
  /** Takes whole lines of the child's output. */
  readonly write: (text: string) => void;
}

const FIRST_DELAY = 100;
const LONGEST_DELAY = 5_000;
const KILL_AFTER = 30_000;

export class DataPathProcess {
  readonly name: string;
  readonly #options: DataPathOptions;
  #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #addresses: Addresses = {};
  #stopping = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  readonly #restarts: (() => void)[] = [];
  readonly #listening = deferred();
  readonly #ready = deferred();

  constructor(options: DataPathOptions) {
    this.name = options.name;
    this.#options = options;
    this.#env = { ...options.env };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get addresses(): Addresses {
    return this.#addresses;
  }

  /** Resolves once its sockets are bound for the first time. Rejects when it cannot start. */
  get listening(): Promise<void> {
    return this.#listening.promise;
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  start(): this {
    this.#spawn();
    return this;
  }

  /** Called each time the process listens again after it was started anew. */
  onRestart(handler: () => void): void {
    this.#restarts.push(handler);
  }

  /** Closes the channel: the child drains and exits; killed when it takes over 30 s. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#retry);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER);
      child.once('exit', () => {
        clearTimeout(late);
        resolve();
      });
      if (child.connected) child.disconnect();
    });
  }

  #spawn(): void {
    const child = fork(this.#options.program, [], {
      env: { ...process.env, ...this.#env },
      // A small young generation: 57 → 36 MiB under load at the same processor time.
      execArgv: ['--max-semi-space-size=4'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // The terminal's Ctrl-C is ours to translate into a drain.
      detached: true,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) lines(stream, this.#options.write);
    child.on('message', (message) => this.#take(message));
    child.once('error', (error) => this.#fail(new CommandError(`cannot start the ${this.name}: ${error.message}`)));
    child.once('exit', (code, signal) => this.#ended(code, signal));
  }

  #take(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('type' in message)) return;
    if (message.type === 'listening' && 'addresses' in message) {
      this.#addresses = message.addresses as Addresses;
      for (const [name, variable] of Object.entries(this.#options.addressVariables)) {
        const address = this.#addresses[name];
        if (address !== undefined) this.#env[variable] = address;
      }
      for (const handler of this.#restarts) handler();
      this.#listening.resolve();
    } else if (message.type === 'ready') {
      this.#failures = 0;
      this.#ready.resolve();
    } else if (message.type === 'failed') {
      const text = 'message' in message ? String(message.message) : 'no reason given';
      const reason = 'reason' in message ? message.reason : undefined;
      const { portFlag } = this.#options;
      const hint = portFlag === undefined ? '' : `; choose another with ${portFlag} N (0 = any free one)`;
      const unusable = reason === 'EADDRINUSE' || reason === 'EACCES';
      const line = `the ${this.name} cannot start: ${text}`;
      this.#fail(unusable ? new UsageError(line + hint) : new CommandError(line));
    }
  }

  #fail(error: Error): void {
    this.#listening.reject(error);
    this.#ready.reject(error);
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#stopping) return;
    const how = signal ?? `exit code ${String(code)}`;
    if (code !== null && code !== 0)
      this.#fail(new CommandError(`the ${this.name} ended at start with ${how}; see the log`));
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures++);
    this.#options.log.error('data-path process ended, starting it again', { process: this.name, how, delay });
    this.#retry = setTimeout(() => this.#spawn(), this.#failures === 1 ? 0 : delay);
  }
}

interface Deferred {
  promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** A promise settled from outside; one that nobody awaits may fail unseen, the caller logs. */
function deferred(): Deferred {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

const LONGEST_LINE = 64 * 1024;

function lines(stream: NodeJS.ReadableStream | null, write: (text: string) => void): void {
  if (stream === null) return;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    rest += chunk;
    const end = rest.lastIndexOf('\n') + 1;
    if (end === 0 && rest.length < LONGEST_LINE) return;
    write(end === 0 ? rest + '\n' : rest.slice(0, end));
    rest = end === 0 ? '' : rest.slice(end);
  });
  stream.on('end', () => {
    if (rest !== '') write(rest + '\n');
  });
}
