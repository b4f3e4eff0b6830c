/** Answers an upgrade to SPDY/3.1 itself, as clients without WebSockets ask for it. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Accepts with the first of `protocols` that the client offers in X-Stream-Protocol-Version.
 * @returns false when it asks for something else; the connection is untouched then
 */
export function acceptSpdy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
  onOpen: (protocol: string) => void,
): boolean {
  if ((request.headers.upgrade ?? '').toLowerCase() !== 'spdy/3.1') return false;
  const header = request.headers['x-stream-protocol-version'];
  const offered = (Array.isArray(header) ? header : [header ?? ''])
    .flatMap((one) => one.split(','))
    .map((one) => one.trim());
  const protocol = protocols.find((one) => offered.includes(one));
  if (protocol === undefined) return false;
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  onOpen(protocol);
  return true;
}
