/**
 * HTTP/1.1 from clients. Parsing is node's strict parser; what it lets through and a proxy must not (two Hosts, a Host
 * that differs from an absolute target) is refused here.
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Exchange, Framing, RequestHead, ResponseHead } from './exchange.ts';
import { countOf, headerOf, without, type HeaderList } from './headers.ts';

export interface Http1Options {
  /** Bytes of request head; more is answered 431. */
  readonly maxHeaderSize: number;
  /** ms from the first byte of a request to the end of its head; later is answered 408. */
  readonly headerTimeout: number;
  /** ms a connection may stay without a request. */
  readonly keepAliveTimeout: number;
}

export interface Http1Handler {
  request(exchange: Exchange): void;
  upgrade(upgrade: UpgradeRequest): void;
}

/** A request to switch protocols: the relay takes over the socket. */
export interface UpgradeRequest {
  readonly head: RequestHead;
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that came behind the head. */
  readonly rest: Buffer;
}

/** Requests sent ahead on one connection without waiting for answers. */
const MAX_PIPELINED = 100;
/** What of an unread request body is still swallowed after the answer, so that the client gets to see it. */
const LINGER_BYTES = 1 << 20;
const LINGER_MS = 2000;
const TRAILER: ReadonlySet<string> = new Set(['trailer']);

interface Connection {
  readonly open: Set<Http1Exchange>;
  responding: boolean;
  isDraining(): boolean;
}

export class Http1Server {
  readonly #server: Server;
  readonly #handler: Http1Handler;
  readonly #connections = new WeakMap<Duplex, Connection>();
  #draining = false;

  constructor(options: Http1Options, handler: Http1Handler) {
    this.#handler = handler;
    const server = createServer({
      maxHeaderSize: options.maxHeaderSize,
      headersTimeout: options.headerTimeout,
      requestTimeout: 0,
      keepAliveTimeout: options.keepAliveTimeout,
      connectionsCheckingInterval: Math.max(50, Math.min(1000, options.headerTimeout / 4)),
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    });
    server.maxHeadersCount = 0;
    const take = (message: IncomingMessage, response: ServerResponse): void => this.#take(message, response);
    server.on('request', take);
    // The pod decides whether the body is wanted: its 100 is relayed like any interim response.
    server.on('checkContinue', take);
    server.on('checkExpectation', (_message, response: ServerResponse) => {
      response.writeHead(417, { Connection: 'close' }).end();
    });
    server.on('connect', (_message, socket: Duplex) => refuse(socket, 405, 'CONNECT is not served here'));
    server.on('upgrade', (message, socket: Duplex, rest: Buffer) => this.#upgrade(message, socket, rest));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#fail(error, socket));
    // Sockets come from the gateway's listener; this is what makes node watch over slow and idle ones.
    server.emit('listening');
    this.#server = server;
  }

  accept(socket: Duplex): void {
    this.#server.emit('connection', socket);
  }

  /** Lets go of idle connections; the others end with their next response. */
  drain(): void {
    this.#draining = true;
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  #connectionOf(socket: Duplex): Connection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      const open = new Set<Http1Exchange>();
      connection = { open, responding: false, isDraining: () => this.#draining };
      this.#connections.set(socket, connection);
      // Node tells only the first of several pipelined responses that their socket is gone.
      socket.once('close', () => open.forEach((exchange) => exchange.close()));
    }
    return connection;
  }

  #take(message: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connectionOf(message.socket);
    if (connection.open.size >= MAX_PIPELINED) {
      message.socket.destroy();
      return;
    }
    const head = headOf(message);
    if (typeof head === 'string') {
      // What is read as the body's end may look like one more malformed request: one answer is enough.
      connection.responding = true;
      response.writeHead(400, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
      response.end(`${head}\n`);
      return;
    }
    const exchange = new Http1Exchange(head, message, response, connection);
    connection.open.add(exchange);
    this.#handler.request(exchange);
  }

  #upgrade(message: IncomingMessage, socket: Duplex, rest: Buffer): void {
    // Switching protocols behind an answer that is still owed would mix the two.
    if (this.#connectionOf(socket).open.size > 0) return void socket.destroy();
    const protocol = message.headers.upgrade?.trim().toLowerCase();
    if (protocol !== 'websocket' || message.method !== 'GET') {
      // An offer we do not take up (`h2c` by curl and Java clients, say): the request is an ordinary one.
      socket.pause();
      socket.unshift(Buffer.concat([headWithoutUpgrade(message), rest]));
      this.accept(socket);
      socket.resume();
      return;
    }
    const head = headOf(message);
    if (typeof head === 'string') refuse(socket, 400, head);
    else this.#handler.upgrade({ head, message, socket, rest });
  }

  #fail(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (!socket.writable || error.code === 'ECONNRESET' || this.#connections.get(socket)?.responding === true) {
      socket.destroy();
      return;
    }
    const [status, text] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'malformed request'];
    refuse(socket, status, text);
  }
}

