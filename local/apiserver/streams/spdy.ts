/**
 * The server's side of SPDY/3.1 over any byte stream: what kubectl port-forward and older exec speak, plainly or inside
 * a WebSocket. No flow control windows, as in Kubernetes: back-pressure is that of the connection.
 * Source: draft-mbelshe-httpbis-spdy-00 with the version 3.1 changes.
 */
import { Duplex } from 'node:stream';
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';

const CONTROL = 0x8003;
const [SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY] = [1, 2, 3, 6, 7] as const;
const FIN = 1;
const HEADER_BYTES = 8;
const PROTOCOL_ERROR = 1;
const MOST_STREAMS = 256;
const LARGEST_DATA = 64 * 1024;
const LARGEST_HEADERS = 64 * 1024;

export type Headers = ReadonlyMap<string, string>;

/** @param onStream called with each stream the client opens, once its headers are read */
export function serveSpdy(connection: Duplex, onStream: (stream: SpdyStream, headers: Headers) => void): void {
  new Session(connection, onStream).start();
}

export class SpdyStream extends Duplex {
  readonly id: number;
  readonly #session: Session;

  constructor(session: Session, id: number) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.#session = session;
  }

  override _read(): void {
    this.#session.resume(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#session.sendData(this.id, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#session.sendFrame(dataFrame(this.id, Buffer.alloc(0), FIN), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#session.forget(this);
    done(error);
  }

  /** Data of the client; undefined is its end. */
  receive(chunk: Buffer | undefined): void {
    if (this.destroyed || this.readableEnded) return;
    if (!this.push(chunk ?? null) && chunk !== undefined) this.#session.pause(this);
  }
}

class Session {
  readonly #connection: Duplex;
  readonly #onStream: (stream: SpdyStream, headers: Headers) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #paused = new Set<SpdyStream>();
  readonly #inflate: Inflate;
  readonly #deflate: Deflate;
  #unread: Buffer = Buffer.alloc(0);

  constructor(connection: Duplex, onStream: (stream: SpdyStream, headers: Headers) => void) {
    this.#connection = connection;
    this.#onStream = onStream;
    const dictionary = dictionaryOf();
    this.#inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH });
    this.#deflate = createDeflate({ dictionary });
  }

  start(): void {
    const end = (): void => this.#end();
    this.#connection.on('close', end).on('error', end).on('end', end);
    void this.#run().catch(end);
  }

