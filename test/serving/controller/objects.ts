/** Manifests as a user types them; defaulting fills in the rest. */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import type { Route, TrafficTarget } from '../../../api/serving/route.ts';
import type { Service } from '../../../api/serving/service.ts';
import { isReady } from '../../../kube/conditions.ts';

export interface Template {
  readonly metadata?: { name?: string; annotations?: Record<string, string> };
  readonly spec: { containers: { image: string; ports?: { containerPort: number }[] }[] };
}

interface More {
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly traffic?: TrafficTarget[];
}

/** A template of one container. */
export const run = (image: string, metadata?: Template['metadata']): Template => ({
  ...(metadata === undefined ? {} : { metadata }),
  spec: { containers: [{ image }] },
});

export function serviceOf(name: string, template: Template, more: More = {}): Service {
  const { namespace = 'default', labels, annotations, traffic } = more;
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name, namespace, labels, annotations },
    // Containers get their names by defaulting.
    spec: { template: template as Service['spec']['template'], traffic },
  };
}

export function configurationOf(name: string, template: Template): Configuration {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Configuration',
    metadata: { name, namespace: 'default' },
    spec: { template: template as Configuration['spec']['template'] },
  };
}

export function routeOf(name: string, traffic: TrafficTarget[], more: More = {}): Route {
  const { namespace = 'default', labels, annotations } = more;
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Route',
    metadata: { name, namespace, labels, annotations },
    spec: { traffic },
  };
}

export function mappingOf(domain: string, service: string, namespace = 'default'): DomainMapping {
  return {
    apiVersion: 'serving.knative.dev/v1beta1',
    kind: 'DomainMapping',
    metadata: { name: domain, namespace },
    spec: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: service } },
  };
}

export const readyAt = (revision: string) => (service: Service) =>
  isReady(service) && service.status?.latestReadyRevisionName === revision;
