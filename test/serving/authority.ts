/** A CA for tests, and Secrets with what it issues. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Secret } from '../../api/core.ts';
import { issueCertificate } from '../../kube/certificate.ts';

const DAY = 24 * 60 * 60 * 1000;

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  readonly caCert: string;
  readonly #key: KeyObject;

  private constructor(caCert: string, key: KeyObject) {
    this.caCert = caCert;
    this.#key = key;
  }

  static async make(): Promise<Authority> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const validity = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) };
    const caCert = await issueCertificate(
      { commonName: 'test-ca', publicKey, usage: 'ca', ...validity },
      { commonName: 'test-ca', privateKey },
    );
    return new Authority(caCert, privateKey);
  }

  async issue(names: readonly string[]): Promise<KeyPair> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = await issueCertificate(
      {
        commonName: names[0] ?? '',
        publicKey,
        usage: 'server',
        names,
        notBefore: new Date(Date.now() - DAY),
        notAfter: new Date(Date.now() + DAY),
      },
      { commonName: 'test-ca', privateKey: this.#key },
    );
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }
}

export function tlsSecret(name: string, { cert, key }: KeyPair, labels: Record<string, string> = {}): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default', labels },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(cert), 'tls.key': base64(key) },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
