/**
 * X.509 certificates of one CA: ECDSA P-256 with SHA-256. Source: RFC 5280. Import it lazily: the library and its
 * polyfill are large, and only a start that makes a certificate needs them.
 */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createPublicKey, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly usage: 'ca' | 'server' | 'client';
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
}

export interface Issuer {
  readonly commonName: string;
  readonly privateKey: KeyObject;
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { ...CURVE, hash: 'SHA-256' } as const;

/** @returns PEM */
export async function issueCertificate(request: CertificateRequest, issuer: Issuer): Promise<string> {
  const publicKey = await spki(request.publicKey);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    issuer.privateKey.export({ type: 'pkcs8', format: 'der' }),
    CURVE,
    false,
    ['sign'],
  );
  const isCa = request.usage === 'ca';
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const names = (request.names ?? []).map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(isCa, undefined, true),
    new x509.KeyUsagesExtension(isCa ? digitalSignature | keyCertSign | cRLSign : digitalSignature, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(await spki(createPublicKey(issuer.privateKey))),
  ];
  if (!isCa)
    extensions.push(new x509.ExtendedKeyUsageExtension([request.usage === 'server' ? serverAuth : clientAuth]));
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [...(request.organizations ?? []).map((name) => ({ O: [name] })), { CN: [request.commonName] }],
    issuer: [{ CN: [issuer.commonName] }],
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    signingAlgorithm: SIGNATURE,
    publicKey,
    signingKey,
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}

function spki(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('spki', key.export({ type: 'spki', format: 'der' }), CURVE, true, ['verify']);
}

/** Positive, as RFC 5280 asks, and random. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
