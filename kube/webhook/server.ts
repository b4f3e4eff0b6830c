/**
 * The HTTPS listener of the webhooks: one certificate a component, chosen by server name and exchanged while it runs.
 * Bodies, times and connections are bounded; whoever connects is not asked who he is, as the API server shows nothing.
 */
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Logger } from '../log.ts';
import { PATHS, ROLES, type WebhookRole } from './component.ts';
import { MalformedReview, parseReview, reviewText, type ReviewRequest, type ReviewResponse } from './review.ts';

export interface ServingCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface WebhookServerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  readonly respond: (role: WebhookRole, request: ReviewRequest) => Promise<ReviewResponse>;
  /** Told of each answer; for metrics. */
  readonly onAnswer: (role: WebhookRole, request: ReviewRequest, allowed: boolean, seconds: number) => void;
}

export interface WebhookServer {
  readonly port: number;
  /** @param names server names it is for */
  setCertificate(names: readonly string[], certificate: ServingCertificate): void;
  /** Takes no more connections; resolves when answers under way are sent, or after `wait` ms. */
  close(wait: number): Promise<void>;
}

const LARGEST_BODY = 8 * 1024 * 1024;
const MOST_CONNECTIONS = 1_000;
const HANDSHAKE_TIME = 10_000;
const HEADERS_TIME = 10_000;
const REQUEST_TIME = 30_000;
/** Longer than the API server's, so that it is the one who lets go of an idle connection. */
const KEEP_ALIVE_TIME = 120_000;

/** @throws the system's error when the port is taken */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const { log } = options;
  const contexts = new Map<string, SecureContext>();
  const server = createServer({
    SNICallback: (name, done) => done(null, contexts.get(name.toLowerCase())),
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_TIME,
    headersTimeout: HEADERS_TIME,
    requestTimeout: REQUEST_TIME,
    keepAliveTimeout: KEEP_ALIVE_TIME,
  });
  server.maxConnections = MOST_CONNECTIONS;
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  server.on('tlsClientError', (error) => log.debug('a TLS handshake failed', { error }));
  server.on('request', (request, response) => {
    response.on('error', () => undefined);
    answer(options, request, response).catch((error: unknown) => {
      log.error('an admission request failed', { path: request.url, error });
      send(response, 500, 'text/plain; charset=utf-8', 'the webhook failed; its log says why\n');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => log.error('the webhook listener failed', { error }));
  let isFirst = true;
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate(names, certificate) {
      const context = createSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
      for (const name of names) contexts.set(name.toLowerCase(), context);
      // For clients that name nobody.
      if (isFirst) server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
      isFirst = false;
    },
    close: (wait) =>
      new Promise((resolve) => {
        const force = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, wait);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

async function answer(
  { respond, onAnswer }: WebhookServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, why: string): void => {
    response.setHeader('connection', 'close');
    send(response, status, 'text/plain; charset=utf-8', `${why}\n`);
  };
  const path = (request.url ?? '').split('?')[0];
  const role = ROLES.find((one) => PATHS[one] === path);
  if (role === undefined) return refuse(404, `no webhook here; see ${Object.values(PATHS).join(', ')}`);
  if (request.method !== 'POST') return refuse(405, 'webhooks take POST');
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    return refuse(415, 'invalid Content-Type, want `application/json`');
  const text = await readBody(request);
  if (text === undefined) return refuse(413, `a review is not longer than ${LARGEST_BODY} bytes`);
  let review: ReviewRequest;
  try {
    review = parseReview(text);
  } catch (error) {
    if (error instanceof MalformedReview) return refuse(400, error.message);
    throw error;
  }
  const started = performance.now();
  const answered = await respond(role, review);
  onAnswer(role, review, answered.allowed, (performance.now() - started) / 1000);
  send(response, 200, 'application/json', reviewText(review, answered));
}

/** @returns undefined when it is too long. @throws the error of a connection that broke */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
