/**
 * Ways in and out of a network namespace that nobody had to be root to make. Sockets belong to the namespace they were
 * made in, whoever holds them: a program inside accepts on a listener from outside, and what it accepts inside is handed
 * out. One small process a container; only containers that cannot share the host's ports have it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect, createServer, Socket, type Server } from 'node:net';
import type { OwnNetwork } from '../runtime.ts';
import { enterNamespaces, type Isolation } from './machine.ts';

/** Runs inside the namespace. Told over IPC what to accept for whom; ends with its channel. */
const PROGRAM = `
const net = require('node:net');
// A server handed over accepts before it is ours to listen to: who comes then must not wait for nobody.
const emit = net.Server.prototype.emit;
net.Server.prototype.emit = function (name, ...args) {
  if (name !== 'connection' || this.listenerCount(name) > 0) return emit.call(this, name, ...args);
  args[0].destroy();
  return true;
};
function join(a, b) {
  a.allowHalfOpen = true;
  for (const [from, to] of [[a, b], [b, a]]) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}
process.on('message', (message, server) => {
  if (message.inward !== undefined)
    server.on('connection', (from) => join(from, net.connect({ port: message.inward, host: '127.0.0.1', allowHalfOpen: true })));
  for (const port of message.outward ?? []) {
    const inner = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      process.send({ host: socket.localAddress, port }, socket, () => {});
    });
    inner.on('error', () => {});
    inner.listen(port, '0.0.0.0');
  }
  if (message.last) process.send({ ready: true });
});
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => {});
`;

/** What a program inside may reach: this machine's loopback, where all of an instance lives. */
const REACHABLE = /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;
const START_TIME = 10_000;

export class NetworkBridge {
  readonly #child: ChildProcess;
  readonly #open = new Set<Socket>();

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * @param pid a process inside
   * @param env for the bridge's own process
   * @throws the system's error when an address is taken or the namespace is gone
   */
  static async open(
    pid: number,
    isolation: Isolation,
    network: OwnNetwork,
    env: Readonly<Record<string, string>>,
  ): Promise<NetworkBridge> {
    const death = isolation.deathSignal ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
    const enter = enterNamespaces(isolation, pid, ['net']);
    const node = [process.execPath, '--max-old-space-size=64', '--max-semi-space-size=2', '-e', PROGRAM];
    const [program = 'nsenter', ...args] = [...death, ...enter, ...node];
    const child = spawn(program, args, {
      cwd: '/',
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const bridge = new NetworkBridge(child);
    try {
      await bridge.#start(network);
      return bridge;
    } catch (error) {
      bridge.close();
      throw error;
    }
  }

  close(): void {
    this.#child.kill('SIGKILL');
    for (const socket of this.#open) socket.destroy();
  }

  async #start(network: OwnNetwork): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const ready = new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the way into a network namespace did not open')), START_TIME);
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error('the way into a network namespace has ended')));
      this.#child.on('message', (message, handle) => {
        if (isReady(message)) resolve();
        else if (handle instanceof Socket) this.#leadOut(message, handle);
      });
    });
    try {
      await Promise.race([ready, this.#tell(network)]);
      await ready;
    } finally {
      clearTimeout(timer);
    }
  }

  async #tell(network: OwnNetwork): Promise<void> {
    for (const { host, port, to } of network.listen) {
      const server = await listen(host, port);
      await this.#send({ inward: to }, server);
      // Its copy goes on accepting.
      server.close();
    }
    await this.#send({ outward: network.outward, last: true });
  }

  #send(message: object, handle?: Server): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.send(message, handle, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  #leadOut(message: unknown, from: Socket): void {
    const { host, port } = message as { host?: unknown; port?: unknown };
    from.on('error', () => from.destroy());
    if (typeof host !== 'string' || typeof port !== 'number' || !REACHABLE.test(host)) return void from.destroy();
    from.allowHalfOpen = true;
    const to = connect({ host, port, allowHalfOpen: true });
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        other.destroy();
      });
    }
  }
}

function isReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'ready' in message;
}

function listen(host: string, port: number): Promise<Server> {
  // Whoever comes before it is handed over must not wait for an answer that nobody will give.
  const server = createServer((early) => early.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve(server));
  });
}
