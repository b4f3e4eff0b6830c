/**
 * Reads the Secrets that Ingresses name, and no others: those made for a Certificate carry a label and come by one
 * watch; one that a user brought is watched by its name, as long as an Ingress names it.
 */
import { Secret } from '../../api/core.ts';
import { CERTIFICATE_UID_LABEL } from '../../api/networking/certificate.ts';
import type { Client } from '../../kube/client.ts';
import { Informer, keyOf, splitKey } from '../../kube/informer.ts';
import type { Logger } from '../../kube/log.ts';

export interface CertificateSecretsOptions {
  readonly client: Client;
  readonly log: Logger;
  /** A Secret came, changed, or (undefined) went away. */
  changed(key: string, secret: Secret | undefined): void;
}

export class CertificateSecrets {
  readonly #options: CertificateSecretsOptions;
  readonly #labelled: Informer<Secret>;
  readonly #single = new Map<string, Informer<Secret>>();
  #stopped = false;

  constructor(options: CertificateSecretsOptions) {
    this.#options = options;
    const { client, log } = options;
    this.#labelled = new Informer(client, Secret, log, { labelSelector: CERTIFICATE_UID_LABEL });
  }

  /** Resolves when the labelled ones are known. */
  async start(): Promise<void> {
    await this.#labelled.start().synced;
    this.#labelled.onChange((previous, current) => {
      const secret = current ?? previous;
      if (secret === undefined) return;
      const key = keyOf(secret.metadata.namespace, secret.metadata.name);
      if (current !== undefined) this.#forget(key);
      // One that only lost its label is still there: whoever needs it finds it by name.
      this.#options.changed(key, current);
    });
  }

  /** An Ingress names this Secret. @returns it, when it is known already */
  need(key: string): Secret | undefined {
    const { namespace, name } = splitKey(key);
    const known = this.#labelled.get(namespace, name) ?? this.#single.get(key)?.get(namespace, name);
    if (known !== undefined || this.#single.has(key) || this.#stopped) return known;
    const { client, log } = this.#options;
    const informer = new Informer(client, Secret, log, { namespace, fieldSelector: `metadata.name=${name}` });
    this.#single.set(key, informer);
    informer.onChange((_, current) => {
      if (this.#single.get(key) === informer) this.#options.changed(key, current);
    });
    informer.start();
    return undefined;
  }

  /** Resolves when what is looked for now has been found, or is known not to be there. */
  async settled(): Promise<void> {
    await Promise.all([...this.#single.values()].map(({ synced }) => synced));
  }

  /** No Ingress names it any more. */
  release(key: string): void {
    this.#forget(key);
  }

  stop(): void {
    this.#stopped = true;
    this.#labelled.stop();
    for (const informer of this.#single.values()) informer.stop();
    this.#single.clear();
  }

  #forget(key: string): void {
    this.#single.get(key)?.stop();
    this.#single.delete(key);
  }
}
