/** One request from arrival to end: resolve, wait for a slot, relay, try elsewhere where that is safe, count. */
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import type { Address } from './backends.ts';
import { Deadlines, type Limits } from './deadlines.ts';
import { GatewayError, NotReady, RequestTimeout, type UpstreamFailure } from './errors.ts';
import type { Exchange, RequestHead, Upstream, UpstreamRequest } from './exchange.ts';
import { forPod, forwardedHeaders, joinedHeader, withSet } from './headers.ts';
import { answerProbe } from './probe.ts';
import { answer, Relay } from './relay.ts';
import type { Audience, Destination, Resolver } from './resolve.ts';
import type { ServedRevision } from './revisions.ts';
import type { Admission, Lease } from './throttle.ts';

/** What is known of a request once it is over. */
export interface FinishedRequest {
  readonly head: RequestHead;
  /** 0 when the client left before an answer. */
  readonly status: number;
  /** From its arrival to the end of its response. */
  readonly seconds: number;
  /** Of the response's body, as passed on; of an upgraded connection 0. */
  readonly responseBytes: number;
  /** Where it was sent last; undefined when no pod was found. */
  readonly pod: Address | undefined;
}

export interface RequestObserver {
  finished(revision: ServedRevision, request: FinishedRequest): void;
}

export interface DispatcherOptions {
  readonly resolver: Resolver;
  readonly http1: Upstream;
  readonly http2: Upstream;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: RequestObserver;
  /** What a probe that asks which Ingress is served here gets to hear; undefined when none is. */
  readonly hashOf?: (head: RequestHead, audience: Audience) => string | undefined;
}

/** Times one request is sent again because an idle connection proved closed. */
const MAX_STALE_RETRIES = 2;
/** Requests held before the tables are filled, and for how long, ms. */
const MAX_EARLY = 10_000;
const EARLY_MS = 15_000;
/** A plain Service has no time limits of its own; one that never begins to answer is given up. */
const SERVICE_LIMITS: Limits = { responseStartTimeoutSeconds: 300 };

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #early = new Set<() => void>();
  #ready = false;
  #open = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Requests now here. */
  get open(): number {
    return this.#open;
  }

  /** The tables are filled: requests that came before are served now. */
  ready(): void {
    this.#ready = true;
    for (const serve of this.#early) serve();
    this.#early.clear();
  }

  handle(exchange: Exchange, audience: Audience): void {
    this.#open++;
    exchange.onClose(() => this.#open--);
    try {
      const hash = (): string | undefined => this.#options.hashOf?.(exchange.head, audience);
      if (answerProbe(exchange, audience.trusted, this.#ready, hash)) return;
      if (this.#ready) this.#serve(exchange, audience);
      else this.#hold(exchange, audience);
    } catch (error) {
      this.#refuse(exchange, error);
    }
  }

  #serve(exchange: Exchange, audience: Audience): void {
    const destination = this.#options.resolver.resolve(exchange.head, audience);
    const request = upstreamRequest(exchange, destination);
    if (destination.to === 'revision') new RevisionCall(exchange, request, destination.revision, this.#options).start();
    else new ServiceCall(exchange, request, destination, this.#options).start();
  }

  /** A process that just started does not know its hosts yet: an answer now would be a wrong 404. */
  #hold(exchange: Exchange, audience: Audience): void {
    if (this.#early.size >= MAX_EARLY) throw new NotReady();
    const leave = (): void => {
      cancel();
      this.#early.delete(serve);
    };
    const serve = (): void => {
      leave();
      try {
        this.#serve(exchange, audience);
      } catch (error) {
        this.#refuse(exchange, error);
      }
    };
    const cancel = this.#options.clock.after(EARLY_MS, () => {
      leave();
      this.#refuse(exchange, new NotReady());
    });
    this.#early.add(serve);
    exchange.onClose(leave);
  }

  #refuse(exchange: Exchange, error: unknown): void {
    if (error instanceof GatewayError) return answer(exchange, error);
    this.#options.log.error('request failed', { host: exchange.head.authority, error });
    answer(exchange, new GatewayError('internal', 500, 'internal error'));
  }
}

function upstreamRequest(exchange: Exchange, destination: Destination): UpstreamRequest {
  const { head } = exchange;
  const headers = forwardedHeaders(head.headers, { peer: head.peer, authority: head.authority, scheme: head.scheme });
  return {
    method: head.method,
    target: head.target,
    authority: destination.authority,
    scheme: head.scheme,
    headers: withSet(headers, forPod(destination.headers)),
    framing: exchange.framing,
    body: exchange.body,
    trailers: () => exchange.trailers(),
    isWhole: () => exchange.isWhole(),
    takesTrailers: /(^|[\s,])trailers\s*(,|$)/i.test(joinedHeader(head.headers, 'te') ?? ''),
  };
}

/** A request to a revision. */
class RevisionCall {
  readonly #exchange: Exchange;
  readonly #request: UpstreamRequest;
  readonly #revision: ServedRevision;
  readonly #options: DispatcherOptions;
  readonly #started = performance.now();
  #deadlines: Deadlines | undefined;
  #admission: Admission | undefined;
  #lease: Lease | undefined;
  #relay: Relay | undefined;
  #status = 0;
  #responseBytes = 0;
  #pod: Address | undefined;
  #staleRetries = 0;
  #over = false;

  constructor(exchange: Exchange, request: UpstreamRequest, revision: ServedRevision, options: DispatcherOptions) {
    this.#exchange = exchange;
    this.#request = request;
    this.#revision = revision;
    this.#options = options;
  }

  start(): void {
    this.#revision.arrive();
    this.#exchange.onClose((complete) => this.#close(complete));
    this.#deadlines = new Deadlines(this.#options.clock, this.#revision.limits, () => this.#timeOut());
    this.#admit(false);
  }

  #admit(first: boolean): void {
    try {
      this.#admission = this.#revision.throttle.admit(
        { granted: (lease) => this.#send(lease), rejected: (error) => this.#refuse(error) },
        { first },
      );
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#refuse(error);
    }
  }

  #send(lease: Lease): void {
    this.#lease = lease;
    this.#pod = lease.address;
    const upstream = this.#revision.h2c ? this.#options.http2 : this.#options.http1;
    this.#relay = new Relay(this.#exchange, upstream, lease.address, this.#request, {
      started: (status) => {
        this.#status = status;
        this.#revision.answered();
        this.#deadlines?.wrote();
      },
      wrote: (bytes) => {
        this.#responseBytes += bytes;
        this.#deadlines?.wrote();
      },
      failed: (error) => this.#retry(error),
    });
  }

  /** What the pod cannot have seen goes to another, or waits for one; anything else is the client's to repeat. */
  #retry(error: UpstreamFailure): void {
    if (this.#over) return;
    const lease = this.#lease;
    this.#lease = this.#relay = undefined;
    if (error.refused) lease?.refused();
    else lease?.release();
    if (error.unsent && (error.refused || this.#staleRetries++ < MAX_STALE_RETRIES)) this.#admit(true);
    else this.#refuse(error);
  }

  #refuse(error: GatewayError): void {
    this.#status = error.status;
    answer(this.#exchange, error);
  }

  #timeOut(): void {
    this.#admission?.cancel();
    if (!this.#exchange.responded) this.#status = 504;
    if (this.#relay === undefined) answer(this.#exchange, new RequestTimeout());
    else this.#relay.timeOut();
    this.#lease?.release();
    this.#lease = undefined;
  }

  #close(complete: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadlines?.clear();
    this.#admission?.cancel();
    if (!complete) this.#relay?.abort();
    this.#lease?.release();
    this.#revision.leave();
    this.#options.observer.finished(this.#revision, {
      head: this.#exchange.head,
      status: this.#status,
      seconds: (performance.now() - this.#started) / 1000,
      responseBytes: this.#responseBytes,
      pod: this.#pod,
    });
  }
}

