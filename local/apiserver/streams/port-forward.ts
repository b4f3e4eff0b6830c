/** pods/portforward: over WebSocket channels, or over SPDY streams, themselves inside a WebSocket or not. */
import { createWebSocketStream } from 'ws';
import { badRequest } from '../errors.ts';
import { acceptWebSocket } from './channels.ts';
import type { Upgrade } from './exec-ends.ts';
import { acceptSpdy } from './spdy-upgrade.ts';
import { serveChannelForward } from './port-forward-channels.ts';
import { serveSpdyForward } from './port-forward-spdy.ts';

const CHANNELS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const TUNNEL = 'SPDY/3.1+portforward.k8s.io';
const SPDY_PROTOCOL = 'portforward.k8s.io';

/** @throws ApiError 400 before anything is answered */
export function servePortForward(upgrade: Upgrade): void {
  const { request, socket, head } = upgrade;
  const accepted =
    acceptWebSocket(request, socket, head, [TUNNEL], (ws) => serveSpdyForward(upgrade, createWebSocketStream(ws))) ||
    serveChannelForward(upgrade, CHANNELS) ||
    acceptSpdy(request, socket, head, [SPDY_PROTOCOL], () => serveSpdyForward(upgrade, socket));
  if (!accepted) throw badRequest(`unable to upgrade: ask for WebSocket with ${TUNNEL}, or for SPDY/3.1`);
}
