/** A real instance: `zeroth up` from dist/ as a child process, in a state folder of its own, on free ports. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findKubectl } from '../kubectl.ts';

const run = promisify(execFile);
const PROGRAM = resolve('dist', 'zeroth.js');

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Instance {
  readonly state: string;
  readonly #child: ChildProcess;
  #output = '';
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly kubeconfig: string;
  readonly api: string;

  private constructor(
    state: string,
    child: ChildProcess,
    ready: { http: string; https: string; api: string; kubeconfig: string },
  ) {
    this.state = state;
    this.#child = child;
    this.httpPort = Number(new URL(ready.http).port);
    this.httpsPort = Number(new URL(ready.https).port);
    this.api = ready.api;
    this.kubeconfig = ready.kubeconfig;
  }

  /** @param state an existing folder to start again from; a new one when absent */
  static async start(
    flags: readonly string[] = [],
    state = mkdtempSync(join(tmpdir(), 'zeroth-e2e-')),
  ): Promise<Instance> {
    const child = spawn(
      process.execPath,
      [PROGRAM, 'up', '--state', state, '--http-port', '0', '--api-port', '0', ...flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnv() },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
    const file = join(state, 'ready.json');
    rmSync(file, { force: true });
    await eventually('zeroth up is ready', () => {
      if (child.exitCode !== null) throw new Error(`zeroth up ended with ${child.exitCode}: ${output}`);
      return existsSync(file);
    });
    const instance = new Instance(state, child, JSON.parse(readFileSync(file, 'utf8')));
    child.stdout?.on('data', (chunk) => (instance.#output += String(chunk)));
    instance.#output = output;
    return instance;
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get child(): ChildProcess {
    return this.#child;
  }

  /** What `run.json` says of the running instance. */
  get run(): { tokenFile: string; caFile: string; processes: { name: string; pid: number }[] } {
    return JSON.parse(readFileSync(join(this.state, 'run.json'), 'utf8'));
  }

  /** The pid of a data-path process: `activator` or `broker`. */
  pidOf(name: string): number {
    const pid = this.run.processes.find((one) => one.name === name)?.pid;
    if (pid === undefined) throw new Error(`no process ${name} in run.json`);
    return pid;
  }

  /** A request to the gateway for a host name; the name is not resolved. */
  fetch(
    host: string,
    options: {
      method?: string;
      path?: string;
      headers?: http.OutgoingHttpHeaders;
      body?: string | Buffer;
      timeout?: number;
    } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: '127.0.0.1',
          port: this.httpPort,
          method: options.method ?? 'GET',
          path: options.path ?? '/',
          headers: { Host: `${host}:${this.httpPort}`, ...options.headers },
          timeout: options.timeout ?? 30_000,
        },
        (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (body += chunk));
          response.on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        },
      );
      request.on('timeout', () => request.destroy(new Error(`no answer from ${host} in time`)));
      request.on('error', reject);
      request.end(options.body);
    });
  }

  /** Runs kubectl; a non-zero exit is returned, not thrown. */
  async kubectl(args: readonly string[], input?: string): Promise<Output> {
    const found = await findKubectl();
    if ('missing' in found) throw new Error(found.missing);
    return runProgram(found.path, args, input, { ...cleanEnv(), KUBECONFIG: this.kubeconfig });
  }

  /** Runs kubectl and throws when it fails. */
  async ok(args: readonly string[], input?: string): Promise<string> {
    const output = await this.kubectl(args, input);
    if (output.code !== 0)
      throw new Error(`kubectl ${args.join(' ')} failed (${output.code}): ${output.stderr}${output.stdout}`);
    return output.stdout;
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.ok([...args, '-o', 'json'])) as T;
  }

  /** Runs `zeroth VERB … --state STATE`. */
  zeroth(args: readonly string[], input?: string): Promise<Output> {
    return runProgram(process.execPath, [PROGRAM, ...args, '--state', this.state], input, cleanEnv());
  }

  /** Ends it as Ctrl-C would; waits. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGINT');
    await ended;
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Stops and removes the state. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.state, { recursive: true, force: true });
  }
}

export async function runProgram(
  program: string,
  args: readonly string[],
  input: string | undefined,
  env: NodeJS.ProcessEnv,
  timeout = 120_000,
): Promise<Output> {
  const promise = run(program, [...args], { env, maxBuffer: 64 * 1024 * 1024, timeout });
  promise.child.stdin?.on('error', () => undefined);
  promise.child.stdin?.end(input ?? '');
  try {
    return { code: 0, ...(await promise) };
  } catch (error) {
    const failed = error as { code?: number | string; stdout?: string; stderr?: string; message: string };
    return {
      code: typeof failed.code === 'number' ? failed.code : 1,
      stdout: failed.stdout ?? '',
      stderr: failed.stderr ?? failed.message,
    };
  }
}

/** The environment without what the test runner put there. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, TAP: __, KUBECONFIG: ___, ...env } = process.env;
  return env;
}

/** Waits until the check is true; throws what it last threw, or its name, at the deadline. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  deadline = 30_000,
): Promise<void> {
  const end = Date.now() + deadline;
  for (;;) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`not within ${deadline / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Pids of living processes whose command line or environment holds the text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return ['cmdline', 'environ'].some((file) => readFileSync(`/proc/${name}/${file}`, 'latin1').includes(text));
      } catch {
        return false;
      }
    })
    .map(Number);
}
