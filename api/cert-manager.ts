/** What is read and written of cert-manager's kinds. Source: cert-manager.io/v1 and acme.cert-manager.io/v1 API reference. */
import type { Condition, KubeObject } from './object.ts';
import { resourceType } from './resource.ts';

export interface IssuerRef {
  name: string;
  kind?: string;
  group?: string;
}

export interface CertManagerCertificate extends KubeObject {
  spec: {
    commonName?: string;
    secretName: string;
    dnsNames?: string[];
    issuerRef: IssuerRef;
    secretTemplate?: { labels?: Record<string, string> };
  };
  status?: { conditions?: Condition[]; notAfter?: string; renewalTime?: string };
}

export interface ClusterIssuer extends KubeObject {
  spec: { acme?: { solvers?: { http01?: object }[] } };
}

export interface AcmeChallenge extends KubeObject {
  spec: { token: string; dnsName: string };
}

export const CertManagerCertificate = resourceType<CertManagerCertificate>(
  'cert-manager.io/v1',
  'Certificate',
  'certificates',
);

export const ClusterIssuer = resourceType<ClusterIssuer>(
  'cert-manager.io/v1',
  'ClusterIssuer',
  'clusterissuers',
  false,
);

export const AcmeChallenge = resourceType<AcmeChallenge>('acme.cert-manager.io/v1', 'Challenge', 'challenges');

/** On the Service of a solver: Adler-32 of the domain it answers for. */
export const HTTP_DOMAIN_LABEL = 'acme.cert-manager.io/http-domain';