function headWithoutUpgrade(message: IncomingMessage): Buffer {
  const connection = (message.headers.connection ?? '')
    .split(',')
    .map((token) => token.trim())
    .filter((token) => !['', 'upgrade', 'http2-settings'].includes(token.toLowerCase()));
  const headers = without(message.rawHeaders, new Set(['connection', 'upgrade', 'http2-settings']));
  if (connection.length > 0) headers.push('Connection', connection.join(', '));
  let text = `${message.method} ${message.url} HTTP/${message.httpVersion}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'request header fields too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request head did not arrive in time'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'chunk extensions too large'],
};

/** Answers on the bare socket and closes it. */
export function refuse(socket: Duplex, status: number, text: string, headers: HeaderList = []): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  const body = `${text}\n`;
  socket.on('error', () => socket.destroy());
  // What still comes is thrown away, so that the client's own end is noticed.
  socket.resume();
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(linger));
}

/** The request's head, or what is wrong with it. */
function headOf(message: IncomingMessage): RequestHead | string {
  const headers = message.rawHeaders;
  if (countOf(headers, 'host') > 1) return 'more than one Host header';
  const codings = countOf(headers, 'transfer-encoding');
  // RFC 9112, 6.1: how a body ends must be beyond doubt, or two readers of one stream see different requests.
  if (codings > 0) {
    if (message.httpVersion === '1.0') return 'Transfer-Encoding in HTTP/1.0';
    if (codings > 1 || headerOf(headers, 'transfer-encoding')?.toLowerCase() !== 'chunked')
      return 'unknown Transfer-Encoding';
    if (countOf(headers, 'content-length') > 0) return 'Content-Length beside Transfer-Encoding';
  }
  if (countOf(headers, 'content-length') > 1) return 'more than one Content-Length';
  let authority = headerOf(headers, 'host') ?? '';
  let target = message.url ?? '/';
  if (!target.startsWith('/') && target !== '*') {
    const match = /^https?:\/\/([^/?#@]+)([/?][^#]*)?$/i.exec(target);
    if (match === null) return 'malformed request target';
    // RFC 9112, 3.2.2: the target's authority replaces the Host header.
    authority = match[1] ?? '';
    target = match[2] ?? '/';
    if (target.startsWith('?')) target = `/${target}`;
  }
  if (target === '*' && message.method !== 'OPTIONS') return 'malformed request target';
  // Visible ASCII only; node's client would refuse anything else, with a later and less clear error.
  if (/[^\x21-\x7e\x80-\xff]/.test(target)) return 'malformed request target';
  return {
    method: message.method ?? 'GET',
    target,
    authority,
    scheme: schemeOf(message.socket),
    protocol: message.httpVersion === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1',
    headers,
    peer: peerOf(message.socket),
  };
}

export function schemeOf(socket: Socket): 'http' | 'https' {
  return 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http';
}

export function peerOf(socket: Socket): string {
  const address = socket.remoteAddress ?? '';
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

class Http1Exchange implements Exchange {
  readonly head: RequestHead;
  readonly framing: Framing;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  readonly #listeners: ((complete: boolean) => void)[] = [];
  #lengthKnown = false;

  constructor(head: RequestHead, message: IncomingMessage, response: ServerResponse, connection: Connection) {
    this.head = head;
    this.#message = message;
    this.#response = response;
    this.#connection = connection;
    this.framing = framingOf(message);
    response.on('close', () => this.close());
    // A broken client shows as `close`; its error says nothing more.
    response.on('error', ignore);
    message.on('error', ignore);
  }

  get body(): Readable {
    return this.#message;
  }

  get responded(): boolean {
    return this.#response.headersSent;
  }

  get openEnded(): boolean {
    return !this.#lengthKnown && this.#response.writable;
  }

  trailers(): HeaderList {
    return this.#message.rawTrailers;
  }

  isWhole(): boolean {
    return this.#message.complete;
  }

  inform(status: number, headers: HeaderList): void {
    if (this.#response.headersSent || this.head.protocol === 'HTTP/1.0') return;
    if (status === 100) this.#response.writeContinue();
    else if (status === 102) this.#response.writeProcessing();
    else if (status === 103) {
      const hints: Record<string, string[]> = {};
      for (let i = 0; i < headers.length; i += 2) (hints[headers[i]!.toLowerCase()] ??= []).push(headers[i + 1]!);
      if (hints['link'] === undefined) return;
      try {
        this.#response.writeEarlyHints(hints);
      } catch {
        // Hints are optional, and node refuses some valid Link values.
      }
    }
  }

  respond(head: ResponseHead): Writable {
    this.#connection.responding = true;
    this.#lengthKnown = headerOf(head.headers, 'content-length') !== undefined;
    this.#response.sendDate = headerOf(head.headers, 'date') === undefined;
    const last = this.#connection.isDraining() ? ['Connection', 'close'] : [];
    // HTTP/1.0 knows no chunks, so no trailers: node refuses to announce them.
    const headers = this.head.protocol === 'HTTP/1.0' ? without(head.headers, TRAILER) : head.headers;
    // The phrase is given because node keeps that of a head it has refused.
    this.#response.writeHead(head.status, STATUS_CODES[head.status] ?? '', [...headers, ...last]);
    return this.#response;
  }

  /** A short body that is already there arrives, and ends, within the next ticks: one packet for all of it. */
  flush(): void {
    const { socket } = this.#response;
    if (socket === null || this.#response.writableEnded) return;
    socket.cork();
    this.#response.flushHeaders();
    process.nextTick(() => process.nextTick(() => socket.uncork()));
  }

  addTrailers(trailers: HeaderList): void {
    const pairs: [string, string][] = [];
    for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i]!, trailers[i + 1]!]);
    if (pairs.length > 0) this.#response.addTrailers(pairs);
  }

  abort(): void {
    this.#message.socket.destroy();
  }

  onClose(listener: (complete: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** The response is over, or its connection is. */
  close(): void {
    if (!this.#connection.open.delete(this)) return;
    this.#connection.responding = false;
    const complete = this.#response.writableFinished;
    for (const listener of this.#listeners) listener(complete);
    if (complete && !this.#message.readableEnded) this.#linger();
  }

  /** The answer came before the request was read to its end: swallow a little, then close. */
  #linger(): void {
    const { socket } = this.#message;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    let left = LINGER_BYTES;
    this.#message.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) socket.destroy();
    });
    this.#message.once('close', () => clearTimeout(timer));
    this.#message.resume();
  }
}

function framingOf(message: IncomingMessage): Framing {
  if (message.headers['transfer-encoding'] !== undefined) return 'chunked';
  const length = message.headers['content-length'];
  return length === undefined || length === '0' ? 'none' : 'length';
}

function ignore(): void {}
