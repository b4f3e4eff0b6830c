/** Which sockets a Service needs. See ARCHITECTURE.md, "Addresses of one instance". */
import type { Service } from '../../../api/core.ts';
import { SERVICE_TYPE_LABEL } from '../../../api/networking/serverless-service.ts';
import type { InstanceNetwork } from '../../../api/zeroth.ts';

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** The Service's port by name, or the gateway. */
  readonly leadsTo: { readonly gateway: true } | { readonly gateway: false; readonly portName: string | undefined };
}

/**
 * TCP ports of a plain Service on its cluster IP, and the cluster port for the gateway unless the Service has it itself.
 * None for headless and external Services, those of a revision, and addresses outside the instance.
 */
export function listenersOf(service: Service, network: InstanceNetwork): Listener[] {
  const { clusterIP: host = '', type, ports = [] } = service.spec ?? {};
  if (!host.startsWith(`${network.prefix}.`) || type === 'ExternalName') return [];
  if (service.metadata.labels?.[SERVICE_TYPE_LABEL] !== undefined) return [];
  const own = ports
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .map(({ port, name }): Listener => ({ host, port, leadsTo: { gateway: false, portName: name } }));
  if (own.some(({ port }) => port === network.clusterPort)) return own;
  return [...own, { host, port: network.clusterPort, leadsTo: { gateway: true } }];
}
