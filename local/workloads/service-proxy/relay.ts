/** Carries one TCP connection to a backend: half-close and back-pressure go through in both directions. */
import { connect, type Socket } from 'node:net';
import type { Backend } from './backends.ts';

const CONNECT_TIMEOUT = 5_000;

/**
 * @param client   paused, half-open allowed
 * @param backends in the order to try; the first that accepts has the connection. With none the client is reset.
 * @param opened   told of each upstream socket, so that the caller can end it
 */
export function relay(client: Socket, backends: readonly Backend[], opened: (upstream: Socket) => void): void {
  const [backend, ...others] = backends;
  if (backend === undefined) {
    client.resetAndDestroy();
    return;
  }
  const upstream = connect({ ...backend, allowHalfOpen: true, noDelay: true, timeout: CONNECT_TIMEOUT });
  opened(upstream);
  let connected = false;
  const gone = (): void => void upstream.destroy();
  client.once('close', gone);
  upstream.once('connect', () => {
    connected = true;
    upstream.setTimeout(0);
    client.pipe(upstream);
    upstream.pipe(client);
    client.resume();
  });
  upstream.once('timeout', () => upstream.destroy());
  // 'close' follows, and deals with it.
  upstream.on('error', () => undefined);
  upstream.once('close', (hadError) => {
    client.off('close', gone);
    if (connected) {
      if (hadError) client.resetAndDestroy();
      else client.end();
    } else if (!client.destroyed) relay(client, others, opened);
  });
}
