/** Requests to pods over HTTP/1.1, with connections kept open a pod. */
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Address } from './backends.ts';
import { unsendable, UpstreamFailure } from './errors.ts';
import type { Upstream, UpstreamListener, UpstreamRequest } from './exchange.ts';
import { endToEnd } from './headers.ts';

export interface Http1UpstreamOptions {
  /** Idle connections kept a pod. */
  readonly idleConnections: number;
  /** ms a connection stays idle; below the 5 s after which many servers close theirs. */
  readonly idleTimeout: number;
  /** ms to wait for a connection. */
  readonly connectTimeout: number;
  /** Bytes of response head a pod may send. */
  readonly maxHeaderSize: number;
}

const PRUNE_FIRST_AT = 1000;

export class Http1Upstream implements Upstream {
  readonly #options: Http1UpstreamOptions;
  readonly #agents = new Map<string, Agent>();
  #pruneAt = PRUNE_FIRST_AT;

  constructor(options: Http1UpstreamOptions) {
    this.#options = options;
  }

  send(address: Address, request: UpstreamRequest, listener: UpstreamListener): { abort(): void } {
    try {
      return new Http1Call(address, request, listener, this.#agentOf(address), this.#options);
    } catch (error) {
      process.nextTick(() => listener.failed(unsendable(error)));
      return { abort: () => undefined };
    }
  }

  forget(address: Address): void {
    const key = keyOf(address);
    const agent = this.#agents.get(key);
    if (agent === undefined) return;
    this.#agents.delete(key);
    // Connections in use end with their requests: with no place left for idle ones, the agent closes them.
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Drops the agents of addresses that have no connection left. */
  #prune(): void {
    for (const [key, { sockets, freeSockets }] of this.#agents)
      if (Object.keys(sockets).length === 0 && Object.keys(freeSockets).length === 0) this.#agents.delete(key);
    this.#pruneAt = Math.max(PRUNE_FIRST_AT, this.#agents.size * 2);
  }

  #agentOf(address: Address): Agent {
    const key = keyOf(address);
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      if (this.#agents.size >= this.#pruneAt) this.#prune();
      const { idleConnections, idleTimeout } = this.#options;
      agent = new Agent({ keepAlive: true, maxFreeSockets: idleConnections, timeout: idleTimeout, scheduling: 'lifo' });
      this.#agents.set(key, agent);
    }
    return agent;
  }
}

/** Methods that may be sent again when an idle connection turned out to be closed (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

class Http1Call {
  readonly #request: UpstreamRequest;
  readonly #listener: UpstreamListener;
  readonly #outgoing: ClientRequest;
  #connected = false;
  #settled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    address: Address,
    request: UpstreamRequest,
    listener: UpstreamListener,
    agent: Agent,
    options: Http1UpstreamOptions,
  ) {
    this.#request = request;
    this.#listener = listener;
    const headers = ['Host', request.authority, ...request.headers];
    if (request.framing === 'chunked') headers.push('Transfer-Encoding', 'chunked');
    // Else node would announce a chunked body for methods that may have one.
    else if (request.framing === 'none' && !BODILESS.has(request.method) && !request.headers.some(isContentLength))
      headers.push('Content-Length', '0');
    this.#outgoing = httpRequest({
      host: address.host,
      port: address.port,
      method: request.method,
      path: request.target,
      headers,
      agent,
      setHost: false,
      maxHeaderSize: options.maxHeaderSize,
    });
    this.#outgoing.on('socket', (socket) => this.#onSocket(socket, options.connectTimeout));
    this.#outgoing.on('information', (info) => {
      if (!this.#settled) listener.inform(info.statusCode, endToEnd(info.rawHeaders));
    });
    this.#outgoing.on('response', (response) => this.#onResponse(response));
    this.#outgoing.on('upgrade', (_response, socket) => {
      socket.destroy();
      this.#fail(new UpstreamFailure('the pod switched protocols unasked', { unsent: false }));
    });
    this.#outgoing.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    this.#outgoing.on('close', () => clearTimeout(this.#timer));
  }

  abort(): void {
    this.#settled = true;
    this.#unpipe();
    this.#outgoing.destroy();
  }

  #onSocket(socket: Socket, connectTimeout: number): void {
    if (!socket.connecting) return this.#onConnected();
    this.#timer = setTimeout(
      () => this.#outgoing.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })),
      connectTimeout,
    );
    socket.once('connect', () => {
      clearTimeout(this.#timer);
      socket.setNoDelay(true);
      this.#onConnected();
    });
  }

  /** Only now is the body read: until here the request can go elsewhere whole. */
  #onConnected(): void {
    this.#connected = true;
    if (this.#settled) return;
    const { body, framing } = this.#request;
    if (framing === 'none') {
      this.#outgoing.end();
      return;
    }
    this.#outgoing.flushHeaders();
    body.on('end', this.#onBodyEnd);
    body.pipe(this.#outgoing, { end: false });
  }

  readonly #onBodyEnd = (): void => {
    if (!this.#request.isWhole()) {
      // The pod must not take half a body for the whole.
      this.#outgoing.destroy();
      return;
    }
    if (this.#request.framing === 'chunked') {
      const trailers = endToEnd(this.#request.trailers());
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i]!, trailers[i + 1]!]);
      try {
        if (pairs.length > 0) this.#outgoing.addTrailers(pairs);
      } catch (error) {
        this.#outgoing.destroy(error instanceof Error ? error : undefined);
        return;
      }
    }
    this.#outgoing.end();
  };

  #onResponse(response: IncomingMessage): void {
    if (this.#settled) {
      response.destroy();
      return;
    }
    const status = response.statusCode ?? 0;
    if (status < 200) {
      this.#fail(new UpstreamFailure(`the pod answered with status ${status}`, { unsent: false }));
      this.#outgoing.destroy();
      return;
    }
    this.#settled = true;
    this.#listener.response({ status, headers: endToEnd(response.rawHeaders) }, response, {
      trailers: () => response.rawTrailers,
      isWhole: () => response.complete,
    });
  }

  #onError(error: NodeJS.ErrnoException): void {
    const { method, framing } = this.#request;
    const stale =
      this.#outgoing.reusedSocket &&
      framing === 'none' &&
      IDEMPOTENT.has(method) &&
      (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    const cause = `the pod did not answer: ${error.code ?? error.message}`;
    this.#fail(new UpstreamFailure(cause, { unsent: !this.#connected || stale, refused: !this.#connected }));
  }

  #fail(error: UpstreamFailure): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#unpipe();
    this.#listener.failed(error);
  }

  #unpipe(): void {
    this.#request.body.off('end', this.#onBodyEnd);
    this.#request.body.unpipe(this.#outgoing);
  }
}

const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

function isContentLength(name: string, at: number): boolean {
  return at % 2 === 0 && name.toLowerCase() === 'content-length';
}

function keyOf(address: Address): string {
  return `${address.host}:${address.port}`;
}
