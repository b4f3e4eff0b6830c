/** A sound manifest of every kind of Serving, as small as it may be. */
import { CONFIGURATION, DOMAIN_MAPPING, INGRESS, REVISION, ROUTE, SERVICE, type Manifest } from './admit.ts';

const networking = (kind: string, spec: unknown): Manifest => ({
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind,
  metadata: { name: 'hello', namespace: 'default' },
  spec,
});

const autoscaling = (kind: string, spec: unknown): Manifest => ({
  ...networking(kind, spec),
  apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
});

const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello' };

export const SOUND: Readonly<Record<string, Manifest>> = {
  Service: SERVICE,
  Configuration: CONFIGURATION,
  Revision: REVISION,
  Route: ROUTE,
  DomainMapping: DOMAIN_MAPPING,
  Ingress: INGRESS,
  PodAutoscaler: autoscaling('PodAutoscaler', { scaleTargetRef: TARGET, protocolType: 'http1' }),
  Metric: autoscaling('Metric', { stableWindow: 60_000_000_000, panicWindow: 6_000_000_000, scrapeTarget: 'hello' }),
  ServerlessService: networking('ServerlessService', { mode: 'Serve', objectRef: TARGET, protocolType: 'http1' }),
  Certificate: networking('Certificate', { dnsNames: ['a.example.com'], secretName: 's' }),
  ClusterDomainClaim: {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'ClusterDomainClaim',
    metadata: { name: 'shop.example.com' },
    spec: { namespace: 'default' },
  },
  Image: {
    apiVersion: 'caching.internal.knative.dev/v1alpha1',
    kind: 'Image',
    metadata: { name: 'hello', namespace: 'default' },
    spec: { image: 'registry.example.com/hello' },
  },
};
