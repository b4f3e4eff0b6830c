/**
 * Intake of load reports: a WebSocket server that activators keep a connection to. Takes only the documented form,
 * holds nothing but the message at hand, and answers nothing but close codes; what it asks is somebody else's.
 * Source: docs/formats/load-reports.md.
 */
import { createServer, type Server } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import {
  LOAD_REPORT_PATH,
  MAX_BUSY_PODS,
  type ActivatorMessage,
  type AutoscalerMessage,
  type BusyPod,
  type BusyPods,
  type RevisionLoad,
} from '../../api/load-report.ts';
import type { Logger } from '../../kube/log.ts';
import { ReportError } from './errors.ts';

export interface ReportHandlers {
  onMessage(message: ActivatorMessage): void;
  /** The number of connected activators changed. */
  onConnections(count: number): void;
  /** A message was refused and its connection closed. */
  onRefused(): void;
}

export interface ReportServer {
  /** `ws://HOST:PORT` */
  readonly url: string;
  /** Says something to every activator that takes it in. @returns how many those are */
  tell(message: AutoscalerMessage): number;
  close(): Promise<void>;
}

/** Some 30,000 busy revisions. */
const MAX_MESSAGE = 4 << 20;
const MAX_CONNECTIONS = 256;
const PING_INTERVAL = 15_000;
/** Unsent bytes beyond which an activator is asked nothing: it does not read. */
const MAX_BUFFERED = 1 << 16;
const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

const CLOSE = { invalid: 1007, unsupported: 1003, restart: 1012, full: 1013 } as const;

/** Rejects when the address cannot be bound. @param port 0 takes a free one */
export async function serveReports(
  host: string,
  port: number,
  handlers: ReportHandlers,
  log: Logger,
): Promise<ReportServer> {
  const http = createServer((request, response) => {
    response.writeHead(request.url === LOAD_REPORT_PATH ? 426 : 404, { connection: 'close' }).end();
  });
  http.headersTimeout = 10_000;
  http.requestTimeout = 10_000;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
  http.on('upgrade', (request, socket, head) => {
    if (request.url !== LOAD_REPORT_PATH) {
      socket.on('error', (error) => log.debug('connection of a stranger broke', { error }));
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket));
  });

  const alive = new WeakSet<WebSocket>();
  const accepted = new Set<WebSocket>();
  function accept(socket: WebSocket): void {
    // A broken connection is closed by ws itself; what is left of it to do is in `close`.
    socket.on('error', (error) => log.debug('connection of an activator broke', { error }));
    if (accepted.size >= MAX_CONNECTIONS) return socket.close(CLOSE.full, 'too many activators');
    accepted.add(socket);
    alive.add(socket);
    handlers.onConnections(accepted.size);
    socket.on('pong', () => alive.add(socket));
    socket.on('message', (data, binary) => {
      alive.add(socket);
      if (binary) return refuse(socket, CLOSE.unsupported, 'text frames only');
      let message: ActivatorMessage;
      try {
        message = parseMessage(textOf(data));
      } catch (error) {
        if (!(error instanceof ReportError)) throw error;
        return refuse(socket, CLOSE.invalid, error.message);
      }
      handlers.onMessage(message);
    });
    socket.on('close', () => {
      accepted.delete(socket);
      handlers.onConnections(accepted.size);
    });
  }

  function refuse(socket: WebSocket, code: number, reason: string): void {
    handlers.onRefused();
    log.warn('refused a message of an activator', { reason });
    socket.removeAllListeners('message');
    socket.close(code, reason);
  }

  await listen(http, host, port);
  const pings = setInterval(() => {
    for (const socket of accepted) {
      if (!alive.has(socket)) socket.terminate();
      alive.delete(socket);
      socket.ping();
    }
  }, PING_INTERVAL);
  const bound = (http.address() as AddressInfo).port;
  return {
    url: `ws://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    tell(message) {
      const text = JSON.stringify(message);
      const listening = [...accepted].filter(
        (socket) => socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MAX_BUFFERED,
      );
      for (const socket of listening) socket.send(text);
      return listening.length;
    },
    async close() {
      clearInterval(pings);
      for (const socket of accepted) socket.close(CLOSE.restart, 'autoscaler stops');
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      sockets.close();
      // Those that say nothing, or do not answer the closing frame, are not waited for.
      const patience = setTimeout(() => {
        accepted.forEach((socket) => socket.terminate());
        http.closeAllConnections();
      }, 500);
      await closed;
      clearTimeout(patience);
    },
  };
}

/** @throws ReportError when the text is not a message of the documented form */
export function parseMessage(text: string): ActivatorMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ReportError('not JSON');
  }
  if (!isRecord(value)) throw new ReportError('not an object');
  const { type, activator, at } = value;
  if (typeof activator !== 'string' || activator === '' || activator.length > 253)
    throw new ReportError('activator is not a name');
  if (!isAmount(at)) throw new ReportError('at is not a time');
  if (type === 'wake') return { type, activator, at, ...nameOf(value) };
  if (type === 'coldStart') {
    const { since } = value;
    if (!isAmount(since)) throw new ReportError('since is not a time');
    // The activator's clock may have been set back meanwhile.
    return { type, activator, at, since: Math.min(since, at), ...nameOf(value) };
  }
  if (type === 'busyPods') return { type, activator, at, ...busyPodsOf(value) };
  if (type !== 'report') throw new ReportError('type is neither report, wake, coldStart nor busyPods');
  if (!Array.isArray(value['revisions'])) throw new ReportError('revisions is not a list');
  return { type, activator, at, revisions: value['revisions'].map(loadOf) };
}

function loadOf(value: unknown): RevisionLoad {
  if (!isRecord(value)) throw new ReportError('a revision is not an object');
  const { concurrency, rps } = value;
  if (!isAmount(concurrency) || !isAmount(rps)) throw new ReportError('concurrency and rps are not amounts');
  return { ...nameOf(value), concurrency, rps };
}

function busyPodsOf({ id, pods }: Readonly<Record<string, unknown>>): Pick<BusyPods, 'id' | 'pods'> {
  if (!Number.isInteger(id)) throw new ReportError('id is not a whole number');
  if (!Array.isArray(pods) || pods.length > MAX_BUSY_PODS)
    throw new ReportError(`pods is not a list of at most ${MAX_BUSY_PODS}`);
  return { id: Number(id), pods: pods.map(busyPodOf) };
}

function busyPodOf(value: unknown): BusyPod {
  if (!isRecord(value)) throw new ReportError('a pod is not an object');
  const { host, inFlight } = value;
  if (typeof host !== 'string' || isIP(host) === 0) throw new ReportError('host is not an IP address');
  if (!isAmount(inFlight) || !Number.isInteger(inFlight)) throw new ReportError('inFlight is not a number of requests');
  return { host, inFlight };
}

function nameOf(value: Readonly<Record<string, unknown>>): { namespace: string; name: string } {
  const { namespace, name } = value;
  if (typeof namespace !== 'string' || typeof name !== 'string' || !NAME.test(namespace) || !NAME.test(name))
    throw new ReportError('namespace and name are not names');
  return { namespace, name };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return data instanceof ArrayBuffer ? Buffer.from(data).toString('utf8') : data.toString('utf8');
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
