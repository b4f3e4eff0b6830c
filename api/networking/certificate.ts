/** networking.internal.knative.dev/v1alpha1 Certificate and ClusterDomainClaim. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

export interface Certificate extends KubeObject {
  spec: { dnsNames: string[]; domain?: string; secretName: string };
  status?: DuckStatus & {
    notAfter?: string;
    http01Challenges?: {
      url?: string;
      serviceName?: string;
      serviceNamespace?: string;
      servicePort?: number | string;
    }[];
  };
}

/** On a Secret that holds a Certificate's key pair, with the Certificate's uid: how gateways find what they may need. */
export const CERTIFICATE_UID_LABEL = 'networking.internal.knative.dev/certificate-uid';

export const Certificate = resourceType<Certificate>(
  'networking.internal.knative.dev/v1alpha1',
  'Certificate',
  'certificates',
);

export interface ClusterDomainClaim extends KubeObject {
  spec: { namespace: string };
}

export const ClusterDomainClaim = resourceType<ClusterDomainClaim>(
  'networking.internal.knative.dev/v1alpha1',
  'ClusterDomainClaim',
  'clusterdomainclaims',
  false,
);
