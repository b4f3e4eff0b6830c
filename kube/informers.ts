/** One informer a kind for a whole process, started when first asked for. */
import type { KubeObject } from '../api/object.ts';
import { resourceKey, type ResourceType } from '../api/resource.ts';
import type { Client } from './client.ts';
import { Informer } from './informer.ts';
import type { Logger } from './log.ts';

export class Informers {
  readonly #client: Client;
  readonly #log: Logger;
  readonly #byKind = new Map<string, Informer<KubeObject>>();

  constructor(client: Client, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  of<T extends KubeObject>(type: ResourceType<T>): Informer<T> {
    const key = resourceKey(type);
    const known = this.#byKind.get(key);
    if (known !== undefined) return known as unknown as Informer<T>;
    const informer = new Informer(this.#client, type, this.#log).start();
    this.#byKind.set(key, informer as unknown as Informer<KubeObject>);
    return informer;
  }

  async synced(): Promise<void> {
    await Promise.all([...this.#byKind.values()].map((informer) => informer.synced));
  }

  stop(): void {
    for (const informer of this.#byKind.values()) informer.stop();
  }
}
