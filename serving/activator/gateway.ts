/**
 * The listeners. A connection's first bytes say what it speaks: the HTTP/2 preface goes to the HTTP/2 server (loaded
 * when the first such client comes), anything else to the HTTP/1.1 server.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Exchange } from './exchange.ts';
import type { Http2Server } from './server-http2.ts';
import { Http1Server, refuse, type Http1Options, type UpgradeRequest } from './server-http1.ts';
import type { ListenAddress } from './settings.ts';

export interface GatewayHandler {
  request(exchange: Exchange): void;
  upgrade(upgrade: UpgradeRequest): void;
}

export interface GatewayOptions extends Http1Options {
  readonly maxConnections: number;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const BACKLOG = 4096;

/** One listening address. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #handler: GatewayHandler;
  readonly #listener: Server;
  readonly #http1: Http1Server;
  readonly #connections = new Set<Socket>();
  readonly #undecided = new Set<Socket>();
  #http2: Promise<Http2Server> | undefined;
  #draining = false;

  constructor(options: GatewayOptions, handler: GatewayHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#http1 = new Http1Server(options, handler);
    this.#listener = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#listener.maxConnections = options.maxConnections;
  }

  /** @throws the system's error (`EADDRINUSE`, `EACCES`…) when the address cannot be had */
  listen(address: ListenAddress): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen({ ...address, backlog: BACKLOG }, () => {
        this.#listener.off('error', reject);
        resolve({ host: address.host, port: portOf(this.#listener.address()) });
      });
    });
  }

  /** Takes no new connection and lets go of idle ones; those with a request end behind it. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#listener.listening) this.#listener.close();
    this.#http1.drain();
    for (const socket of this.#undecided) socket.destroy();
    if (this.#http2 !== undefined) (await this.#http2).drain();
  }

  /** Cuts whatever is still open. */
  close(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  /** Connections now open. */
  get connections(): number {
    return this.#connections.size;
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    this.#undecided.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#undecided.delete(socket);
    });
    let seen: Buffer | undefined;
    const fail = (): void => {
      socket.destroy();
    };
    const late = (): void => {
      if (seen === undefined) socket.destroy();
      else refuse(socket, 408, 'the request head did not arrive in time');
    };
    const take = (chunk: Buffer): void => {
      seen = seen === undefined ? chunk : Buffer.concat([seen, chunk]);
      const compared = Math.min(seen.length, PREFACE.length);
      const matches = PREFACE.compare(seen, 0, compared, 0, compared) === 0;
      if (matches && compared < PREFACE.length) return;
      socket.off('data', take);
      socket.off('error', fail);
      socket.off('timeout', late);
      socket.setTimeout(0);
      this.#undecided.delete(socket);
      socket.pause();
      socket.unshift(seen);
      if (matches) void this.#toHttp2(socket);
      else this.#toHttp1(socket);
    };
    socket.on('error', fail);
    socket.setTimeout(this.#options.headerTimeout, late);
    socket.on('data', take);
  }

  #toHttp1(socket: Socket): void {
    this.#http1.accept(socket);
    socket.resume();
  }

  async #toHttp2(socket: Socket): Promise<void> {
    const fail = (): void => {
      socket.destroy();
    };
    socket.on('error', fail);
    this.#http2 ??= import('./server-http2.ts').then(
      ({ Http2Server }) => new Http2Server(this.#options, this.#handler),
    );
    try {
      const server = await this.#http2;
      if (this.#draining || socket.destroyed) socket.destroy();
      else server.accept(socket);
    } catch {
      this.#http2 = undefined;
      socket.destroy();
    }
    socket.off('error', fail);
  }
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
