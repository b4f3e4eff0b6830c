/** Who provides a Certificate: its class, by annotation, else by config-network. */
import type { Certificate } from '../../../api/networking/certificate.ts';
import { CERTIFICATE_CLASS, firstOf } from '../keys.ts';

/** Issued by our own CA. */
export const OWN_CLASS = 'zeroth.certificate.networking.knative.dev';
/** Issued by cert-manager; Knative's default. */
export const CERT_MANAGER_CLASS = 'cert-manager.certificate.networking.knative.dev';

/** @param fallback the class in config-network */
export function certificateClassOf(certificate: Certificate, fallback: string): string {
  return firstOf(certificate.metadata.annotations, CERTIFICATE_CLASS) ?? fallback;
}
