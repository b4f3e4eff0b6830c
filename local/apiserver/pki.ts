/** The CA, server certificate and admin token of a state folder. Made on first use; the certificate renewed in time. */
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { issueCertificate } from '../../kube/certificate.ts';

export interface Pki {
  /** PEM. */
  readonly caCert: string;
  readonly cert: string;
  readonly key: string;
  /** Bearer token of `system:admin`. */
  readonly token: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

export interface PkiOptions {
  /** DNS names and addresses the server is reached by, besides localhost and the in-cluster names. */
  readonly names?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

const DAY = 24 * 60 * 60 * 1000;
const CA_NAME = 'zeroth-ca';
const NAMES = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '127.0.0.1',
  '::1',
];

/** Makes a certificate; what that takes is loaded only now. */
const issue: typeof issueCertificate = async (request, issuer) => {
  const { issueCertificate } = await import('../../kube/certificate.ts');
  return issueCertificate(request, issuer);
};

export async function openPki(dir: string, options: PkiOptions = {}): Promise<Pki> {
  const now = options.now ?? Date.now();
  const file = (name: string) => join(dir, name);
  await mkdir(dir, { recursive: true, mode: 0o700 });

  let caKey = await readText(file('ca.key'));
  let caCert = await readText(file('ca.crt'));
  if (caKey === undefined || caCert === undefined) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    caKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    caCert = await issue(
      { commonName: CA_NAME, publicKey: pair.publicKey, usage: 'ca', ...validity(now, 3650) },
      { commonName: CA_NAME, privateKey: pair.privateKey },
    );
    await writeSecret(file('ca.key'), caKey);
    await writeFile(file('ca.crt'), caCert);
  }

  const names = [...new Set([...NAMES, ...(options.names ?? [])])];
  let key = await readText(file('server.key'));
  let cert = await readText(file('server.crt'));
  if (key === undefined || cert === undefined || !serves(cert, caCert, names, now)) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    cert = await issue(
      {
        commonName: 'zeroth-apiserver',
        publicKey: pair.publicKey,
        usage: 'server',
        names,
        ...validity(now, 397),
      },
      { commonName: CA_NAME, privateKey: createPrivateKey(caKey) },
    );
    await writeSecret(file('server.key'), key);
    await writeFile(file('server.crt'), cert);
  }

  let token = (await readText(file('admin.token')))?.trim();
  if (token === undefined || token === '') {
    token = randomBytes(32).toString('base64url');
    await writeSecret(file('admin.token'), token);
  }
  return { caCert, cert, key, token, tokenFile: file('admin.token'), caFile: file('ca.crt') };
}

function validity(now: number, days: number): { notBefore: Date; notAfter: Date } {
  // Clocks of clients may be a little behind.
  return { notBefore: new Date(now - DAY), notAfter: new Date(now + days * DAY) };
}

function serves(cert: string, caCert: string, names: readonly string[], now: number): boolean {
  const certificate = new X509Certificate(cert);
  if (new Date(certificate.validTo).getTime() < now + 30 * DAY) return false;
  if (!certificate.verify(new X509Certificate(caCert).publicKey)) return false;
  return names.every((name) => certificate.checkHost(name) !== undefined || certificate.checkIP(name) !== undefined);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeSecret(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
}
