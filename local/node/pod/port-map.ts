/** Which real port stands for a declared one; pure. See docs/decisions/ports-of-pods.md. */
import type { Container } from '../../../api/core.ts';
import type { Listener } from '../runtime/runtime.ts';

/** Containers are told one port, in PORT: their first. */
export function mainPort(container: Container): number | undefined {
  return container.ports?.find((port) => (port.protocol ?? 'TCP') === 'TCP')?.containerPort;
}

/**
 * May the container be given a port of its own? Not when its manifest says which PORT it is to have and that is another
 * than the declared one.
 */
export function acceptsPort(container: Container, declared: number): boolean {
  const port = container.env?.find((variable) => variable.name === 'PORT');
  return port === undefined || (port.valueFrom === undefined && port.value === String(declared));
}

export interface Found {
  readonly port: number;
  /** The program listens on loopback's first address only, where the pod's own does not reach it. */
  readonly loopbackOnly: boolean;
}

/**
 * Where the program listens for `declared`, given all that it listens on: its own port if it took it, else the declared
 * one, else the only one there is.
 */
export function findPort(
  declared: number,
  given: number,
  listeners: readonly Listener[],
  address: string,
): Found | undefined {
  const usable = listeners.filter((one) => [address, '0.0.0.0', '127.0.0.1'].includes(one.address));
  const ports = [...new Set(usable.map((one) => one.port))];
  const port = [given, declared].find((one) => ports.includes(one)) ?? (ports.length === 1 ? ports[0] : undefined);
  if (port === undefined) return undefined;
  const loopbackOnly = usable.every((one) => one.port !== port || one.address === '127.0.0.1');
  return { port, loopbackOnly };
}

/** The number of a port given by number, by name, or as 0 for the container's first. */
export function declaredPort(container: Container, port: number | string): number {
  if (typeof port === 'number' && port !== 0) return port;
  const named = container.ports?.find((one) => one.name === port)?.containerPort;
  const numeric = typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : 0;
  return named ?? (numeric !== 0 ? numeric : (mainPort(container) ?? 0));
}
