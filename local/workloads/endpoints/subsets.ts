/** The older Endpoints object of a Service, for clients that read it. Source: Kubernetes API reference, Endpoints. */
import type { Endpoints, Service } from '../../../api/core.ts';
import type { PortSet, ServingPod } from './port-sets.ts';
import { HEADLESS } from './slices.ts';

/** @param existing the object of that name, whoever made it */
export function makeEndpoints(service: Service, sets: readonly PortSet[], existing: Endpoints | undefined): Endpoints {
  const { name, namespace, labels } = service.metadata;
  const headless: Record<string, string> = service.spec?.clusterIP === 'None' ? { [HEADLESS]: '' } : {};
  const subsets = sets.map((set) => makeSubset(service, set)).filter((subset) => subset !== undefined);
  const { subsets: _, ...rest } = existing ?? {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, namespace },
  };
  const all = { ...labels, ...headless, 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };
  return {
    ...rest,
    metadata: { ...rest.metadata, labels: all },
    ...(subsets.length > 0 ? { subsets } : {}),
  };
}

function makeSubset(service: Service, { ports, pods }: PortSet) {
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  const shown = pods.filter(({ terminating }) => publishAll || !terminating);
  const ready = shown.filter(({ serving }) => publishAll || serving);
  const notReady = shown.filter((pod) => !ready.includes(pod));
  if (shown.length === 0) return undefined;
  return {
    ...(ready.length > 0 ? { addresses: ready.map(makeAddress) } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady.map(makeAddress) } : {}),
    ...(ports.length > 0 ? { ports: ports.map(({ name, ...port }) => (name === '' ? port : { name, ...port })) } : {}),
  };
}

function makeAddress({ pod, address }: ServingPod) {
  const { namespace, name, uid } = pod.metadata;
  const nodeName = pod.spec?.nodeName;
  return {
    ip: address,
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}
