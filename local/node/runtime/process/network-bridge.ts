/**
 * Ways in and out of a network namespace that nobody had to be root to make. Sockets belong to the namespace they were
 * made in, whoever holds them: a program inside accepts on a listener from outside, and what it accepts inside is handed
 * out. One small process a container; only containers that cannot share the host's ports have it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect, createServer, Socket, type Server } from 'node:net';
import type { OwnNetwork } from '../runtime.ts';
import { enterNamespaces, type Isolation } from './machine.ts';

/** Loopback answers at once, or a backlog is full and it never does; ms. */
const CONNECT_TIME = 3_000;

/** Runs inside the namespace. Says that it is up, is told over IPC what to accept for whom; ends with its channel. */
const PROGRAM = `
const net = require('node:net');
// Should a server that is handed over accept before it is listened to: who comes then must not wait for nobody.
const emit = net.Server.prototype.emit;
net.Server.prototype.emit = function (name, ...args) {
  if (name !== 'connection' || this.listenerCount(name) > 0) return emit.call(this, name, ...args);
  args[0].destroy();
  return true;
};
function join(a, port) {
  a.allowHalfOpen = true;
  const b = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const late = setTimeout(() => b.destroy(), ${CONNECT_TIME});
  for (const name of ['connect', 'close']) b.once(name, () => clearTimeout(late));
  for (const [from, to] of [[a, b], [b, a]]) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    // What was read to its end is written to its end.
    from.on('close', () => from.readableEnded || to.destroy());
  }
}
process.on('message', (message, server) => {
  if (message.inward !== undefined)
    server.on('connection', (from) => join(from, message.inward));
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
process.send({ up: true });
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

  /** @param heard called when it ends by itself: nothing leads in or out any more */
  onEnd(heard: () => void): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) heard();
    else this.#child.once('exit', heard);
  }

  close(): void {
    this.#child.kill('SIGKILL');
    for (const socket of this.#open) socket.destroy();
  }

  async #start(network: OwnNetwork): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let isUp: (() => void) | undefined;
    const up = new Promise<void>((resolve) => (isUp = resolve));
    const ready = new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the way into a network namespace did not open')), START_TIME);
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error('the way into a network namespace has ended')));
      this.#child.on('message', (message, handle) => {
        if (says(message, 'up')) isUp?.();
        else if (says(message, 'ready')) resolve();
        else if (handle instanceof Socket) this.#leadOut(message, handle);
      });
    });
    try {
      // A listener on its way to a program that is still starting would let connections wait.
      await Promise.race([ready, up.then(() => this.#tell(network))]);
      await ready;
    } finally {
      clearTimeout(timer);
    }
  }

  async #tell(network: OwnNetwork): Promise<void> {
    for (const { host, port, to } of network.listen) {
      const server = await listen(host, port);
      const close = (): void => void server.close();
      // A message to a program that has ended may never count as sent.
      this.#child.once('exit', close);
      try {
        await this.#send({ inward: to }, server);
      } finally {
        // Its copy goes on accepting.
        this.#child.off('exit', close);
        close();
      }
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
    const late = setTimeout(() => to.destroy(), CONNECT_TIME);
    for (const name of ['connect', 'close']) to.once(name, () => clearTimeout(late));
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        if (!one.readableEnded) other.destroy();
      });
    }
  }
}

function says(message: unknown, word: string): boolean {
  return typeof message === 'object' && message !== null && word in message;
}

function listen(host: string, port: number): Promise<Server> {
  // Whoever comes before it is handed over must not wait for an answer that nobody will give.
  const server = createServer((early) => early.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve(server));
  });
}
