/** The HTTPS listener: HTTP/2 and HTTP/1.1 by ALPN, time limits for slow clients, upgrades for exec and port-forward. */
import type { IncomingMessage } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PodStreams } from '../../kube/pod-streams.ts';
import { Authenticator, type TokenEntry } from './http/authentication.ts';
import { Documents } from './http/documents.ts';
import { serveRequest, type Surroundings } from './http/requests.ts';
import { LastText } from './http/watch-stream.ts';
import type { Metrics } from './metrics.ts';
import type { Core } from './verbs/call.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** PEM. Client certificates of `caCert` are accepted. */
  readonly tls: { readonly cert: string; readonly key: string; readonly caCert?: string };
  /** Bearer tokens; a string alone is one of `system:admin`. */
  readonly tokens: readonly TokenEntry[];
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

const HEADERS_TIME = 20_000;
const REQUEST_TIME = 60_000;
const HANDSHAKE_TIME = 10_000;
/** What a closing server waits for answers under way. */
const DRAIN_TIME = 500;
const MOST_STREAMS = 1_000;
const SESSION_MEMORY_MB = 64;

/** The answer to what is not HTTP, or comes too slowly, or too large. */
function refusalOf({ code }: NodeJS.ErrnoException): string {
  const status =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

/** @throws the system's error when the port is taken */
export async function startListener(
  core: Core,
  metrics: Metrics,
  podStreams: () => PodStreams | undefined,
  options: ListenOptions,
): Promise<Listener> {
  const { cert, key, caCert } = options.tls;
  const server = createSecureServer({
    cert,
    key,
    ca: caCert,
    requestCert: caCert !== undefined,
    rejectUnauthorized: false,
    allowHTTP1: true,
    handshakeTimeout: HANDSHAKE_TIME,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { maxConcurrentStreams: MOST_STREAMS },
    minVersion: 'TLSv1.2',
  });
  Object.assign(server, { headersTimeout: HEADERS_TIME, requestTimeout: REQUEST_TIME });
  const around: Surroundings = {
    core,
    metrics,
    documents: new Documents(core, metrics),
    authenticator: new Authenticator(options.tokens, core.tokens, core.store),
    podStreams,
    texts: new LastText(),
  };
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  server.on('request', (request, response) => void serveRequest(around, request, response));
  server.on('sessionError', (error) => core.log.debug('an HTTP/2 session broke', { error }));
  server.on('tlsClientError', () => undefined);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (socket.writable) socket.end(refusalOf(error));
    else socket.destroy();
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    void import('./streams/upgrade.ts').then(
      ({ serveUpgrade }) => serveUpgrade(around, request, socket, head),
      (error: unknown) => {
        core.log.error('streams could not be loaded', { error });
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => core.log.error('the API listener failed', { error }));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        const force = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, DRAIN_TIME);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
      }),
  };
}
