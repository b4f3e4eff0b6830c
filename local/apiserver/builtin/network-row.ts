/** Cells of services and endpoints. */
import { fieldAt, itemsAt, textAt } from './check.ts';
import type { Fields } from './fill.ts';

const SHOWN = 3;

/** The first few, and how many more there are. */
export function withMore(items: readonly string[]): string {
  const shown = items.slice(0, SHOWN).join(',');
  return items.length > SHOWN ? `${shown} + ${items.length - SHOWN} more...` : shown;
}

export function listed(value: unknown): string[] {
  return Array.isArray(value) ? (value as unknown[]).map(String) : [];
}

export function externalIps(service: Fields): string {
  const spec = fieldAt(service, 'spec');
  const given = listed(spec.externalIPs);
  switch (spec.type) {
    case 'ExternalName':
      return textAt(spec, 'externalName');
    case 'LoadBalancer': {
      const balancers = itemsAt(fieldAt(fieldAt(service, 'status'), 'loadBalancer'), 'ingress');
      const all = [...balancers.map((one) => textAt(one, 'ip') || textAt(one, 'hostname')), ...given];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    default:
      return given.length === 0 ? '<none>' : given.join(',');
  }
}

export function portsText(ports: readonly Fields[]): string {
  if (ports.length === 0) return '<none>';
  return ports
    .map(({ port, nodePort, protocol }) => {
      const node = typeof nodePort === 'number' && nodePort > 0 ? `:${nodePort}` : '';
      return `${String(port)}${node}/${String(protocol ?? 'TCP')}`;
    })
    .join(',');
}

export function endpointsText(endpoints: Fields): string {
  const pairs: string[] = [];
  for (const subset of itemsAt(endpoints, 'subsets')) {
    const addresses = itemsAt(subset, 'addresses').map((address) => textAt(address, 'ip'));
    const ports = itemsAt(subset, 'ports');
    if (ports.length === 0) pairs.push(...addresses);
    for (const { port } of ports)
      pairs.push(...addresses.map((ip) => (ip.includes(':') ? `[${ip}]:${String(port)}` : `${ip}:${String(port)}`)));
  }
  return pairs.length === 0 ? '<none>' : withMore(pairs);
}

export function slicePorts(ports: readonly Fields[]): string {
  if (ports.length === 0) return '<unset>';
  return withMore(ports.map(({ port, name }) => (port === undefined ? `${String(name ?? '*') || '*'}` : String(port))));
}