  /** Headers share one compression state, so frames are taken strictly one after the other. */
  async #run(): Promise<void> {
    for await (const chunk of this.#connection as AsyncIterable<Buffer>) {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) await this.#take(frame);
      while (this.#paused.size > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #wake: () => void = () => undefined;

  pause(stream: SpdyStream): void {
    this.#paused.add(stream);
  }

  resume(stream: SpdyStream): void {
    if (this.#paused.delete(stream) && this.#paused.size === 0) this.#wake();
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id);
    this.resume(stream);
  }

  sendData(id: number, chunk: Buffer, done: (error?: Error | null) => void): void {
    const rest = chunk.subarray(LARGEST_DATA);
    this.sendFrame(dataFrame(id, chunk.subarray(0, LARGEST_DATA), 0), (error) => {
      if (error || rest.length === 0) done(error);
      else this.sendData(id, rest, done);
    });
  }

  sendFrame(frame: Buffer, done: (error?: Error | null) => void): void {
    if (this.#connection.writable) this.#connection.write(frame, done);
    else done(new Error('the connection is closed'));
  }

  #nextFrame(): Buffer | undefined {
    if (this.#unread.length < HEADER_BYTES) return undefined;
    const length = HEADER_BYTES + this.#unread.readUIntBE(5, 3);
    if (this.#unread.length < length) return undefined;
    const frame = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return frame;
  }

  async #take(frame: Buffer): Promise<void> {
    const flags = frame.readUInt8(4);
    const payload = frame.subarray(HEADER_BYTES);
    if (frame.readUInt16BE(0) !== CONTROL) {
      if (frame.readUInt8(0) & 0x80) throw new Error('a version of SPDY that is not 3');
      const stream = this.#streams.get(frame.readUInt32BE(0));
      if (stream === undefined) return;
      if (payload.length > 0) stream.receive(Buffer.from(payload));
      if (flags & FIN) stream.receive(undefined);
      return;
    }
    switch (frame.readUInt16BE(2)) {
      case SYN_STREAM:
        await this.#open(payload, flags);
        break;
      case RST_STREAM:
        this.#streams.get(payload.readUInt32BE(0))?.destroy();
        break;
      case PING:
        this.sendFrame(Buffer.from(frame), () => undefined);
        break;
      case GOAWAY:
      default:
      // Settings, windows and farewells change nothing here.
    }
  }

  async #open(payload: Buffer, flags: number): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const headers = parseHeaders(await through(this.#inflate, payload.subarray(10), LARGEST_HEADERS));
    if (this.#streams.size >= MOST_STREAMS || this.#streams.has(id)) {
      const reset = Buffer.alloc(8);
      reset.writeUInt32BE(id, 0);
      reset.writeUInt32BE(PROTOCOL_ERROR, 4);
      this.sendFrame(controlFrame(RST_STREAM, reset), () => undefined);
      return;
    }
    const stream = new SpdyStream(this, id);
    stream.on('error', () => undefined);
    this.#streams.set(id, stream);
    const reply = Buffer.alloc(4);
    reply.writeUInt32BE(id, 0);
    const noHeaders = await through(this.#deflate, Buffer.alloc(4), LARGEST_HEADERS);
    this.sendFrame(controlFrame(SYN_REPLY, Buffer.concat([reply, noHeaders])), () => undefined);
    if (flags & FIN) stream.receive(undefined);
    this.#onStream(stream, headers);
  }

  #end(): void {
    for (const stream of [...this.#streams.values()]) stream.destroy();
    this.#streams.clear();
    this.#paused.clear();
    this.#wake();
    this.#inflate.close();
    this.#deflate.close();
    this.#connection.destroy();
  }
}

function controlFrame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(CONTROL, 0);
  header.writeUInt16BE(type, 2);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

function dataFrame(id: number, chunk: Buffer, flags: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(id, 0);
  header.writeUInt8(flags, 4);
  header.writeUIntBE(chunk.length, 5, 3);
  return Buffer.concat([header, chunk]);
}

/** One block through a running compression: what comes out once it is flushed. */
function through(codec: Inflate | Deflate, block: Buffer, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) finish(new Error('the headers are too large'));
    };
    const finish = (error?: Error): void => {
      codec.off('data', onData).off('error', finish);
      if (error === undefined) resolve(Buffer.concat(chunks));
      else reject(error);
    };
    codec.on('data', onData).on('error', finish);
    codec.write(block);
    codec.flush(constants.Z_SYNC_FLUSH, () => finish());
  });
}

/** Names in lower case, as the protocol has them. */
function parseHeaders(block: Buffer): Headers {
  const headers = new Map<string, string>();
  let at = 4;
  const text = (): string => {
    const length = block.readUInt32BE(at);
    at += 4 + length;
    return block.toString('utf8', at - length, at);
  };
  for (let count = block.readUInt32BE(0); count > 0; count--) {
    const name = text();
    headers.set(name.toLowerCase(), text());
  }
  return headers;
}

const WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie ' +
  'keep-alive origin';
const TAIL =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative ' +
  'Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal ' +
  'Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, ' +
  'Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,' +
  'application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8' +
  'charset=iso-8859-1,utf-,*,enq=0.';

/** The dictionary both sides begin their compression with; section 2.6.10.1 of the draft. */
export function dictionaryOf(): Buffer {
  const parts = WORDS.split(' ').map((word) => {
    const text = Buffer.from(word.replace('_', ' '));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, text]);
  });
  return Buffer.concat([...parts, Buffer.from(TAIL)]);
}
