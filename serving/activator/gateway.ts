/**
 * The listeners, plain and TLS. A connection's first bytes, or ALPN, say what it speaks: HTTP/2 goes to the HTTP/2 server
 * (loaded when the first such client comes), anything else to the HTTP/1.1 server.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Exchange } from './exchange.ts';
import type { Http2Server } from './server-http2.ts';
import { Http1Server, refuse, type Http1Options, type UpgradeRequest } from './server-http1.ts';
import type { ListenAddress } from './settings.ts';
import { createSecureListener, HTTP2, type CertificateFor } from './tls.ts';

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

  /** @param certificateFor makes it a TLS listener */
  constructor(options: GatewayOptions, handler: GatewayHandler, certificateFor?: CertificateFor) {
    this.#options = options;
    this.#handler = handler;
    this.#http1 = new Http1Server(options, handler);
    if (certificateFor === undefined)
      this.#listener = createServer({ noDelay: true }, (socket) => {
        this.#track(socket);
        this.#decide(socket);
      });
    else this.#listener = this.#secureListener(certificateFor);
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

  #track(socket: Socket): void {
    this.#connections.add(socket);
    this.#undecided.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#undecided.delete(socket);
    });
  }

  /** Connections are the sockets below TLS; those in handshake are undecided too. */
  #secureListener(certificateFor: CertificateFor): Server {
    const listener = createSecureListener(certificateFor, this.#options.headerTimeout);
    const handshakes = new Map<string, Socket>();
    listener.on('connection', (raw) => {
      const key = peerKey(raw);
      this.#track(raw);
      handshakes.set(key, raw);
      raw.once('close', () => handshakes.delete(key));
    });
    // Who does not come through the handshake was no client of ours: nothing to answer, and scanners would fill a log.
    listener.on('tlsClientError', (_, socket) => socket.destroy());
    listener.on('secureConnection', (socket) => {
      const key = peerKey(socket);
      const raw = handshakes.get(key);
      if (raw !== undefined) this.#undecided.delete(raw);
      handshakes.delete(key);
      if (this.#draining) socket.destroy();
      else if (socket.alpnProtocol === HTTP2) void this.#toHttp2(socket);
      else {
        this.#undecided.add(socket);
        socket.once('close', () => this.#undecided.delete(socket));
        this.#decide(socket);
      }
    });
    return listener;
  }

  #decide(socket: Socket): void {
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

/** One connection of a listener. */
function peerKey({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
