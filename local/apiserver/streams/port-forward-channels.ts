/**
 * pods/portforward over WebSocket channels: for the n-th port, channel 2n carries data and 2n+1 an error text; each
 * starts with the port's number. Source: Kubernetes' port-forward protocol `v4.channel.k8s.io`.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { badRequest } from '../errors.ts';
import { acceptWebSocket, bytesOf, CLOSE_CHANNEL, offers, sendOn } from './channels.ts';
import type { Upgrade } from './exec-ends.ts';
import { messageOf } from '../../../kube/message.ts';

const MOST_PORTS = 16;

/**
 * @returns false when the client offers none of `protocols`; nothing is answered then
 * @throws ApiError 400 for ports that are none
 */
export function serveChannelForward(upgrade: Upgrade, protocols: readonly string[]): boolean {
  const { request, socket, head, parameters } = upgrade;
  const ports = parameters
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map(Number);
  if (offers(request, protocols) === undefined) return false;
  if (ports.length === 0 || ports.length > MOST_PORTS) throw badRequest('query parameter "port" is required');
  for (const port of ports)
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw badRequest(`query parameter "port" is invalid: ${port}`);
  return acceptWebSocket(request, socket, head, protocols, (ws) => {
    const connections = ports.map((port, i) => new Connection(upgrade, ws, port, i * 2));
    ws.on('message', (data) => {
      const bytes = bytesOf(data);
      const [channel = 0, about = 0] = bytes;
      if (channel === CLOSE_CHANNEL) connections[about >> 1]?.end();
      else if (channel % 2 === 0) connections[channel >> 1]?.write(bytes.subarray(1));
    });
    ws.on('close', () => {
      for (const connection of connections) connection.destroy();
    });
  });
}

/** One forwarded port: connected when the client opens, or at its first byte at the latest. */
class Connection {
  readonly #upgrade: Upgrade;
  readonly #ws: WebSocket;
  readonly #port: number;
  readonly #channel: number;
  readonly #ready: Promise<Duplex | undefined>;
  #closed = false;

  constructor(upgrade: Upgrade, ws: WebSocket, port: number, channel: number) {
    this.#upgrade = upgrade;
    this.#ws = ws;
    this.#port = port;
    this.#channel = channel;
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    for (const one of [channel, channel + 1]) sendOn(ws, one, number, () => undefined);
    this.#ready = this.#connect();
  }

  write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#ws.pause();
    void this.#ready.then((stream) => {
      if (stream === undefined || !stream.writable || stream.write(bytes)) this.#ws.resume();
      else stream.once('drain', () => this.#ws.resume()).once('close', () => this.#ws.resume());
    });
  }

  end(): void {
    void this.#ready.then((stream) => stream?.end());
  }

  destroy(): void {
    this.#closed = true;
    void this.#ready.then((stream) => stream?.destroy());
  }

  async #connect(): Promise<Duplex | undefined> {
    try {
      const stream = await this.#upgrade.streams.connect(this.#upgrade.pod, this.#port);
      if (this.#closed) stream.destroy();
      stream.on('error', (error) => this.#report(error));
      stream.on('data', (chunk: Buffer) => {
        stream.pause();
        sendOn(this.#ws, this.#channel, chunk, () => stream.resume());
      });
      stream.on('end', () => this.#closeChannel());
      return stream;
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #report(error: unknown): void {
    const text = `error forwarding port ${this.#port}: ${messageOf(error)}`;
    sendOn(this.#ws, this.#channel + 1, Buffer.from(text), () => this.#closeChannel());
  }

  /** v4 has no word for the end of one channel: with the last one the connection ends. */
  #closeChannel(): void {
    if (this.#ws.protocol === 'v5.channel.k8s.io')
      sendOn(this.#ws, CLOSE_CHANNEL, Buffer.from([this.#channel]), () => undefined);
    else this.#ws.close(1000);
  }
}