/** A request to a plain Service: any of its endpoints, the next one when a connection is refused. */
class ServiceCall {
  readonly #exchange: Exchange;
  readonly #request: UpstreamRequest;
  readonly #addresses: readonly Address[];
  readonly #upstream: Upstream;
  readonly #options: DispatcherOptions;
  #at: number;
  #left: number;
  #deadlines: Deadlines | undefined;
  #relay: Relay | undefined;

  constructor(
    exchange: Exchange,
    request: UpstreamRequest,
    { addresses, h2c }: Extract<Destination, { to: 'service' }>,
    options: DispatcherOptions,
  ) {
    this.#exchange = exchange;
    this.#request = request;
    this.#addresses = addresses;
    this.#upstream = h2c ? options.http2 : options.http1;
    this.#options = options;
    this.#at = Math.floor(Math.random() * addresses.length);
    this.#left = addresses.length + MAX_STALE_RETRIES;
  }

  start(): void {
    const deadlines = new Deadlines(this.#options.clock, SERVICE_LIMITS, () => this.#relay?.timeOut());
    this.#deadlines = deadlines;
    this.#exchange.onClose((complete) => {
      deadlines.clear();
      if (!complete) this.#relay?.abort();
    });
    this.#send();
  }

  #send(): void {
    const address = this.#addresses[this.#at++ % this.#addresses.length];
    if (address === undefined) return;
    this.#left--;
    this.#relay = new Relay(this.#exchange, this.#upstream, address, this.#request, {
      started: () => this.#deadlines?.wrote(),
      wrote: () => undefined,
      failed: (error) => {
        if (error.unsent && this.#left > 0) this.#send();
        else answer(this.#exchange, error);
      },
    });
  }
}
