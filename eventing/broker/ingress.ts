/**
 * The broker's HTTP door: POST /NAMESPACE/BROKER takes events and answers 202 once they are durable.
 * Source: knative/eventing pkg/broker/ingress (behaviour; reference section 3).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import { Budget } from './budget.ts';
import { BrokerError } from './errors.ts';
import { parseEvents } from './event/binding.ts';
import type { BrokerEvent } from './event/event.ts';
import type { BrokerMetrics } from './metrics.ts';
import { passThroughHeaders } from './passthrough.ts';

export interface IngressOptions {
  /** Makes events durable, all or none; rejects with a BrokerError that says what the producer is to hear. */
  readonly accept: (namespace: string, broker: string, events: readonly BrokerEvent[]) => Promise<void>;
  /** Whether the broker exists: only then do its names become labels of metrics. */
  readonly knows: (namespace: string, broker: string) => boolean;
  readonly metrics: Pick<BrokerMetrics, 'received'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<IngressLimits>;
}

export interface IngressLimits {
  /** Bytes of one request's body. */
  readonly body: number;
  /** Bytes of all headers of a request. */
  readonly headers: number;
  /** Bytes of bodies that are not answered yet. */
  readonly inFlight: number;
  /** Milliseconds a request's head, and the whole request, may take to arrive. */
  readonly headTimeout: number;
  readonly requestTimeout: number;
  /** Milliseconds an idle connection is kept. */
  readonly idleTimeout: number;
}

export const INGRESS_LIMITS: IngressLimits = {
  body: 1024 * 1024,
  headers: 64 * 1024,
  inFlight: 32 * 1024 * 1024,
  headTimeout: 15_000,
  requestTimeout: 60_000,
  idleTimeout: 75_000,
};

const ALLOW = 'POST, OPTIONS';
/** A body that announces no length is booked in pieces of this many bytes. */
const PIECE = 16 * 1024;

export interface Ingress {
  readonly server: Server;
  inFlightBytes(): number;
  /** Stops taking connections and resolves when the requests under way are answered. */
  drain(): Promise<void>;
}

export function createIngress(options: IngressOptions): Ingress {
  const limits = { ...INGRESS_LIMITS, ...options.limits };
  const budget = new Budget(limits.inFlight);
  let draining = false;

  const server = createServer(
    {
      maxHeaderSize: limits.headers,
      headersTimeout: limits.headTimeout,
      requestTimeout: limits.requestTimeout,
      keepAliveTimeout: limits.idleTimeout,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    },
    (request, response) => {
      if (draining) response.setHeader('connection', 'close');
      if (request.method === 'POST') void post(request, response);
      else answerOther(request, response);
    },
  );
  server.on('clientError', refuseMalformed);

  async function post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const booked = { bytes: 0 };
    let target: Target | undefined;
    let code = 202;
    try {
      target = parsePath(request.url ?? '');
      const events = toEvents(request, await readBody(request, booked));
      await options.accept(target.namespace, target.broker, events);
      response.writeHead(202, { allow: ALLOW, 'content-length': '0' }).end();
    } catch (error) {
      const problem = asProblem(error, options.log);
      code = problem.status;
      answerProblem(request, response, problem);
    } finally {
      budget.giveBack(booked.bytes);
    }
    if (target !== undefined && options.knows(target.namespace, target.broker))
      options.metrics.received(target.namespace, target.broker, code, (performance.now() - started) / 1_000);
  }

  function readBody(request: IncomingMessage, booked: { bytes: number }): Promise<Buffer> {
    const announced = Number(request.headers['content-length'] ?? NaN);
    if (announced > limits.body) return Promise.reject(tooLarge(limits.body));
    if (!Number.isNaN(announced) && !book(booked, announced)) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let length = 0;
      let whole = false;
      const fail = (error: BrokerError): void => {
        request.off('data', take);
        reject(error);
      };
      const take = (chunk: Buffer): void => {
        length += chunk.length;
        if (length > limits.body) return fail(tooLarge(limits.body));
        if (length > booked.bytes && !book(booked, Math.max(PIECE, length - booked.bytes))) return fail(overloaded());
        chunks.push(chunk);
      };
      request.on('data', take);
      request.on('end', () => {
        whole = true;
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      });
      // Also comes after every whole request; an error made for nothing would cost its stack.
      request.on('close', () => {
        if (!whole) reject(new BrokerError('InvalidEvent', 'the request ended before its body'));
      });
      // Without a listener it would end the process; `close` follows.
      request.on('error', () => undefined);
    });
  }

  function book(booked: { bytes: number }, bytes: number): boolean {
    if (!budget.take(bytes)) return false;
    booked.bytes += bytes;
    return true;
  }

  return {
    server,
    inFlightBytes: () => budget.used,
    async drain() {
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
    },
  };
}

