/**
 * Our own CA, kept in a Secret of the system namespace: made when the first certificate is asked for, read by whoever
 * comes later, replaced in its last year. Who replaces the Secret replaces the CA; everything is then issued anew.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { Secret } from '../../../api/core.ts';
import { GATEWAY_CA_SECRET } from '../../../api/zeroth.ts';
import type { issueCertificate } from '../../../kube/certificate.ts';
import type { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import { Informer } from '../../../kube/informer.ts';
import type { Logger } from '../../../kube/log.ts';
import { CertificateAuthorityError } from '../errors.ts';
import { expiryOf, keyPairOf, secretData, type KeyPair } from './key-pair.ts';

const DAY = 24 * 60 * 60 * 1000;
const CA_NAME = 'zeroth-gateway-ca';
const CA_DAYS = 3650;
const CA_RENEWAL_DAYS = 365;
/** Well below the 398 days that browsers accept, and long enough to survive a holiday without this running. */
const LEAF_DAYS = 90;
/** RFC 5280, ub-common-name. */
const LONGEST_COMMON_NAME = 64;

export interface AuthorityOptions {
  readonly client: Client;
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One CA as it stands in the Secret. */
export class Authority {
  readonly caCert: string;
  readonly #key: KeyObject;
  readonly #name: string;
  readonly #clock: Clock;

  /** @throws CertificateAuthorityError */
  constructor({ cert, key }: KeyPair, clock: Clock) {
    this.caCert = cert;
    this.#clock = clock;
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(cert);
      this.#key = createPrivateKey(key);
    } catch {
      throw new CertificateAuthorityError('tls.crt and tls.key cannot be read');
    }
    if (!certificate.checkPrivateKey(this.#key))
      throw new CertificateAuthorityError('tls.key is not the key of the certificate in tls.crt');
    if (!certificate.ca) throw new CertificateAuthorityError('the certificate in tls.crt is not one of a CA');
    const name = /^CN=([^\n]*)$/.exec(certificate.subject)?.[1];
    if (name === undefined || this.#key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
      throw new CertificateAuthorityError(
        'the CA must have a subject of a common name alone, and an ECDSA key on curve P-256',
      );
    this.#name = name;
  }

  /** A server certificate for these names, valid from now on. */
  async issue(dnsNames: readonly string[]): Promise<KeyPair> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const now = this.#clock.now();
    const commonName = dnsNames.find((name) => name.length <= LONGEST_COMMON_NAME) ?? 'zeroth';
    const cert = await issue(
      {
        commonName,
        publicKey,
        usage: 'server',
        names: dnsNames,
        // Clocks of clients may be a little behind.
        notBefore: new Date(now - DAY),
        notAfter: new Date(Math.min(now + LEAF_DAYS * DAY, expiryOf(this.caCert))),
      },
      { commonName: this.#name, privateKey: this.#key },
    );
    return { cert, key: pem(privateKey) };
  }
}

export class AuthoritySource {
  readonly #options: AuthorityOptions;
  readonly #informer: Informer<Secret>;
  readonly #handlers: (() => void)[] = [];
  /** What this process wrote last: its cache may not have heard of it yet. */
  #written: Secret | undefined;
  #making: Promise<Secret> | undefined;
  #parsed: { readonly secret: Secret; readonly authority: Authority } | undefined;

  constructor(options: AuthorityOptions) {
    this.#options = options;
    const { client, namespace, log } = options;
    const fieldSelector = `metadata.name=${GATEWAY_CA_SECRET}`;
    this.#informer = new Informer(client, Secret, log, { namespace, fieldSelector });
  }

  async start(): Promise<void> {
    await this.#informer.start().synced;
    this.#informer.onChange(() => {
      this.#written = undefined;
      for (const handler of this.#handlers) handler();
    });
  }

  stop(): void {
    this.#informer.stop();
  }

  /** Told when another CA may be in force. */
  onChange(handler: () => void): void {
    this.#handlers.push(handler);
  }

  /** The CA in force; made when there is none. @throws CertificateAuthorityError for one that cannot be used */
  async current(): Promise<Authority> {
    const { namespace, clock } = this.#options;
    let secret = this.#written ?? this.#informer.get(namespace, GATEWAY_CA_SECRET);
    if (secret === undefined || isEnding(secret, clock.now())) {
      this.#making ??= this.#make(secret).finally(() => (this.#making = undefined));
      secret = await this.#making;
    }
    if (this.#parsed?.secret !== secret) this.#parsed = { secret, authority: new Authority(keyPairOf(secret), clock) };
    return this.#parsed.authority;
  }

  async #make(old: Secret | undefined): Promise<Secret> {
    const { client, namespace, clock, log } = this.#options;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const now = clock.now();
    const cert = await issue(
      {
        commonName: CA_NAME,
        publicKey,
        usage: 'ca',
        notBefore: new Date(now - DAY),
        notAfter: new Date(now + CA_DAYS * DAY),
      },
      { commonName: CA_NAME, privateKey },
    );
    const data = secretData({ cert, key: pem(privateKey) }, cert);
    const type = 'kubernetes.io/tls';
    log.info(old === undefined ? 'made a CA for certificates' : 'made a new CA: the old one is about to expire');
    if (old !== undefined) return (this.#written = await client.update(Secret, { ...old, type, data }));
    const metadata = { name: GATEWAY_CA_SECRET, namespace };
    try {
      return (this.#written = await client.create(Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata,
        type,
        data,
      }));
    } catch (error) {
      // Another replica was first.
      if (!isAlreadyExists(error)) throw error;
      return (this.#written = await client.get(Secret, namespace, GATEWAY_CA_SECRET));
    }
  }
}

/** A CA of somebody's own that is unreadable is theirs to mend. */
function isEnding(secret: Secret, now: number): boolean {
  const { cert } = keyPairOf(secret);
  try {
    const certificate = new X509Certificate(cert);
    return certificate.subject === `CN=${CA_NAME}` && now >= expiryOf(cert) - CA_RENEWAL_DAYS * DAY;
  } catch {
    return false;
  }
}

/** Loaded with the first certificate: the X.509 library is large. */
const issue: typeof issueCertificate = async (request, issuer) => {
  const { issueCertificate } = await import('../../../kube/certificate.ts');
  return issueCertificate(request, issuer);
};

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
