/**
 * One attempt to carry an exchange to an address: body there, response back, both at the pace of the slower side.
 * Where the bytes really go is behind `Upstream`.
 */
import type { Readable, Writable } from 'node:stream';
import type { Address } from './backends.ts';
import { RequestTimeout, UpstreamFailure, type GatewayError } from './errors.ts';
import { endToEnd } from './headers.ts';
import type { Exchange, ResponseEnd, Upstream, UpstreamRequest } from './exchange.ts';
import { messageOf } from '../../kube/message.ts';

export interface RelayListener {
  /** The response has begun. */
  started(status: number): void;
  /** A piece of the response passed. */
  wrote(bytes: number): void;
  /** No response: nothing was sent to the client. */
  failed(error: UpstreamFailure): void;
}

/** The attempt is over when the exchange closes or `failed` is called. */
export class Relay {
  readonly #exchange: Exchange;
  readonly #listener: RelayListener;
  readonly #call: { abort(): void };
  #over = false;
  #body: Readable | undefined;
  #sink: Writable | undefined;

  constructor(
    exchange: Exchange,
    upstream: Upstream,
    address: Address,
    request: UpstreamRequest,
    listener: RelayListener,
  ) {
    this.#exchange = exchange;
    this.#listener = listener;
    this.#call = upstream.send(address, request, {
      inform: (status, headers) => this.#attempt(() => exchange.inform(status, headers)),
      failed: (error) => listener.failed(error),
      response: (head, body, end) => {
        const sink = this.#attempt(() => exchange.respond(head));
        if (sink !== undefined) this.#pass(head.status, body, end, sink);
      },
    });
  }

  #pass(status: number, body: Readable, end: ResponseEnd, sink: Writable): void {
    this.#body = body;
    this.#sink = sink;
    this.#listener.started(status);
    // The pod broke off: the client must see that the response is not whole.
    const breakOff = (): void => {
      if (!this.#over) this.#exchange.abort();
    };
    body.on('error', breakOff);
    body.on('data', (piece: Buffer) => this.#listener.wrote(piece.length));
    body.on('end', () => {
      if (this.#over) return;
      if (!end.isWhole()) return breakOff();
      this.#attempt(() => this.#exchange.addTrailers(endToEnd(end.trailers())));
      if (!this.#over) sink.end();
    });
    body.pipe(sink, { end: false });
    this.#exchange.flush();
  }

  /** What a pod says may be nothing that can be said to this client: a status of 99, a header HTTP/2 does not know. */
  #attempt<T>(pass: () => T): T | undefined {
    try {
      return pass();
    } catch (error) {
      const wasResponded = this.#exchange.responded;
      this.abort();
      const cause = messageOf(error);
      if (wasResponded) this.#exchange.abort();
      else
        this.#listener.failed(new UpstreamFailure(`the pod's answer cannot be passed on: ${cause}`, { unsent: false }));
      return undefined;
    }
  }

  /** Gives up on the pod; the exchange stays as it is. */
  abort(): void {
    this.#over = true;
    if (this.#sink !== undefined) this.#body?.unpipe(this.#sink);
    this.#call.abort();
  }

  /** The request's time is up: 504, or the text behind what was already sent, as Knative does. */
  timeOut(): void {
    this.abort();
    const error = new RequestTimeout();
    if (!this.#exchange.responded) answer(this.#exchange, error);
    else if (this.#exchange.openEnded && this.#sink !== undefined) this.#sink.end(error.message);
    else this.#exchange.abort();
  }
}

/** Answers an exchange with a refusal of the gateway's own. */
export function answer(exchange: Exchange, error: GatewayError): void {
  if (exchange.responded) {
    exchange.abort();
    return;
  }
  const text = `${error.message}\n`;
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(Buffer.byteLength(text))];
  exchange.respond({ status: error.status, headers: [...headers, ...error.headers] }).end(text);
}
