/**
 * Placeholder Services: they hold a Route's and its tags' names in the namespace, and lead to the load balancer of the
 * Ingress. Source: reference section 2.5.
 */
import { Endpoints, Service } from '../../../../api/core.ts';
import type { Ingress } from '../../../../api/networking/ingress.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { Route } from '../../../../api/serving/route.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import { ROUTE_LABEL, union, VISIBILITY_LABEL, without } from '../../keys.ts';
import { hostLabel, hostOf, type NamingConfig, type Visibility } from '../domains.ts';

export interface Placeholder {
  readonly service: Service;
  /** Only for a load balancer known by address. */
  readonly endpoints: Endpoints | undefined;
}

const H2C = { name: 'http2', appProtocol: 'kubernetes.io/h2c', port: 80 } as const;

/** What to create before the Ingress has a load balancer. */
export function makePlaceholder(route: Route, tag: string, visibility: Visibility, config: NamingConfig): Service {
  return {
    ...named(route, tag, config),
    spec: {
      type: 'ExternalName',
      externalName: hostOf(route, tag, visibility, config),
      sessionAffinity: 'None',
      ports: [{ ...H2C, protocol: 'TCP', targetPort: 80 }],
    },
  };
}

/** What it becomes; undefined while there is no load balancer, or more than one. */
export function makeBalanced(
  route: Route,
  tag: string,
  ingress: Ingress,
  onlyPrivate: boolean,
  config: NamingConfig,
): Placeholder | undefined {
  const { privateLoadBalancer, publicLoadBalancer } = ingress.status ?? {};
  const hasPrivate = (privateLoadBalancer?.ingress ?? []).length > 0;
  const balancers = (onlyPrivate || hasPrivate ? privateLoadBalancer : publicLoadBalancer)?.ingress ?? [];
  const balancer = balancers[0];
  if (balancer === undefined || balancers.length > 1) return undefined;
  const service = named(route, tag, config);
  const ports = [{ ...H2C, protocol: 'TCP', targetPort: 80 }];
  if (balancer.ip !== undefined && balancer.ip !== '')
    return {
      service: { ...service, spec: { type: 'ClusterIP', clusterIP: 'None', ports } },
      endpoints: {
        apiVersion: apiVersionOf(Endpoints),
        kind: Endpoints.kind,
        metadata: service.metadata,
        subsets: [{ addresses: [{ ip: balancer.ip }], ports: [{ ...H2C, protocol: 'TCP' }] }],
      },
    };
  const domain = withoutPort(balancer.domainInternal ?? '') || withoutPort(balancer.domain ?? '');
  if (domain !== '')
    return {
      service: { ...service, spec: { type: 'ExternalName', externalName: domain, sessionAffinity: 'None', ports } },
      endpoints: undefined,
    };
  if (balancer.meshOnly !== true) return undefined;
  return {
    service: { ...service, spec: { type: 'ClusterIP', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } },
    endpoints: undefined,
  };
}

function named(route: Route, tag: string, config: NamingConfig): Service {
  const { name, namespace, labels, annotations } = route.metadata;
  return {
    apiVersion: apiVersionOf(Service),
    kind: Service.kind,
    metadata: {
      name: hostLabel(name, tag, config.network),
      namespace,
      // The visibility label is the user's to set on a placeholder.
      labels: union(
        without(labels, (key) => key === VISIBILITY_LABEL),
        { [ROUTE_LABEL]: name },
      ),
      annotations: union(annotations),
      ownerReferences: [controllerRef(route, Route)],
    },
  };
}

/** A DNS name has no port; a gateway on an unusual one may still say it. */
function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}
