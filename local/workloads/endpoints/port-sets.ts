/** Groups a Service's pods by the ports that reach them. Source: Kubernetes, "EndpointSlices". */
import type { Pod, Service } from '../../../api/core.ts';
import { PORT_MAP_ANNOTATION } from '../../../api/zeroth.ts';
import { isPodReady, isTerminal } from '../pods.ts';

export interface EndpointPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

export interface ServingPod {
  readonly pod: Pod;
  readonly address: string;
  /** The pod's own readiness, whatever the Service publishes. */
  readonly serving: boolean;
  readonly terminating: boolean;
}

export interface PortSet {
  readonly ports: readonly EndpointPort[];
  readonly pods: readonly ServingPod[];
}

type ServicePort = NonNullable<NonNullable<Service['spec']>['ports']>[number];

/** Pods with an address that have not run to their end, those with the same ports together, in order of name. */
export function portSets(service: Service, pods: readonly Pod[]): PortSet[] {
  const sets = new Map<string, { ports: EndpointPort[]; pods: ServingPod[] }>();
  const sorted = [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const pod of sorted) {
    const address = pod.status?.podIP ?? '';
    if (address === '' || isTerminal(pod)) continue;
    const ports = resolvePorts(service, pod);
    const key = JSON.stringify(ports);
    const entry = {
      pod,
      address,
      serving: isPodReady(pod),
      terminating: pod.metadata.deletionTimestamp !== undefined,
    };
    const known = sets.get(key);
    if (known === undefined) sets.set(key, { ports, pods: [entry] });
    else known.pods.push(entry);
  }
  return [...sets.values()];
}

/** The Service's ports as this pod offers them; a named port that it does not have is left out. */
export function resolvePorts(service: Service, pod: Pod): EndpointPort[] {
  const real = portMap(pod);
  return (service.spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP';
    const declared = targetPort(port, protocol, pod);
    if (declared === undefined) return [];
    const { appProtocol } = port;
    const resolved = { name: port.name ?? '', port: real[declared] ?? declared, protocol };
    return [appProtocol === undefined ? resolved : { ...resolved, appProtocol }];
  });
}

function targetPort(port: ServicePort, protocol: string, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const named = ports.find((one) => one.name === target && (one.protocol ?? 'TCP') === protocol);
    if (named !== undefined) return named.containerPort;
  }
  return undefined;
}

/** Declared → real ports of a process that listens elsewhere; empty when the annotation is absent or unreadable. */
function portMap(pod: Pod): Readonly<Record<number, number>> {
  const text = pod.metadata.annotations?.[PORT_MAP_ANNOTATION];
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).filter(([, port]) => Number.isInteger(port)));
  } catch {
    return {};
  }
}