interface Target {
  readonly namespace: string;
  readonly broker: string;
}

/** @throws BrokerError `NoPath` for `/`, `InvalidPath` for anything but two segments */
export function parsePath(url: string): Target {
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  if (path === '/' || path === '') throw new BrokerError('NoPath', 'send events to /NAMESPACE/BROKER');
  const [root, namespace, broker, ...rest] = (path.endsWith('/') ? path.slice(0, -1) : path).split('/');
  if (
    root !== '' ||
    namespace === undefined ||
    broker === undefined ||
    namespace === '' ||
    broker === '' ||
    rest.length > 0
  )
    throw new BrokerError('InvalidPath', `the path must be /NAMESPACE/BROKER, not ${path.slice(0, 200)}`);
  return { namespace, broker };
}

function answerOther(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  if (request.method === 'OPTIONS') {
    response
      .writeHead(200, {
        allow: ALLOW,
        'webhook-allowed-origin': '*',
        'webhook-allowed-rate': '*',
        'content-length': '0',
      })
      .end();
    return;
  }
  answerProblem(
    request,
    response,
    new BrokerError('MethodNotAllowed', `events are sent by POST, not ${request.method}`),
  );
}

function toEvents(request: IncomingMessage, body: Buffer): BrokerEvent[] {
  const events = parseEvents(request.headers, body);
  const headers = passThroughHeaders(request.headers);
  return headers === undefined ? events : events.map((event) => ({ ...event, headers }));
}

/** An RFC 9457 problem. A body that was not read to its end makes the connection unusable: it is closed. */
function answerProblem(request: IncomingMessage, response: ServerResponse, problem: BrokerError): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify({ title: problem.code, status: problem.status, detail: problem.message });
  const headers: Record<string, string | number> = {
    allow: ALLOW,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
  };
  if (problem.retryAfter !== undefined) headers['retry-after'] = problem.retryAfter;
  if (!request.complete) headers['connection'] = 'close';
  response.writeHead(problem.status, headers).end(body, () => {
    if (!request.complete) lingeringClose(request);
  });
}

/** Lets the client read the answer before the connection goes: closing with unread input would reset it. */
function lingeringClose(request: IncomingMessage): void {
  request.resume();
  const socket = request.socket;
  const timer = setTimeout(() => socket.destroy(), 1_000);
  socket.once('close', () => clearTimeout(timer));
}

const MALFORMED: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = MALFORMED[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nAllow: ${ALLOW}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function asProblem(error: unknown, log: Logger): BrokerError {
  if (error instanceof BrokerError) return error;
  log.error('ingress failed', { error });
  return new BrokerError('LogFailed', 'the event could not be taken; the log of the broker says why', {
    retryAfter: 5,
  });
}

function tooLarge(limit: number): BrokerError {
  return new BrokerError('BodyTooLarge', `the body exceeds ${limit} bytes: send larger data by reference (dataref)`);
}

function overloaded(): BrokerError {
  return new BrokerError('Overloaded', 'too many events are waiting to be made durable: try again', { retryAfter: 1 });
}
