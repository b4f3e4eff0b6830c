/** serving.knative.dev/v1beta1 DomainMapping: a domain of the user's own for an addressable. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';
import type { Addressable } from './route.ts';

export interface DomainMapping extends KubeObject {
  spec: {
    ref: { kind: string; name: string; namespace?: string; apiVersion?: string; group?: string; address?: string };
    tls?: { secretName: string };
  };
  status?: DuckStatus & { url?: string; address?: Addressable };
}

export const DomainMapping = resourceType<DomainMapping>(
  'serving.knative.dev/v1beta1',
  'DomainMapping',
  'domainmappings',
);

export const DOMAIN_MAPPING_CONDITIONS = [
  'DomainClaimed',
  'ReferenceResolved',
  'IngressReady',
  'CertificateProvisioned',
] as const;
