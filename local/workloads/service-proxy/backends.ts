/** Where a Service's port leads now. Source: Kubernetes, "Virtual IPs and Service Proxies". */
import type { Endpoints, EndpointSlice } from '../../../api/core.ts';

export interface Backend {
  readonly host: string;
  readonly port: number;
}

/**
 * Ready endpoints of the port with this name; where none is ready, those that still serve while they terminate.
 * @param endpoints counts only where there are no slices, as for a Service whose Endpoints a user writes
 */
export function backendsOf(
  portName: string | undefined,
  slices: readonly EndpointSlice[],
  endpoints: Endpoints | undefined,
): Backend[] {
  const name = portName ?? '';
  if (slices.length === 0) return fromEndpoints(name, endpoints);
  const ready: Backend[] = [];
  const leaving: Backend[] = [];
  for (const slice of slices) {
    const port = slice.ports?.find((one) => (one.name ?? '') === name)?.port;
    if (port === undefined || slice.addressType === 'FQDN') continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const [host] = addresses;
      if (host === undefined) continue;
      if (conditions?.ready !== false) ready.push({ host, port });
      else if (conditions.serving === true && conditions.terminating === true) leaving.push({ host, port });
    }
  }
  return ready.length > 0 ? ready : leaving;
}

function fromEndpoints(name: string, endpoints: Endpoints | undefined): Backend[] {
  return (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find((one) => (one.name ?? '') === name)?.port;
    return port === undefined ? [] : addresses.map(({ ip }) => ({ host: ip, port }));
  });
}
