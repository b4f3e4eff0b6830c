/** Kubernetes' channels over one WebSocket: the first byte of a binary message says which. v5 adds closing of one. */
import type { IncomingMessage } from 'node:http';
import { Writable, type Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';

export const CLOSE_CHANNEL = 255;
const LARGEST_MESSAGE = 4 * 1024 * 1024;
const PING_PERIOD = 30_000;

/**
 * Accepts the upgrade with the first of `protocols` that the client offers.
 * @returns false when it offers none of them; the connection is untouched then
 */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
  onOpen: (ws: WebSocket, protocol: string) => void,
): boolean {
  const protocol = offers(request, protocols);
  if (protocol === undefined) return false;
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LARGEST_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: () => protocol,
  });
  server.handleUpgrade(request, socket, head, (ws) => {
    const ping = setInterval(() => ws.ping(), PING_PERIOD);
    ws.on('close', () => clearInterval(ping));
    ws.on('error', () => ws.terminate());
    onOpen(ws, protocol);
  });
  return true;
}

/** The first of `protocols` that a WebSocket upgrade offers. */
export function offers(request: IncomingMessage, protocols: readonly string[]): string | undefined {
  if ((request.headers.upgrade ?? '').toLowerCase() !== 'websocket') return undefined;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  return protocols.find((one) => offered.includes(one));
}

/** What is written goes out on one channel, as fast as the client reads. */
export function channelWriter(ws: WebSocket, channel: number): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      sendOn(ws, channel, chunk, done);
    },
  });
}

export function sendOn(ws: WebSocket, channel: number, bytes: Buffer, done: (error?: Error) => void): void {
  if (ws.readyState !== ws.OPEN) return done(new Error('the connection is closed'));
  ws.send(Buffer.concat([Buffer.from([channel]), bytes]), { binary: true }, (error) => done(error ?? undefined));
}

export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
