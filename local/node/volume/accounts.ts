/**
 * What pods find at /var/run/secrets/kubernetes.io/serviceaccount, one set of files for all pods of an account, kept
 * fresh. It is made when the account appears, so no start waits for a token; a pod that starts before its account is
 * there gets the files as soon as they are. Source: Kubernetes "Configure Service Accounts for Pods".
 */
import type { ConfigMap, Pod, ServiceAccount } from '../../../api/core.ts';
import type { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import type { Logger } from '../../../kube/log.ts';
import { versionOf, type FileSet, type VolumeFile } from './atomic-folder.ts';
import { requestToken } from './tokens.ts';

export interface AccountSources {
  readonly account: (namespace: string, name: string) => ServiceAccount | undefined;
  readonly configMap: (namespace: string, name: string) => ConfigMap | undefined;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

export const ROOT_CA = 'kube-root-ca.crt';
const TOKEN_SECONDS = 3600;
/** After a failure, ms. */
const RETRY = 5_000;
const MODE = 0o644;
/** Accounts that have a token before a pod asks for it; the others wait for their first pod. */
const AHEAD = 256;

interface Entry {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
  token?: string;
  files?: FileSet;
  /** Settles when the first token is there, or could not be had. */
  made: Promise<void>;
  cancelRenewal?: () => void;
}

export class Accounts {
  readonly #sources: AccountSources;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #stopped = false;

  constructor(sources: AccountSources) {
    this.#sources = sources;
  }

  /** Undefined when the pod is to have none, or there is none yet. */
  filesOf(pod: Pod): FileSet | undefined {
    const account = this.#accountOf(pod);
    const automount = pod.spec?.automountServiceAccountToken ?? account?.automountServiceAccountToken;
    return automount === false ? undefined : this.#entries.get(keyOf(pod))?.files;
  }

  /** Resolves at once unless the account is there and its first token is still on its way. */
  async made(pod: Pod): Promise<void> {
    const account = this.#accountOf(pod);
    if (account !== undefined && !this.#stopped) await this.#entryOf(account).made;
  }

  /** Tells when the files of the pod's account have changed; returns the way to end that. */
  onChange(pod: Pod, heard: () => void): () => void {
    const key = keyOf(pod);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(heard));
    return () => {
      listeners.delete(heard);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  /** An account was made, changed or deleted. */
  accountChanged(previous: ServiceAccount | undefined, current: ServiceAccount | undefined): void {
    const account = current ?? previous;
    if (this.#stopped || account === undefined) return;
    const key = `${account.metadata.namespace ?? ''}/${account.metadata.name}`;
    if (current === undefined) this.#forget(key);
    else if (this.#entries.size < AHEAD || this.#listeners.has(key)) this.#entryOf(current);
  }

  /** The CA's certificate of a namespace has changed. */
  caChanged(namespace: string): void {
    for (const entry of this.#entries.values()) if (entry.namespace === namespace) this.#put(entry);
  }

  stop(): void {
    this.#stopped = true;
    for (const key of [...this.#entries.keys()]) this.#forget(key);
  }

  #accountOf(pod: Pod): ServiceAccount | undefined {
    return this.#sources.account(pod.metadata.namespace ?? '', nameOf(pod));
  }

  #entryOf(account: ServiceAccount): Entry {
    const { namespace = '', name, uid } = account.metadata;
    const key = `${namespace}/${name}`;
    const known = this.#entries.get(key);
    if (known !== undefined && known.uid === uid) return known;
    this.#forget(key);
    const entry: Entry = { namespace, name, uid, made: Promise.resolve() };
    this.#entries.set(key, entry);
    entry.made = this.#renew(entry);
    return entry;
  }

  /** Never rejects: what fails is tried again, and pods run without it until then. */
  async #renew(entry: Entry): Promise<void> {
    const { client, clock, log } = this.#sources;
    const { namespace, name } = entry;
    const isCurrent = (): boolean => this.#entries.get(`${namespace}/${name}`) === entry;
    let next = RETRY;
    try {
      const question = { namespace, account: name, expirationSeconds: TOKEN_SECONDS };
      const { token, renewIn } = await requestToken(client, clock, question);
      if (!isCurrent()) return;
      entry.token = token;
      this.#put(entry);
      next = renewIn;
    } catch (error) {
      if (!isCurrent()) return;
      log.warn('no token for a service account, trying again', { namespace, name, error });
    }
    entry.cancelRenewal = clock.after(next, () => void this.#renew(entry));
  }

  #put(entry: Entry): void {
    const { namespace, name, token } = entry;
    if (token === undefined) return;
    const ca = this.#sources.configMap(namespace, ROOT_CA)?.data?.['ca.crt'];
    const files = new Map<string, VolumeFile>([
      ['token', file(token)],
      ['namespace', file(namespace)],
      ...(ca === undefined ? [] : [['ca.crt', file(ca)] as const]),
    ]);
    entry.files = { files, version: versionOf(files) };
    for (const heard of this.#listeners.get(`${namespace}/${name}`) ?? []) heard();
  }

  #forget(key: string): void {
    this.#entries.get(key)?.cancelRenewal?.();
    this.#entries.delete(key);
  }
}

function nameOf(pod: Pod): string {
  return pod.spec?.serviceAccountName ?? 'default';
}

function keyOf(pod: Pod): string {
  return `${pod.metadata.namespace ?? ''}/${nameOf(pod)}`;
}

function file(text: string): VolumeFile {
  return { bytes: Buffer.from(text), mode: MODE };
}
