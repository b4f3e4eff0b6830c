/**
 * Keeps certificates and webhook configurations as they must be, from whatever they are: the Secret holds a good
 * certificate, the server serves it, the API server trusts it. Any number of replicas may do this at once: each writes
 * only what is not so yet, on the version it has seen, and what comes out depends on the Secret alone.
 */
import { Secret } from '../../api/core.ts';
import { Client } from '../client.ts';
import type { Clock } from '../clock.ts';
import { deepEqual } from '../equal.ts';
import { isConflict, isNotFound } from '../errors.ts';
import { Informer } from '../informer.ts';
import type { Logger } from '../log.ts';
import { WorkQueue } from '../queue.ts';
import { credentialsOf, isTrusted, renewalTime, renewed, secretData, type Credentials } from './certificates.ts';
import { admissionsFor, ROLES, type WebhookComponent, type WebhookRole } from './component.ts';
import { bundleIn, completed, configurationType, type WebhookConfiguration } from './configurations.ts';
import type { ServingCertificate } from './server.ts';

export interface KeeperOptions {
  readonly client: Client;
  readonly components: readonly WebhookComponent[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the certificate to serve, whenever it is another one. */
  readonly serve: (component: WebhookComponent, names: readonly string[], certificate: ServingCertificate) => void;
}

export interface Keeper {
  /** Resolves when the caches are filled; what is to be written follows. */
  readonly synced: Promise<void>;
  /** Components that have no certificate to serve yet. */
  missing(): readonly string[];
  stop(): Promise<void>;
}

/** Looked at again this often, ms, for clocks and watches that failed unnoticed. */
const LOOK_AGAIN = 6 * 60 * 60 * 1000;

export function startKeeper(options: KeeperOptions): Keeper {
  const { components, clock } = options;
  const keepers = new Map(components.map((component) => [component.name, new ComponentKeeper(component, options)]));
  const queue = new WorkQueue(
    async (name) => {
      const keeper = keepers.get(name);
      if (keeper === undefined) return;
      try {
        queue.addAfter(name, Math.min(LOOK_AGAIN, await keeper.pass()));
      } catch (error) {
        // Another replica was first: the watch will bring what it wrote.
        if (isConflict(error)) options.log.debug('another writer was first, trying again', { component: name });
        else options.log.warn('the webhook could not be set up, trying again', { component: name, error });
        throw error;
      }
    },
    { workers: 2, clock, baseDelay: 100, maxDelay: 30_000 },
  );
  const starts = [...keepers].map(([name, keeper]) => keeper.start(() => queue.add(name)));
  return {
    synced: Promise.all(starts).then(() => undefined),
    missing: () => [...keepers].filter(([, keeper]) => !keeper.isServing).map(([name]) => name),
    async stop() {
      for (const keeper of keepers.values()) keeper.stop();
      await queue.stop();
    },
  };
}

class ComponentKeeper {
  readonly #component: WebhookComponent;
  readonly #options: KeeperOptions;
  readonly #names: readonly string[];
  readonly #secrets: Informer<Secret>;
  readonly #configurations: readonly { role: WebhookRole; informer: Informer<WebhookConfiguration> }[];
  #served: ServingCertificate | undefined;

  constructor(component: WebhookComponent, options: KeeperOptions) {
    const { client, log } = options;
    const { namespace, service, secret, hooks } = component;
    this.#component = component;
    this.#options = options;
    this.#names = serverNames(service, namespace);
    // One object each: nothing else of these kinds need be read, or may.
    const only = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
    this.#secrets = new Informer(client, Secret, log, { namespace, ...only(secret) });
    this.#configurations = ROLES.filter((role) => admissionsFor(component, role).length > 0).map((role) => ({
      role,
      informer: new Informer(client, configurationType(role), log, only(hooks[role])),
    }));
  }

  get isServing(): boolean {
    return this.#served !== undefined;
  }

  async start(wake: () => void): Promise<void> {
    const informers = [this.#secrets, ...this.#configurations.map(({ informer }) => informer)];
    for (const informer of informers) informer.start();
    await Promise.all(informers.map((informer) => informer.synced));
    this.#secrets.onChange(wake);
    for (const { informer } of this.#configurations) informer.onChange(wake);
    wake();
  }

  stop(): void {
    this.#secrets.stop();
    for (const { informer } of this.#configurations) informer.stop();
  }

  /** @returns ms until there is something to do if nothing changes */
  async pass(): Promise<number> {
    const { namespace, secret: name } = this.#component;
    const now = this.#options.clock.now();
    const secret = this.#secrets.get(namespace, name);
    const credentials = credentialsOf(secret?.data);
    const due = credentials === undefined ? 0 : renewalTime(credentials, this.#names);
    if (credentials === undefined || due <= now) {
      // The watch brings it back here.
      await this.#renew(secret, credentials, now);
      return LOOK_AGAIN;
    }
    for (const { role, informer } of this.#configurations) await this.#complete(role, informer, credentials);
    this.#serve(credentials);
    return due - now;
  }

  async #renew(secret: Secret | undefined, old: Credentials | undefined, now: number): Promise<void> {
    const { client, log } = this.#options;
    const { namespace, secret: name } = this.#component;
    const data = secretData(await renewed(old, this.#names, now));
    if (secret === undefined)
      await client.create(Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data });
    else await client.update(Secret, { ...secret, data: { ...secret.data, ...data } });
    log.info('made a certificate for the webhook', { component: this.#component.name, names: this.#names });
  }

  async #complete(role: WebhookRole, informer: Informer<WebhookConfiguration>, { caCert }: Credentials): Promise<void> {
    const configuration = informer.get(undefined, this.#component.hooks[role]);
    // Whoever installs the webhook makes it; without it nobody calls us.
    if (configuration === undefined) return;
    const wanted = completed(configuration, this.#component, role, caCert);
    if (deepEqual(wanted, configuration)) return;
    try {
      await this.#options.client.update(configurationType(role), wanted);
    } catch (error) {
      // Deleted meanwhile.
      if (!isNotFound(error)) throw error;
    }
  }

  /** Not before every configuration trusts it, unless there is nothing to go on serving. */
  #serve({ cert, key }: Credentials): void {
    if (this.#served?.cert === cert && this.#served.key === key) return;
    const { hooks } = this.#component;
    const isAwaited = this.#configurations.some(({ role, informer }) => {
      const configuration = informer.get(undefined, hooks[role]);
      return configuration !== undefined && !isTrusted({ cert, key }, bundleIn(configuration, hooks[role]));
    });
    if (isAwaited && this.#served !== undefined) return;
    this.#served = { cert, key };
    this.#options.serve(this.#component, this.#names, this.#served);
  }
}

/** The names of a Service in its cluster. */
export function serverNames(service: string, namespace: string): string[] {
  return [
    service,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ];
}
