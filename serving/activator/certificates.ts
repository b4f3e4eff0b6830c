/**
 * Which certificate a host is served with: hosts by Ingress (`spec.tls`), key pairs by Secret. A Secret that changes
 * counts from the next handshake on; connections that are open keep what they have.
 */
import type { SecureContext } from 'node:tls';
import type { Secret } from '../../api/core.ts';
import type { Ingress } from '../../api/networking/ingress.ts';
import { keyOf } from '../../kube/informer.ts';
import { normalizeHost } from './host-name.ts';
import { secureContext } from './tls.ts';
import { messageOf } from '../../kube/message.ts';

/** Why an Ingress cannot be served as it asks; `final` when waiting will not help. */
export interface TlsProblem {
  readonly reason: 'CertificateSecretNotFound' | 'CertificateSecretInvalid';
  readonly message: string;
  readonly final: boolean;
}

interface Claim {
  readonly owner: string;
  /** Creation time: the oldest claim to a host wins, as in the routing table. */
  readonly since: string;
  readonly secret: string;
}

interface KeyPair {
  /** The last that could be used. */
  readonly context: SecureContext | undefined;
  readonly problem: 'missing' | (string & {}) | undefined;
}

export class CertificateTable {
  readonly #claims = new Map<string, readonly Claim[]>();
  /** Hosts and Secrets an Ingress names. */
  readonly #ingresses = new Map<string, { readonly hosts: readonly string[]; readonly secrets: readonly string[] }>();
  readonly #users = new Map<string, Set<string>>();
  readonly #pairs = new Map<string, KeyPair>();

  /** The Secrets an Ingress names, as `NAMESPACE/NAME`. */
  secretsOf(key: string): readonly string[] {
    return this.#ingresses.get(key)?.secrets ?? [];
  }

  isNeeded(secret: string): boolean {
    return this.#users.has(secret);
  }

  /** Ingresses that name a Secret. */
  usersOf(secret: string): readonly string[] {
    return [...(this.#users.get(secret) ?? [])];
  }

  setIngress(key: string, ingress: Ingress): void {
    const before = this.#ingresses.get(key);
    if (before !== undefined) this.#withdraw(key, before.hosts);
    const since = ingress.metadata.creationTimestamp ?? '';
    const hosts = new Set<string>();
    const secrets = new Set<string>();
    for (const { hosts: names = [], secretName, secretNamespace } of ingress.spec.tls ?? []) {
      const secret = keyOf(secretNamespace, secretName);
      secrets.add(secret);
      for (const name of names) {
        const host = hostOf(name);
        if (host === undefined || hosts.has(host)) continue;
        hosts.add(host);
        const all = [...(this.#claims.get(host) ?? []), { owner: key, since, secret }];
        this.#claims.set(host, all.sort(oldestFirst));
      }
    }
    for (const secret of secrets) {
      const users = this.#users.get(secret);
      if (users === undefined) this.#users.set(secret, new Set([key]));
      else users.add(key);
    }
    this.#ingresses.set(key, { hosts: [...hosts], secrets: [...secrets] });
    // Last, so that a Secret that is still named keeps what it serves.
    for (const secret of before?.secrets ?? []) if (!secrets.has(secret)) this.#letGo(secret, key);
  }

  deleteIngress(key: string): void {
    const known = this.#ingresses.get(key);
    if (known === undefined) return;
    this.#ingresses.delete(key);
    this.#withdraw(key, known.hosts);
    for (const secret of known.secrets) this.#letGo(secret, key);
  }

  /** Takes in a Secret's data. One that cannot be used, or went away, leaves what was served before. */
  setSecret(key: string, secret: Secret | undefined): void {
    if (!this.#users.has(key)) return;
    const before = this.#pairs.get(key);
    if (secret === undefined) {
      if (before !== undefined) this.#pairs.set(key, { context: before.context, problem: 'missing' });
      return;
    }
    const cert = decode(secret.data?.['tls.crt']);
    const privateKey = decode(secret.data?.['tls.key']);
    if (cert === '' || privateKey === '') {
      this.#pairs.set(key, { context: before?.context, problem: 'it has no tls.crt and tls.key' });
      return;
    }
    try {
      this.#pairs.set(key, { context: secureContext(cert, privateKey), problem: undefined });
    } catch (error) {
      const problem = messageOf(error);
      this.#pairs.set(key, { context: before?.context, problem });
    }
  }

  /** @param serverName as a client's hello has it */
  contextFor(serverName: string): SecureContext | undefined {
    const host = normalizeHost(serverName);
    if (host === undefined) return undefined;
    const claims = this.#claims.get(host) ?? this.#claims.get(`*${host.slice(host.indexOf('.'))}`) ?? [];
    for (const { secret } of claims) {
      const context = this.#pairs.get(secret)?.context;
      if (context !== undefined) return context;
    }
    return undefined;
  }

  #withdraw(owner: string, hosts: readonly string[]): void {
    for (const host of hosts) {
      const rest = this.#claims.get(host)?.filter((claim) => claim.owner !== owner) ?? [];
      if (rest.length === 0) this.#claims.delete(host);
      else this.#claims.set(host, rest);
    }
  }

  #letGo(secret: string, owner: string): void {
    const users = this.#users.get(secret);
    users?.delete(owner);
    if (users?.size !== 0) return;
    this.#users.delete(secret);
    this.#pairs.delete(secret);
  }

  /** The first thing that keeps an Ingress from being served over TLS as it asks. */
  problemOf(key: string): TlsProblem | undefined {
    for (const secret of this.#ingresses.get(key)?.secrets ?? []) {
      const pair = this.#pairs.get(secret);
      if (pair === undefined || pair.problem === 'missing') {
        const message = `Secret ${secret}, which is to hold a certificate (tls.crt) and its key (tls.key), does not exist.`;
        return { reason: 'CertificateSecretNotFound', message, final: false };
      }
      if (pair.problem !== undefined) {
        const message = `Secret ${secret} holds no certificate and key that can be used: ${pair.problem}.`;
        return { reason: 'CertificateSecretInvalid', message, final: true };
      }
    }
    return undefined;
  }
}

/** A host of `spec.tls`, which may be a wildcard. */
function hostOf(name: string): string | undefined {
  if (!name.startsWith('*.')) return normalizeHost(name);
  const parent = normalizeHost(name.slice(2));
  return parent === undefined ? undefined : `*.${parent}`;
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

function oldestFirst(a: Claim, b: Claim): number {
  if (a.since !== b.since) return a.since < b.since ? -1 : 1;
  return a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0;
}
