/** cert-manager's Certificate for one of ours. Source: knative/serving pkg/reconciler/certificate (behaviour). */
import { CertManagerCertificate } from '../../../../api/cert-manager.ts';
import { Certificate, CERTIFICATE_UID_LABEL } from '../../../../api/networking/certificate.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import type { CertManagerConfig, IssuerReference } from '../../config/cert-manager.ts';
import { CERTIFICATE_TYPE_LABEL } from '../certificate.ts';

/** RFC 5280 allows 64 characters of common name; Knative stays below. */
const LONGEST_COMMON_NAME = 63;
/** Before the domain, where the host is too long to be a common name. */
export const SHORT_PREFIX = 'k.';

/** What is wrong with the Certificate or the configuration; for its condition. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

export function makeCertManagerCertificate(
  certificate: Certificate,
  config: CertManagerConfig,
): CertManagerCertificate | Refusal {
  const { metadata, spec } = certificate;
  const names = namesOf(certificate);
  if ('reason' in names) return names;
  const type = metadata.labels?.[CERTIFICATE_TYPE_LABEL] ?? 'external-domain';
  const issuerRef = issuerOf(type, config);
  if (issuerRef === undefined)
    return {
      reason: 'certificate type invalid',
      message: `error creating cert-manager certificate: certificate type ${type} is invalid`,
    };
  const { name, kind, group } = issuerRef;
  return {
    apiVersion: apiVersionOf(CertManagerCertificate),
    kind: CertManagerCertificate.kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      labels: metadata.labels,
      annotations: metadata.annotations,
      ownerReferences: [controllerRef(certificate, Certificate)],
    },
    spec: {
      commonName: names.commonName,
      secretName: spec.secretName,
      dnsNames: [...names.dnsNames],
      issuerRef: { name, kind, ...(group === undefined ? {} : { group }) },
      secretTemplate: { labels: { [CERTIFICATE_UID_LABEL]: metadata.uid ?? '' } },
    },
  };
}

function issuerOf(type: string, config: CertManagerConfig): IssuerReference | undefined {
  switch (type) {
    case 'external-domain':
      return config.issuerRef;
    case 'cluster-local-domain':
      return config.clusterLocalIssuerRef;
    case 'system-internal':
      return config.systemInternalIssuerRef;
    default:
      return undefined;
  }
}

/** A host too long for a common name gets a short sibling in its domain, which is not the domain of a DomainMapping. */
function namesOf({ spec }: Certificate): { commonName: string; dnsNames: readonly string[] } | Refusal {
  const { dnsNames, domain = '' } = spec;
  const [commonName = ''] = dnsNames;
  if (commonName.length <= LONGEST_COMMON_NAME) return { commonName, dnsNames };
  const refused = (problem: string): Refusal => ({
    reason: 'CommonName Too Long',
    message: `error creating cert-manager certificate: CommonName (${problem}`,
  });
  if (domain === '')
    return refused(`${commonName}) too long and field spec.Domain on Kcert is empty, cannot attempt to shorten`);
  if (domain === commonName) return refused(`${commonName}) longer than 63 characters`);
  if (domain.length > LONGEST_COMMON_NAME - SHORT_PREFIX.length)
    return refused(
      `${domain})(length: ${domain.length}) too long, prepending short prefix of (${SHORT_PREFIX})(length: ${SHORT_PREFIX.length}) will be longer than 64 bytes`,
    );
  const short = `${SHORT_PREFIX}${domain}`;
  return { commonName: short, dnsNames: [short, ...dnsNames] };
}
