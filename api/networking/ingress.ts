/** networking.internal.knative.dev/v1alpha1 Ingress: host names to weighted splits; the contract between Route and activator. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

export interface IngressSplit {
  /** The revision's name: the Kubernetes Service of the same name. */
  serviceName: string;
  serviceNamespace: string;
  servicePort: number | string;
  /** 0 to 100; the splits of a path add up to 100. */
  percent?: number;
  appendHeaders?: Record<string, string>;
}

export interface IngressPath {
  path?: string;
  /** All must match exactly. */
  headers?: Record<string, { exact: string }>;
  rewriteHost?: string;
  splits: IngressSplit[];
  appendHeaders?: Record<string, string>;
}

export interface IngressRule {
  hosts: string[];
  visibility?: 'ExternalIP' | 'ClusterLocal';
  http: { paths: IngressPath[] };
}

export interface LoadBalancerStatus {
  ingress?: { ip?: string; domain?: string; domainInternal?: string; meshOnly?: boolean }[];
}

export interface Ingress extends KubeObject {
  spec: {
    tls?: { hosts: string[]; secretName: string; secretNamespace: string }[];
    rules: IngressRule[];
    httpOption?: 'Enabled' | 'Redirected';
  };
  status?: DuckStatus & { publicLoadBalancer?: LoadBalancerStatus; privateLoadBalancer?: LoadBalancerStatus };
}

export const Ingress = resourceType<Ingress>('networking.internal.knative.dev/v1alpha1', 'Ingress', 'ingresses');

export const INGRESS_CONDITIONS = ['NetworkConfigured', 'LoadBalancerReady'] as const;

/** Annotation of the class; the gateway serves the Ingresses of its own class. */
export const INGRESS_CLASS_ANNOTATION = 'networking.knative.dev/ingress.class';
export const ZEROTH_INGRESS_CLASS = 'zeroth.ingress.networking.knative.dev';
