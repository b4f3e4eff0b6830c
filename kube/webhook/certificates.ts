/**
 * The certificate of a component's webhook in its Secret: when it is good, when it must be renewed, and what to trust.
 * The CA outlives many certificates, so renewing one changes nothing for the API server. When the CA itself is
 * renewed, the old one stays trusted beside it.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { ServingCertificate } from './server.ts';

/** Keys of the Secret; the first three are Knative's. */
export const SERVER_KEY = 'server-key.pem';
export const SERVER_CERT = 'server-cert.pem';
export const CA_CERT = 'ca-cert.pem';
export const CA_KEY = 'ca-key.pem';

export interface Credentials extends ServingCertificate {
  /** PEM: the CA that signed `cert` first, then former ones that are still valid. */
  readonly caCert: string;
  /** Undefined in a Secret that was made by others. */
  readonly caKey: string | undefined;
}

const DAY = 24 * 60 * 60 * 1000;
const CA_DAYS = 3650;
const SERVER_DAYS = 397;
/** Left of a CA when it is renewed: more than any certificate of its own lives. */
const CA_MARGIN = 400 * DAY;
const SERVER_MARGIN = 30 * DAY;
const MOST_CAS = 4;

/** @param data base64, as in the Secret. @returns undefined when something is missing or is no PEM */
export function credentialsOf(data: Readonly<Record<string, string>> | undefined): Credentials | undefined {
  const read = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  const [key, cert, caCert, caKey] = [SERVER_KEY, SERVER_CERT, CA_CERT, CA_KEY].map(read);
  if (!key || !cert || !caCert) return undefined;
  try {
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return undefined;
    if (certificatesIn(caCert).length === 0) return undefined;
  } catch {
    // Whatever it is, it cannot be served.
    return undefined;
  }
  return { key, cert, caCert, caKey: caKey || undefined };
}

export function secretData({ key, cert, caCert, caKey = '' }: Credentials): Record<string, string> {
  const data = { [SERVER_KEY]: key, [SERVER_CERT]: cert, [CA_CERT]: caCert, [CA_KEY]: caKey };
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')]));
}

/** Does the API server, trusting `bundle`, accept this certificate? */
export function isTrusted({ cert }: ServingCertificate, bundle: string): boolean {
  const leaf = new X509Certificate(cert);
  return certificatesIn(bundle).some((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
}

/**
 * The moment to renew, ms since the epoch; in the past when it is due: the certificate runs out, is for other names,
 * or is not signed by the CA beside it.
 */
export function renewalTime(credentials: Credentials, names: readonly string[]): number {
  const leaf = new X509Certificate(credentials.cert);
  const isFor = names.every((name) => leaf.checkHost(name) !== undefined);
  if (!isFor || !isTrusted(credentials, credentials.caCert)) return 0;
  const ends = new Date(leaf.validTo).getTime();
  // Certificates of others may live for days only.
  const margin = Math.min(SERVER_MARGIN, (ends - new Date(leaf.validFrom).getTime()) / 3);
  return ends - margin;
}

/** A new certificate, of the CA there is if that lives long enough, else of a new one. */
export async function renewed(
  old: Credentials | undefined,
  names: readonly string[],
  now: number,
): Promise<Credentials> {
  const { issueCertificate } = await import('../certificate.ts');
  const authority = usableAuthority(old, now) ?? (await newAuthority());
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = {
    commonName: names.at(-1) ?? 'webhook',
    organizations: ['knative.dev'],
    publicKey: pair.publicKey,
    usage: 'server',
    names,
    ...validity(SERVER_DAYS),
  } as const;
  const issuer = { commonName: authority.name, privateKey: createPrivateKey(authority.key) };
  const cert = await issueCertificate(request, issuer);
  const former = certificatesIn(old?.caCert ?? '')
    .filter((ca) => new Date(ca.validTo).getTime() > now)
    .map((ca) => ca.toString());
  const trusted = [...new Set([authority.cert, ...former].map((text) => text.trim()))].slice(0, MOST_CAS);
  return { key: pem(pair.privateKey), cert, caCert: `${trusted.join('\n')}\n`, caKey: authority.key };

  async function newAuthority() {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // A name of its own: two CAs of one name would be taken for each other.
    const name = `${names[0] ?? 'webhook'}-ca-${Math.floor(now / 1000)}`;
    const self = { commonName: name, privateKey: keys.privateKey };
    const cert = await issueCertificate(
      { commonName: name, publicKey: keys.publicKey, usage: 'ca', ...validity(CA_DAYS) },
      self,
    );
    return { name, cert, key: pem(keys.privateKey) };
  }

  function validity(days: number) {
    // Clocks of others may be a little behind.
    return { notBefore: new Date(now - DAY), notAfter: new Date(now + days * DAY) };
  }
}

function usableAuthority(old: Credentials | undefined, now: number) {
  if (old?.caKey === undefined) return undefined;
  const [ca] = certificatesIn(old.caCert);
  if (ca === undefined || new Date(ca.validTo).getTime() < now + CA_MARGIN) return undefined;
  const name = /^CN=(.*)$/m.exec(ca.subject)?.[1];
  try {
    if (name === undefined || !ca.checkPrivateKey(createPrivateKey(old.caKey))) return undefined;
  } catch {
    return undefined;
  }
  return { name, cert: ca.toString(), key: old.caKey };
}

function certificatesIn(bundle: string): X509Certificate[] {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function pem(key: ReturnType<typeof createPrivateKey>): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
