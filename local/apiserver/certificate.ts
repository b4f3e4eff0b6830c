/** X.509 certificates of one CA: ECDSA P-256 with SHA-256. Source: RFC 5280. */
import { createHash, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, setOf, time, utf8 } from './der.ts';

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

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

/** @returns PEM */
export function issueCertificate(request: CertificateRequest, issuer: Issuer): string {
  const subjectKey = request.publicKey.export({ type: 'spki', format: 'der' });
  const issuerKey = createPublicKey(issuer.privateKey).export({ type: 'spki', format: 'der' });
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f;
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    nameOf(issuer.commonName),
    sequence(time(request.notBefore), time(request.notAfter)),
    nameOf(request.commonName, request.organizations),
    subjectKey,
    explicit(3, sequence(...extensionsOf(request, keyId(subjectKey), keyId(issuerKey)))),
  );
  const signature = sign('sha256', body, { key: issuer.privateKey, dsaEncoding: 'der' });
  const certificate = sequence(body, ECDSA_SHA256, bits(signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extensionsOf(request: CertificateRequest, subject: Buffer, issuer: Buffer): Buffer[] {
  const { usage, names = [] } = request;
  const isCa = usage === 'ca';
  const extensions = [
    extension('2.5.29.19', true, isCa ? sequence(boolean(true)) : sequence()),
    // CA: digitalSignature, keyCertSign, cRLSign. Others: digitalSignature.
    extension('2.5.29.15', true, isCa ? bits(Buffer.from([0x86]), 1) : bits(Buffer.from([0x80]), 7)),
    extension('2.5.29.14', false, octets(subject)),
    extension('2.5.29.35', false, sequence(implicit(0, issuer))),
  ];
  if (!isCa) {
    const purpose = usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2';
    extensions.push(extension('2.5.29.37', false, sequence(oid(purpose))));
  }
  if (names.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...names.map(alternativeName))));
  return extensions;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? implicit(2, Buffer.from(name)) : implicit(7, addressBytes(name));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >>> 8, group & 0xff]));
}

function nameOf(commonName: string, organizations: readonly string[] = []): Buffer {
  const part = (id: string, text: string) => setOf(sequence(oid(id), utf8(text)));
  return sequence(...organizations.map((one) => part('2.5.4.10', one)), part('2.5.4.3', commonName));
}

/** The SHA-1 of the key's bits, which lie behind the algorithm in the SPKI. */
function keyId(spki: Buffer): Buffer {
  // P-256: the uncompressed point is the last 65 bytes.
  return createHash('sha1').update(spki.subarray(-65)).digest();
}
