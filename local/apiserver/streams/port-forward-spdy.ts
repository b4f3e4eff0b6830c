/**
 * Port-forward over SPDY: for each connection the client opens an error stream and a data stream of one request id.
 * Source: Kubernetes' `portforward.k8s.io` protocol.
 */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Upgrade } from './exec-ends.ts';
import { serveSpdy, type SpdyStream } from './spdy.ts';
import { messageOf } from '../../../kube/message.ts';

interface Pair {
  readonly port: number;
  error?: SpdyStream;
  data?: SpdyStream;
}

const MOST_HALF_OPEN = 256;

export function serveSpdyForward(upgrade: Upgrade, connection: Duplex): void {
  const pairs = new Map<string, Pair>();
  serveSpdy(connection, (stream, headers) => {
    const id = headers.get('requestid') ?? '';
    const port = Number(headers.get('port'));
    const pair = pairs.get(id) ?? { port };
    if (headers.get('streamtype') === 'error') pair.error = stream;
    else pair.data = stream;
    if (!Number.isInteger(port) || port < 1 || port > 65535 || pairs.size > MOST_HALF_OPEN) {
      stream.destroy();
      return;
    }
    pairs.set(id, pair);
    const { error, data } = pair;
    if (error === undefined || data === undefined) return;
    pairs.delete(id);
    void forward(upgrade, port, data, error);
  });
}

async function forward(upgrade: Upgrade, port: number, data: SpdyStream, error: SpdyStream): Promise<void> {
  error.resume();
  let target: Duplex | undefined;
  try {
    target = await upgrade.streams.connect(upgrade.pod, port);
    await Promise.all([pipeline(data, target), pipeline(target, data)]);
    error.end();
  } catch (cause) {
    target?.destroy();
    const text = messageOf(cause);
    const { namespace = '', name } = upgrade.pod.metadata;
    error.end(`error forwarding port ${port} to pod ${namespace}/${name}: ${text}`);
    data.end();
  }
}
