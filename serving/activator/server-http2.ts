/** HTTP/2 from clients that know beforehand (h2c, "prior knowledge"): gRPC above all. Loaded with the first of them. */
import { constants, createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Http2Server as NodeServer, Http2Stream, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Exchange, Framing, RequestHead, ResponseHead } from './exchange.ts';
import { endToEnd, headerOf, type HeaderList } from './headers.ts';
import { peerOf } from './server-http1.ts';

export interface Http2Options {
  readonly maxHeaderSize: number;
  /** ms a connection may stay without a request. */
  readonly keepAliveTimeout: number;
}

export interface Http2Handler {
  request(exchange: Exchange): void;
}

/** Streams a client may have open on one connection. */
const MAX_STREAMS = 250;
/** MB of state one connection may use. */
const MAX_SESSION_MEMORY = 10;

export class Http2Server {
  readonly #server: NodeServer;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(options: Http2Options, handler: Http2Handler) {
    this.#server = createServer({
      maxSessionMemory: MAX_SESSION_MEMORY,
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: options.maxHeaderSize, enablePush: false },
    });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => session.destroy());
      let open = 0;
      session.on('stream', (stream) => {
        open++;
        stream.once('close', () => open--);
      });
      session.setTimeout(options.keepAliveTimeout, () => {
        if (open === 0) session.close();
      });
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#server.on('stream', (stream, headers) => {
      // A broken client shows as `close`; its error says nothing more.
      stream.on('error', () => undefined);
      const head = headOf(stream, headers);
      if (head === undefined) stream.respond({ ':status': 400 }, { endStream: true });
      else handler.request(new Http2Exchange(head, stream));
    });
  }

  /** Takes over a connection whose first bytes were the preface. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Tells every client to send no more on its connection, which ends behind the last answer. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }
}

function headOf(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): RequestHead | undefined {
  const method = headers[':method'];
  const target = headers[':path'];
  if (method === undefined || method === 'CONNECT' || target === undefined) return undefined;
  if (!(target.startsWith('/') || (target === '*' && method === 'OPTIONS')) || /[^\x21-\x7e\x80-\xff]/.test(target))
    return undefined;
  const socket = stream.session?.socket;
  return {
    method,
    target,
    authority: headers[':authority'] ?? headers.host ?? '',
    scheme: stream.session?.encrypted === true ? 'https' : 'http',
    protocol: 'HTTP/2',
    headers: toList(headers),
    peer: socket === undefined ? '' : peerOf(socket),
  };
}

/** Header objects of node's HTTP/2 as a list, without pseudo headers. */
export function toList(headers: IncomingHttpHeaders): string[] {
  const list: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) list.push(name, one);
    else list.push(name, value);
  }
  return list;
}

/** A list as node's HTTP/2 takes it: lower-case names, several values as an array. */
export function toObject(headers: HeaderList): OutgoingHttpHeaders {
  const object: Record<string, string | string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const value = headers[i + 1]!;
    const before = object[name];
    if (before === undefined) object[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else object[name] = SINGLE.has(name) ? before : [before, value];
  }
  return object;
}

/** Ends a stream with its trailers, or by a reset when they are nothing HTTP/2 can say. */
export function sendTrailers(stream: Http2Stream, trailers: HeaderList): void {
  try {
    stream.sendTrailers(toObject(endToEnd(trailers)));
  } catch {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/** Headers that node refuses to send twice. */
const SINGLE: ReadonlySet<string> = new Set(
  'age authorization content-encoding content-language content-length content-location content-md5 content-range content-type date dnt etag expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards range referer retry-after tk user-agent x-content-type-options'.split(
    ' ',
  ),
);

class Http2Exchange implements Exchange {
  readonly head: RequestHead;
  readonly framing: Framing;
  readonly #stream: ServerHttp2Stream;
  #requestTrailers: HeaderList = [];
  #responseTrailers: HeaderList = [];
  #lengthKnown = false;

  constructor(head: RequestHead, stream: ServerHttp2Stream) {
    this.head = head;
    this.#stream = stream;
    if (stream.endAfterHeaders) this.framing = 'none';
    else this.framing = headerOf(head.headers, 'content-length') === undefined ? 'chunked' : 'length';
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (this.#requestTrailers = toList(trailers)));
    stream.on('wantTrailers', () => sendTrailers(stream, this.#responseTrailers));
  }

  get body(): Readable {
    return this.#stream;
  }

  get responded(): boolean {
    return this.#stream.headersSent;
  }

  get openEnded(): boolean {
    return !this.#lengthKnown && this.#stream.writable;
  }

  trailers(): HeaderList {
    return this.#requestTrailers;
  }

  isWhole(): boolean {
    return (this.#stream.rstCode ?? 0) === constants.NGHTTP2_NO_ERROR && !this.#stream.aborted;
  }

  inform(status: number, headers: HeaderList): void {
    if (this.#stream.headersSent || this.#stream.destroyed) return;
    this.#stream.additionalHeaders({ ':status': status, ...toObject(headers) });
  }

  respond(head: ResponseHead): Writable {
    this.#lengthKnown = headerOf(head.headers, 'content-length') !== undefined;
    if (!this.#stream.destroyed)
      this.#stream.respond({ ':status': head.status, ...toObject(head.headers) }, { waitForTrailers: true });
    return this.#stream;
  }

  /** Heads leave at once by themselves. */
  flush(): void {}

  addTrailers(trailers: HeaderList): void {
    this.#responseTrailers = trailers;
  }

  abort(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  onClose(listener: (complete: boolean) => void): void {
    this.#stream.once('close', () => listener(this.#stream.writableFinished && this.isWhole()));
  }
}
