/**
 * The two Kubernetes Services of a revision. Public: reached through the activators. Private: the revision's own pods,
 * addressed on the container's port, there being no sidecar. Source: reference section 2.2, "Ports".
 */
import { Endpoints, Service } from '../../../../api/core.ts';
import {
  SERVERLESS_SERVICE_CONDITIONS,
  SERVICE_TYPE_LABEL,
  ServerlessService,
} from '../../../../api/networking/serverless-service.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { childName } from '../../../../kube/names.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import { SERVERLESS_SERVICE_LABEL, union } from '../../keys.ts';

export const [ENDPOINTS_POPULATED] = SERVERLESS_SERVICE_CONDITIONS;

type Port = NonNullable<NonNullable<Service['spec']>['ports']>[number];
type Subset = NonNullable<Endpoints['subsets']>[number];

/** Where activators listen when they run as a Service of their own. */
const ACTIVATOR_PORTS = { http1: 8012, h2c: 8013 } as const;

export function privateServiceName(sks: ServerlessService): string {
  return childName(sks.metadata.name, '-private');
}

export function makePublicService(sks: ServerlessService): Service {
  return {
    apiVersion: apiVersionOf(Service),
    kind: Service.kind,
    metadata: metadata(sks, sks.metadata.name, 'Public'),
    spec: {
      ports: [
        port(sks, sks.spec.protocolType === 'h2c' ? 81 : 80, ACTIVATOR_PORTS[sks.spec.protocolType]),
        { name: 'https', protocol: 'TCP', port: 443, targetPort: 8112 },
      ],
    },
  };
}

/** @param selector of the revision's pods @param containerPort what requests are sent to */
export function makePrivateService(
  sks: ServerlessService,
  selector: Readonly<Record<string, string>>,
  containerPort: number,
): Service {
  return {
    apiVersion: apiVersionOf(Service),
    kind: Service.kind,
    metadata: metadata(sks, privateServiceName(sks), 'Private'),
    spec: { selector: { ...selector }, ports: [port(sks, 80, containerPort)] },
  };
}

/** @param subsets where requests go: to activators, or to the pods */
export function makePublicEndpoints(sks: ServerlessService, subsets: readonly Subset[]): Endpoints {
  return {
    apiVersion: apiVersionOf(Endpoints),
    kind: Endpoints.kind,
    metadata: metadata(sks, sks.metadata.name, 'Public'),
    subsets: [...subsets],
  };
}

/** Of all that activators listen on, the ports for this revision's protocol and for TLS. */
export function activatorPorts(sks: ServerlessService, subsets: readonly Subset[]): Subset[] {
  const wanted = ACTIVATOR_PORTS[sks.spec.protocolType];
  return subsets.map((subset) => ({
    ...subset,
    ports: subset.ports?.filter((one) => one.port === wanted || one.port === 8112 || subset.ports?.length === 1),
  }));
}

function metadata(sks: ServerlessService, name: string, type: 'Public' | 'Private') {
  return {
    name,
    namespace: sks.metadata.namespace,
    labels: union(sks.metadata.labels, {
      [SERVERLESS_SERVICE_LABEL]: sks.metadata.name,
      [SERVICE_TYPE_LABEL]: type,
    }),
    annotations: union(sks.metadata.annotations),
    ownerReferences: [controllerRef(sks, ServerlessService)],
  };
}

function port(sks: ServerlessService, number: number, target: number): Port {
  const protocol = { protocol: 'TCP', port: number, targetPort: target };
  return sks.spec.protocolType === 'h2c'
    ? { name: 'http2', appProtocol: 'kubernetes.io/h2c', ...protocol }
    : { name: 'http', ...protocol };
}
