/**
 * Probes of a Revision as a kubelet takes them. Knative allows port 0 (the user port) and `periodSeconds: 0` (probe
 * as often as is useful); Kubernetes wants numbers of at least 1, so they become those.
 */
import type { Container } from '../../../../api/core.ts';

export type Probe = NonNullable<Container['readinessProbe']>;

/** Every field the author left out, that Kubernetes would fill with slower values, gets the quickest allowed one. */
export function readinessProbe(probe: Probe | undefined, port: number): Probe | undefined {
  if (probe === undefined) return undefined;
  const onPort = upperScheme(withPort(probe, port, false));
  const { periodSeconds = 0, ...rest } = onPort;
  if (periodSeconds !== 0) return onPort;
  const { failureThreshold: _f, timeoutSeconds: _t, ...aggressive } = rest;
  return { ...aggressive, periodSeconds: 1 };
}

/** Knative's own prober takes either case, Kubernetes' only this one. */
function upperScheme(probe: Probe): Probe {
  const { httpGet } = probe;
  if (httpGet?.scheme === undefined) return probe;
  return { ...probe, httpGet: { ...httpGet, scheme: httpGet.scheme.toUpperCase() } };
}

/** @param always the user port even where another is named: what Knative does unless multi-container-probing is on */
export function userPortProbe(probe: Probe | undefined, port: number, always: boolean): Probe | undefined {
  return probe === undefined ? undefined : withPort(probe, port, always);
}

function withPort(probe: Probe, port: number, always: boolean): Probe {
  const { httpGet, tcpSocket, grpc } = probe;
  const pick = (given: number | string | undefined) =>
    always || given === undefined || given === 0 || given === '' || !isNumeric(given) ? port : Number(given);
  if (httpGet !== undefined) return { ...probe, httpGet: { ...httpGet, port: pick(portOf(httpGet.port)) } };
  if (tcpSocket !== undefined) return { ...probe, tcpSocket: { ...tcpSocket, port: pick(portOf(tcpSocket.port)) } };
  if (grpc !== undefined) return { ...probe, grpc: { ...grpc, port: pick(grpc.port) } };
  return probe;
}

/** Named ports can only mean the one container port, which is renamed in pods. */
function isNumeric(port: number | string): boolean {
  return typeof port === 'number' || /^\d+$/.test(port);
}

function portOf(port: unknown): number | string | undefined {
  return typeof port === 'number' || typeof port === 'string' ? port : undefined;
}
