/** Certificates with their keys, as Secrets of type kubernetes.io/tls hold them, and what is wrong with one. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../../api/core.ts';

export interface KeyPair {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Expected {
  /** PEM of the CA that must have issued it. */
  readonly caCert: string;
  readonly dnsNames: readonly string[];
  /** ms since the epoch. */
  readonly now: number;
}

export function keyPairOf(secret: Secret): KeyPair {
  return { cert: decode(secret.data?.['tls.crt']), key: decode(secret.data?.['tls.key']) };
}

/** @returns the `data` of a Secret */
export function secretData(pair: KeyPair, caCert: string): Record<string, string> {
  return { 'tls.crt': encode(pair.cert), 'tls.key': encode(pair.key), 'ca.crt': encode(caCert) };
}

/** Why a new one must be issued, in words for an Event; undefined while this one will do. */
export function reasonToIssue(pair: KeyPair, expected: Expected): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return 'its key was of another certificate';
  } catch {
    return 'it could not be read';
  }
  if (!certificate.verify(new X509Certificate(expected.caCert).publicKey)) return 'another CA had issued it';
  const names = namesOf(certificate);
  const wanted = new Set(expected.dnsNames.map((name) => name.toLowerCase()));
  if (names.size !== wanted.size || ![...wanted].every((name) => names.has(name))) return 'its names changed';
  if (expected.now >= renewalTime(pair.cert)) return 'it was about to expire';
  return undefined;
}

/** When a third of its life is left. @returns ms since the epoch */
export function renewalTime(cert: string): number {
  const { validFrom, validTo } = new X509Certificate(cert);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return to - (to - from) / 3;
}

/** @returns ms since the epoch */
export function expiryOf(cert: string): number {
  return Date.parse(new X509Certificate(cert).validTo);
}

function namesOf(certificate: X509Certificate): Set<string> {
  const names = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
  return new Set(names.map((name) => name.slice('DNS:'.length).toLowerCase()));
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}
