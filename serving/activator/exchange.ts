/**
 * A request in the gateway, whatever protocol it came by, and what can be done about it. The two ends of the relay meet
 * here: servers (`server-http1.ts`, `server-http2.ts`) make exchanges, upstreams (`upstream-http1.ts`,
 * `upstream-http2.ts`) carry them to a pod, and neither knows the other.
 */
import type { Readable, Writable } from 'node:stream';
import type { Address } from './backends.ts';
import type { UpstreamFailure } from './errors.ts';
import type { HeaderList } from './headers.ts';

/** How the end of a body is known. */
export type Framing = 'none' | 'length' | 'chunked';

export interface RequestHead {
  readonly method: string;
  /** Path and query, or `*`. */
  readonly target: string;
  /** Host header or `:authority`, as sent. */
  readonly authority: string;
  readonly scheme: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  /** Without pseudo headers. */
  readonly headers: HeaderList;
  readonly peer: string;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderList;
}

export interface Exchange {
  readonly head: RequestHead;
  readonly framing: Framing;
  /** Not read before it is forwarded: a waiting request holds back its client. */
  readonly body: Readable;
  /** Complete once `body` has ended. */
  trailers(): HeaderList;
  /** Once `body` has ended: was that the request's end, or did the client break off? */
  isWhole(): boolean;
  /** True once a final response has begun. */
  readonly responded: boolean;
  /** Sends an interim (1xx) response. */
  inform(status: number, headers: HeaderList): void;
  /** Begins the final response and returns where its body goes. */
  respond(head: ResponseHead): Writable;
  /** Lets the head leave although no body has come. To be called once the body is on its way, so that both can go together. */
  flush(): void;
  /** To be called before the end of the body. */
  addTrailers(trailers: HeaderList): void;
  /** The response is cut off: the client sees that it is not whole. */
  abort(): void;
  /** True when text can still be added to a response under way (its length was not announced). */
  readonly openEnded: boolean;
  /** Called once, when the exchange is over; `complete` says whether the response was sent to its end. */
  onClose(listener: (complete: boolean) => void): void;
}

/** A request as it goes to a pod. */
export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  /** Host as the pod is to see it. */
  readonly authority: string;
  readonly scheme: string;
  /** End-to-end headers, without Host. */
  readonly headers: HeaderList;
  readonly framing: Framing;
  readonly body: Readable;
  trailers(): HeaderList;
  isWhole(): boolean;
  /** The client takes trailers (`TE: trailers`). */
  readonly takesTrailers: boolean;
}

/** What is known of a response once its body has ended. */
export interface ResponseEnd {
  trailers(): HeaderList;
  /** False when the pod broke off. */
  isWhole(): boolean;
}

export interface UpstreamListener {
  inform(status: number, headers: HeaderList): void;
  /** At most once. */
  response(head: ResponseHead, body: Readable, end: ResponseEnd): void;
  /** Instead of a response; never after it. A response that breaks off shows as an error of its body. */
  failed(error: UpstreamFailure): void;
}

export interface Upstream {
  send(address: Address, request: UpstreamRequest, listener: UpstreamListener): { abort(): void };
  /** The address is no longer a pod: its idle connections are closed. */
  forget(address: Address): void;
  close(): void;
}
