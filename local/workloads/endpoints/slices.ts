/**
 * The EndpointSlices of a Service: one for each distinct set of ports, or several when it has very many pods.
 * Source: Kubernetes, "EndpointSlices". A slice that becomes free is filled anew rather than replaced, so that a pod that
 * turns ready costs one write.
 */
import { Service, type EndpointSlice } from '../../../api/core.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { controllerRef } from '../../../kube/reconciler.ts';
import { randomName } from '../pod-template.ts';
import type { EndpointPort, PortSet, ServingPod } from './port-sets.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
export const HEADLESS = 'service.kubernetes.io/headless';

/** The most that the API lets a slice hold. */
const LARGEST = 1000;

type Endpoint = EndpointSlice['endpoints'][number];

export interface SlicePlan {
  readonly creates: readonly EndpointSlice[];
  readonly updates: readonly EndpointSlice[];
  readonly deletes: readonly EndpointSlice[];
}

/** @param existing the slices that this controller made for the Service */
export function planSlices(service: Service, sets: readonly PortSet[], existing: readonly EndpointSlice[]): SlicePlan {
  const wanted = contents(service, sets);
  const free = [...existing].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const taken = new Map<EndpointSlice, Content>();
  const take = (content: Content, fits: (slice: EndpointSlice) => boolean): boolean => {
    const index = free.findIndex((slice) => slice.addressType === content.addressType && fits(slice));
    const [slice] = index < 0 ? [] : free.splice(index, 1);
    if (slice === undefined) return false;
    taken.set(slice, content);
    return true;
  };
  const withoutTwin = wanted.filter((content) => !take(content, (slice) => deepEqual(slice.ports, content.ports)));
  const withoutSlice = withoutTwin.filter((content) => !take(content, () => true));
  const updates = [...taken].flatMap(([slice, content]) => {
    const after = fill(service, slice, content);
    return deepEqual(slice, after) ? [] : [after];
  });
  return { creates: withoutSlice.map((content) => fill(service, undefined, content)), updates, deletes: free };
}

interface Content {
  readonly addressType: string;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** A Service without pods keeps one empty slice. */
function contents(service: Service, sets: readonly PortSet[]): Content[] {
  const result: Content[] = [];
  for (const { ports, pods } of sets) {
    for (const [addressType, some] of byFamily(pods)) {
      const endpoints = some.map((one) => makeEndpoint(service, one));
      for (let at = 0; at < endpoints.length; at += LARGEST) {
        result.push({ addressType, ports, endpoints: endpoints.slice(at, at + LARGEST) });
      }
    }
  }
  if (result.length > 0) return result;
  const addressType = service.spec?.ipFamilies?.[0] ?? 'IPv4';
  return [{ addressType, ports: [], endpoints: [] }];
}

function byFamily(pods: readonly ServingPod[]): [string, ServingPod[]][] {
  const isV6 = ({ address }: ServingPod): boolean => address.includes(':');
  const families: [string, ServingPod[]][] = [
    ['IPv4', pods.filter((pod) => !isV6(pod))],
    ['IPv6', pods.filter(isV6)],
  ];
  return families.filter(([, some]) => some.length > 0);
}

function makeEndpoint(service: Service, { pod, address, serving, terminating }: ServingPod): Endpoint {
  const { namespace, name, uid } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  const named = hostname !== undefined && hostname !== '' && subdomain === service.metadata.name;
  return {
    addresses: [address],
    conditions: {
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(named ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function fill(service: Service, slice: EndpointSlice | undefined, content: Content): EndpointSlice {
  const generateName = `${service.metadata.name}-`;
  const metadata = slice?.metadata ?? {
    name: randomName(generateName),
    generateName,
    namespace: service.metadata.namespace,
  };
  const { addressType, ports, endpoints } = content;
  return {
    ...(slice ?? { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }),
    metadata: { ...metadata, labels: labelsOf(service), ownerReferences: [controllerRef(service, Service)] },
    addressType,
    ports: [...ports],
    endpoints: [...endpoints],
  };
}

function labelsOf(service: Service): Record<string, string> {
  const headless: Record<string, string> = service.spec?.clusterIP === 'None' ? { [HEADLESS]: '' } : {};
  return { ...service.metadata.labels, ...headless, [SERVICE_NAME]: service.metadata.name, [MANAGED_BY]: MANAGER };
}
