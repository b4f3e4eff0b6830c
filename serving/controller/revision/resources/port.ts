/** The port on which a Revision's serving container takes requests. Source: reference sections 1.7 and 3.1. */
import type { Container } from '../../../../api/core.ts';
import type { Revision } from '../../../../api/serving/revision.ts';

export const DEFAULT_USER_PORT = 8080;
export const USER_PORT_NAME = 'user-port';

/** The container that requests go to: the only one, or the one that declares a port. */
export function servingContainer(containers: readonly Container[]): Container | undefined {
  return containers.length === 1 ? containers[0] : containers.find((one) => (one.ports ?? []).length > 0);
}

export function userPort(revision: Revision): number {
  const port = servingContainer(revision.spec.containers)?.ports?.[0]?.containerPort;
  return port === undefined || port === 0 ? DEFAULT_USER_PORT : port;
}

export function protocolOf(revision: Revision): 'http1' | 'h2c' {
  return servingContainer(revision.spec.containers)?.ports?.[0]?.name === 'h2c' ? 'h2c' : 'http1';
}
