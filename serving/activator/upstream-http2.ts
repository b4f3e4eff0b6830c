/** Requests to pods that speak HTTP/2 without TLS (port name `h2c`), many on one connection. */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import type { Address } from './backends.ts';
import { unsendable, UpstreamFailure } from './errors.ts';
import type { Upstream, UpstreamListener, UpstreamRequest } from './exchange.ts';
import { endToEnd } from './headers.ts';
import { sendTrailers, toList, toObject } from './server-http2.ts';
import { messageOf } from '../../kube/message.ts';

export interface Http2UpstreamOptions {
  /** ms to wait for a connection. */
  readonly connectTimeout: number;
  /** ms a connection without requests is kept. */
  readonly idleTimeout: number;
}

/** Requests on one connection, when the pod names no lower bound. */
const STREAMS_PER_SESSION = 100;

interface Session {
  readonly http2: ClientHttp2Session;
  readonly connected: Promise<void>;
  streams: number;
  closing: boolean;
}

export class Http2Upstream implements Upstream {
  readonly #options: Http2UpstreamOptions;
  readonly #sessions = new Map<string, Session[]>();

  constructor(options: Http2UpstreamOptions) {
    this.#options = options;
  }

  send(address: Address, request: UpstreamRequest, listener: UpstreamListener): { abort(): void } {
    const session = this.#sessionFor(address);
    session.streams++;
    const call = new Http2Call(request, listener, () => session.streams--);
    session.connected.then(
      () => call.open(session.http2),
      (error: unknown) => {
        const cause = `the pod did not answer: ${messageOf(error)}`;
        call.fail(new UpstreamFailure(cause, { unsent: true, refused: true }));
      },
    );
    return call;
  }

  forget(address: Address): void {
    const key = `${address.host}:${address.port}`;
    for (const { http2 } of this.#sessions.get(key) ?? []) http2.close();
    this.#sessions.delete(key);
  }

  close(): void {
    for (const sessions of this.#sessions.values()) for (const { http2 } of sessions) http2.destroy();
    this.#sessions.clear();
  }

  #sessionFor(address: Address): Session {
    const key = `${address.host}:${address.port}`;
    const sessions = this.#sessions.get(key) ?? [];
    const free = sessions.find((session) => !session.closing && session.streams < limitOf(session.http2));
    if (free !== undefined) return free;
    const made = this.#connect(address, () => {
      const rest = (this.#sessions.get(key) ?? []).filter((session) => session !== made);
      if (rest.length === 0) this.#sessions.delete(key);
      else this.#sessions.set(key, rest);
    });
    this.#sessions.set(key, [...sessions, made]);
    return made;
  }

  #connect(address: Address, gone: () => void): Session {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const http2 = connect(`http://${host}:${address.port}`);
    const connected = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => http2.destroy(new Error('connect timed out')), this.#options.connectTimeout);
      http2.once('connect', () => {
        clearTimeout(late);
        resolve();
      });
      http2.on('error', (error) => {
        clearTimeout(late);
        reject(error);
      });
      http2.once('close', () => {
        clearTimeout(late);
        reject(new Error('connection closed'));
      });
    });
    const session: Session = { http2, connected, streams: 0, closing: false };
    // Each call takes its own share of a failure.
    connected.catch(() => undefined);
    http2.once('goaway', () => (session.closing = true));
    http2.once('close', () => {
      session.closing = true;
      gone();
    });
    http2.setTimeout(this.#options.idleTimeout, () => {
      if (session.streams === 0) http2.close();
    });
    return session;
  }
}

function limitOf(http2: ClientHttp2Session): number {
  const offered = http2.connecting || http2.destroyed ? undefined : http2.remoteSettings.maxConcurrentStreams;
  return Math.max(1, Math.min(STREAMS_PER_SESSION, offered ?? STREAMS_PER_SESSION));
}

class Http2Call {
  readonly #request: UpstreamRequest;
  readonly #listener: UpstreamListener;
  readonly #over: () => void;
  #stream: ClientHttp2Stream | undefined;
  #settled = false;
  #finished = false;

  constructor(request: UpstreamRequest, listener: UpstreamListener, over: () => void) {
    this.#request = request;
    this.#listener = listener;
    this.#over = over;
  }

  open(session: ClientHttp2Session): void {
    if (this.#settled) return this.#finish();
    if (session.closed || session.destroyed)
      return this.fail(new UpstreamFailure('connection closed', { unsent: true }));
    try {
      this.#open(session);
    } catch (error) {
      this.fail(unsendable(error));
    }
  }

  #open(session: ClientHttp2Session): void {
    const { method, target, authority, scheme, headers, framing, takesTrailers, body } = this.#request;
    const stream = session.request(
      {
        ...toObject(headers),
        ...(takesTrailers ? { te: 'trailers' } : {}),
        ':method': method,
        ':path': target,
        ':authority': authority,
        ':scheme': scheme,
      },
      { endStream: framing === 'none', waitForTrailers: framing !== 'none' },
    );
    this.#stream = stream;
    let trailers: string[] = [];
    stream.on('headers', (info: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      if (!this.#settled) this.#listener.inform(info[':status'] ?? 100, endToEnd(toList(info)));
    });
    stream.on('trailers', (received: IncomingHttpHeaders) => (trailers = toList(received)));
    stream.on('response', (received) => {
      if (this.#settled) return;
      this.#settled = true;
      const head = { status: received[':status'] ?? 502, headers: endToEnd(toList(received)) };
      this.#listener.response(head, stream, {
        trailers: () => trailers,
        isWhole: () => (stream.rstCode ?? 0) === constants.NGHTTP2_NO_ERROR,
      });
    });
    stream.on('error', (error: Error) => {
      const unsent = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
      this.fail(new UpstreamFailure(`the pod did not answer: ${error.message}`, { unsent }));
    });
    stream.once('close', () => {
      this.#unpipe();
      this.fail(new UpstreamFailure('the pod closed the stream without an answer', { unsent: false }));
      this.#finish();
    });
    if (framing === 'none') return;
    stream.on('wantTrailers', () => sendTrailers(stream, this.#request.trailers()));
    body.on('end', this.#onBodyEnd);
    body.pipe(stream, { end: false });
  }

  abort(): void {
    this.#settled = true;
    this.#unpipe();
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  fail(error: UpstreamFailure): void {
    if (this.#stream === undefined) this.#finish();
    if (this.#settled) return;
    this.#settled = true;
    this.#unpipe();
    this.#listener.failed(error);
  }

  readonly #onBodyEnd = (): void => {
    if (this.#request.isWhole()) this.#stream?.end();
    else this.#stream?.close(constants.NGHTTP2_CANCEL);
  };

  #unpipe(): void {
    this.#request.body.off('end', this.#onBodyEnd);
    if (this.#stream !== undefined) this.#request.body.unpipe(this.#stream);
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#over();
  }
}
