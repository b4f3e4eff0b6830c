/**
 * A cache of one kind, kept by list and watch. Objects in it are shared and must not be changed.
 * Source: Kubernetes API concepts, "Efficient detection of changes"; 410 Gone starts over with a list.
 */
import type { KubeObject } from '../api/object.ts';
import type { ResourceType } from '../api/resource.ts';
import type { Client } from './client.ts';
import { ApiError, isGone } from './errors.ts';
import type { Logger } from './log.ts';
import type { WatchEvent, WatchHandle } from './transport.ts';

export interface InformerHandler<T> {
  /** `previous` is undefined for an add; `current` is undefined for a delete. */
  (previous: T | undefined, current: T | undefined): void;
}

export interface InformerOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Read access to a cache. */
export interface Lister<T extends KubeObject> {
  get(namespace: string | undefined, name: string): T | undefined;
  /** All objects, or those of one namespace. */
  list(namespace?: string): T[];
  /** Objects for which the named index function gave this value. */
  byIndex(index: string, value: string): T[];
}

const PAGE = 500;

export class Informer<T extends KubeObject> implements Lister<T> {
  readonly type: ResourceType<T>;
  readonly synced: Promise<void>;
  readonly #client: Client;
  readonly #options: InformerOptions;
  readonly #log: Logger;
  readonly #objects = new Map<string, T>();
  readonly #handlers: InformerHandler<T>[] = [];
  readonly #indexers = new Map<string, (object: T) => readonly string[]>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  #markSynced!: () => void;
  #isSynced = false;
  #handle: WatchHandle | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(client: Client, type: ResourceType<T>, log: Logger, options: InformerOptions = {}) {
    this.type = type;
    this.#client = client;
    this.#log = log;
    this.#options = options;
    this.synced = new Promise((resolve) => (this.#markSynced = resolve));
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  list(namespace?: string): T[] {
    const all = [...this.#objects.values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  byIndex(index: string, value: string): T[] {
    const keys = this.#indexes.get(index)?.get(value);
    if (keys === undefined) return [];
    return [...keys].map((key) => this.#objects.get(key)).filter((object) => object !== undefined);
  }

  /** Adds an index; the same name again is ignored. */
  index(name: string, values: (object: T) => readonly string[]): this {
    if (this.#indexers.has(name)) return this;
    this.#indexers.set(name, values);
    this.#indexes.set(name, new Map());
    for (const [key, object] of this.#objects) this.#addToIndex(name, key, object);
    return this;
  }

  /** Calls back for every object now cached, then for each change. */
  onChange(handler: InformerHandler<T>): this {
    this.#handlers.push(handler);
    for (const object of this.#objects.values()) handler(undefined, object);
    return this;
  }

  start(): this {
    void this.#listAndWatch();
    return this;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#handle?.close();
  }

  async #listAndWatch(): Promise<void> {
    if (this.#stopped) return;
    try {
      const version = await this.#relist();
      this.#failures = 0;
      if (!this.#isSynced) {
        this.#isSynced = true;
        this.#markSynced();
      }
      this.#watch(version);
    } catch (error) {
      this.#again(error, () => void this.#listAndWatch());
    }
  }

  async #relist(): Promise<string> {
    const seen = new Set<string>();
    let token: string | undefined;
    let version = '';
    do {
      const page = await this.#client.list(this.type, { ...this.#options, limit: PAGE, continue: token });
      for (const item of page.items) {
        // Items of a list carry no kind of their own in Kubernetes' answers.
        const object = item.kind === undefined ? { ...item, apiVersion: page.apiVersion, kind: this.type.kind } : item;
        seen.add(keyOf(object.metadata.namespace, object.metadata.name));
        this.#put(object);
      }
      token = page.metadata.continue === '' ? undefined : page.metadata.continue;
      version = page.metadata.resourceVersion;
    } while (token !== undefined);
    for (const [key, object] of this.#objects) if (!seen.has(key)) this.#remove(object);
    return version;
  }

  #watch(version: string): void {
    let last = version;
    this.#handle = this.#client.watch(
      this.type,
      { ...this.#options, resourceVersion: version },
      {
        onEvent: (event) => {
          if (event.type === 'ERROR') return this.#end(last, new ApiError(event.object));
          last = event.object.metadata.resourceVersion ?? last;
          this.#failures = 0;
          this.#take(event);
        },
        onEnd: (error) => this.#end(last, error),
      },
    );
  }

  #end(version: string, error: Error | undefined): void {
    this.#handle?.close();
    this.#handle = undefined;
    if (this.#stopped) return;
    if (error === undefined) return this.#watch(version);
    if (isGone(error)) return void this.#listAndWatch();
    this.#again(error, () => (error instanceof ApiError ? void this.#listAndWatch() : this.#watch(version)));
  }

  #again(error: unknown, retry: () => void): void {
    if (this.#stopped) return;
    const delay = Math.min(10_000, 50 * 2 ** Math.min(this.#failures++, 10));
    if (this.#failures > 3) this.#log.warn('watch broken, retrying', { kind: this.type.kind, delay, error });
    this.#retry = setTimeout(retry, delay);
  }

  #take(event: WatchEvent): void {
    if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#put(event.object as T);
    else if (event.type === 'DELETED') this.#remove(event.object as T);
  }

  #put(object: T): void {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (previous !== undefined) this.#removeFromIndexes(key, previous);
    this.#objects.set(key, object);
    for (const name of this.#indexers.keys()) this.#addToIndex(name, key, object);
    for (const handler of this.#handlers) handler(previous, object);
  }

  #remove(object: T): void {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    this.#removeFromIndexes(key, previous);
    for (const handler of this.#handlers) handler(object, undefined);
  }

  #addToIndex(name: string, key: string, object: T): void {
    const index = this.#indexes.get(name);
    for (const value of this.#indexers.get(name)?.(object) ?? []) {
      const keys = index?.get(value);
      if (keys === undefined) index?.set(value, new Set([key]));
      else keys.add(key);
    }
  }

  #removeFromIndexes(key: string, object: T): void {
    for (const [name, values] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const value of values(object)) {
        const keys = index?.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index?.delete(value);
      }
    }
  }
}

export function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  return { namespace: slash === 0 ? undefined : key.slice(0, slash), name: key.slice(slash + 1) };
}
