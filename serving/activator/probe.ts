/** Probes between Knative's parts, answered by the gateway itself. Source: reference section 3.2. */
import { BadRequest, GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { headerOf } from './headers.ts';
import { answer } from './relay.ts';

/** In place of a hash: the one asked for is that of the Ingress that serves this host. */
const OVERRIDE = 'override';

/**
 * @param hashOf the hash of the Ingress that serves the request's host
 * @returns true when the request was a probe and has been answered
 */
export function answerProbe(
  exchange: Exchange,
  trusted: boolean,
  ready: boolean,
  hashOf: () => string | undefined,
): boolean {
  const { headers } = exchange.head;
  const probe = headerOf(headers, 'k-network-probe');
  if (probe !== undefined) {
    answerNetworkProbe(exchange, probe, hashOf);
    return true;
  }
  if (!trusted || !isKubeletProbe(exchange)) return false;
  if (ready) respond(exchange, 'ok', []);
  else answer(exchange, new GatewayError('not-ready', 503, 'not ready'));
  return true;
}

function answerNetworkProbe(exchange: Exchange, probe: string, hashOf: () => string | undefined): void {
  if (probe === 'probe') {
    const asked = headerOf(exchange.head.headers, 'k-network-hash') ?? '';
    const hash = asked === OVERRIDE ? (hashOf() ?? asked) : asked;
    if (hash === '')
      answer(exchange, new BadRequest('a probe request must contain a non-empty "K-Network-Hash" header'));
    else respond(exchange, '', ['K-Network-Hash', hash]);
  } else if (probe === 'activator') respond(exchange, 'activator', []);
  else answer(exchange, new BadRequest(`unexpected probe header value: ${JSON.stringify(probe)}`));
}

function isKubeletProbe(exchange: Exchange): boolean {
  const { headers } = exchange.head;
  return (
    headerOf(headers, 'k-kubelet-probe') !== undefined ||
    headerOf(headers, 'user-agent')?.startsWith('kube-probe/') === true
  );
}

function respond(exchange: Exchange, body: string, headers: readonly string[]): void {
  exchange.respond({ status: 200, headers: [...headers, 'Content-Length', String(body.length)] }).end(body);
}
