/**
 * The durable state: objects by resource and key, changed one at a time, in memory whole and on disk as a log.
 *
 * A writer looks at `peek` (which includes changes on their way to the disk), decides, and calls `put` or `remove` in
 * the same turn of the event loop; so two writers can never both start from one state. Readers and watchers see a
 * change once it is durable. Changes that wait while one batch is being synced share the next batch.
 */
import type { KubeObject } from '../../../api/object.ts';
import type { Logger } from '../../../kube/log.ts';
import { mkdir, rm } from 'node:fs/promises';
import { notStored, unavailable } from '../errors.ts';
import { deepFreeze } from '../json.ts';
import { Collection } from './collection.ts';
import { listStoreFiles, removeTemporaries, storeFile } from './files.ts';
import { History, type Change } from './history.ts';
import { lockFolder } from './lock.ts';
import { Log } from './log.ts';
import { recover } from './recover.ts';
import { writeSnapshot, type SnapshotEntry } from './snapshot.ts';

export interface StoreOptions {
  readonly dir: string;
  readonly log: Logger;
  /** A snapshot is made when the log exceeds this many bytes and the size of the last snapshot. */
  readonly compactAbove?: number;
  /** Told of each batch: changes in it, and seconds from its write to its being durable. */
  readonly onBatch?: (changes: number, seconds: number) => void;
}

export type Subscriber = (change: Change) => void;

interface Pending {
  readonly change: Change;
  readonly line: string;
  readonly resolve: (object: KubeObject) => void;
  readonly reject: (error: Error) => void;
}

const COMPACT_ABOVE = 16 * 1024 * 1024;
const LARGEST_BATCH = 4 * 1024 * 1024;

export class Store {
  readonly #dir: string;
  readonly #options: StoreOptions;
  readonly #release: () => Promise<void>;
  readonly #collections = new Map<string, Collection>();
  readonly #histories = new Map<string, History>();
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #everything = new Set<Subscriber>();
  /** The newest pending change of a key, until it is durable. */
  readonly #heads = new Map<string, Change>();
  #pending: Pending[] = [];
  #log!: Log;
  /** Last version given out, last version that is durable, floor of histories that start empty. */
  #given = 0;
  #version = 0;
  #base = 0;
  #snapshotBytes = 0;
  #flushing: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  #closed = false;

  private constructor(options: StoreOptions, release: () => Promise<void>) {
    this.#dir = options.dir;
    this.#options = options;
    this.#release = release;
  }

  /** @throws StoreError when the folder is in use by another process or damaged */
  static async open(options: StoreOptions): Promise<Store> {
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    const release = await lockFolder(options.dir);
    const store = new Store(options, release);
    try {
      await store.#recover();
    } catch (error) {
      await release();
      throw error;
    }
    return store;
  }

  /** The resourceVersion of the last durable change. */
  get version(): number {
    return this.#version;
  }

  /** Why nothing can be written until the folder is opened again; reading goes on. */
  get failure(): Error | undefined {
    return this.#log.failure;
  }

  get(resource: string, key: string): KubeObject | undefined {
    return this.#collections.get(resource)?.get(key);
  }

  /** Like `get`, with changes that are not durable yet: what a writer must start from. */
  peek(resource: string, key: string): KubeObject | undefined {
    const head = this.#heads.get(headKey(resource, key));
    if (head === undefined) return this.get(resource, key);
    return head.type === 'DELETED' ? undefined : head.object;
  }

  /** Entries in the order of their keys, from the first above `after` on; the prefix of a namespace is `NAMESPACE/`. */
  entries(resource: string, prefix?: string, after?: string): Iterable<[string, KubeObject]> {
    return this.#collections.get(resource)?.entries(prefix, after) ?? [];
  }

  count(resource: string): number {
    return this.#collections.get(resource)?.size ?? 0;
  }

  /** How many entries `entries` would give. */
  countAfter(resource: string, prefix: string, after: string): number {
    return this.#collections.get(resource)?.countAfter(prefix, after) ?? 0;
  }

  /** Objects of a resource by key as they were at a version; undefined when that is forgotten. */
  entriesAt(resource: string, version: number, prefix = ''): Map<string, KubeObject> | undefined {
    const changes = this.changesSince(resource, version);
    if (changes === undefined) return undefined;
    const objects = new Map(this.entries(resource, prefix));
    if (changes.length === 0) return objects;
    for (const { key, previous } of changes.toReversed()) {
      if (!key.startsWith(prefix)) continue;
      if (previous === undefined) objects.delete(key);
      else objects.set(key, previous);
    }
    return new Map([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Changes of a resource after a version, oldest first; undefined when some of them are forgotten. */
  changesSince(resource: string, version: number): Change[] | undefined {
    return this.#history(resource).since(version);
  }

  /** The oldest version `changesSince` can still answer. */
  oldest(resource: string): number {
    return this.#history(resource).floor;
  }

  /** Calls back for each durable change of a resource (all resources: `*`), in order of version. Returns its end. */
  subscribe(resource: string, subscriber: Subscriber): () => void {
    if (resource === '*') {
      this.#everything.add(subscriber);
      return () => this.#everything.delete(subscriber);
    }
    let set = this.#subscribers.get(resource);
    if (set === undefined) this.#subscribers.set(resource, (set = new Set()));
    set.add(subscriber);
    return () => set.delete(subscriber);
  }

  /**
   * Stores the object under a new resourceVersion. Takes the object over: it is frozen.
   * @returns the stored object once it is durable and every subscriber has seen it
   * @throws ApiError 507 or 500 when it could not be written; nothing has changed then
   */
  put(resource: string, key: string, object: KubeObject): Promise<KubeObject> {
    const previous = this.peek(resource, key);
    const version = ++this.#given;
    const stored = withVersion(object, version);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    return this.#submit(
      { version, resource, key, type, object: stored, previous },
      JSON.stringify({ v: version, r: resource, k: key, o: stored }),
    );
  }

  /** @returns the last state with the resourceVersion of the deletion */
  remove(resource: string, key: string, last?: KubeObject): Promise<KubeObject> {
    const previous = this.peek(resource, key);
    if (previous === undefined) throw new Error(`${resource} ${key} is not there to be removed`);
    const version = ++this.#given;
    const stored = withVersion(last ?? previous, version);
    return this.#submit(
      { version, resource, key, type: 'DELETED', object: stored, previous },
      JSON.stringify({ v: version, r: resource, k: key }),
    );
  }

  /** Waits for what was submitted, then lets go of the folder. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    await this.#compacting;
    await this.#log.close();
    await this.#release();
  }

  #submit(change: Change, line: string): Promise<KubeObject> {
    if (this.#closed) return Promise.reject(unavailable('the API server is stopping'));
    this.#heads.set(headKey(change.resource, change.key), change);
    return new Promise((resolve, reject) => {
      this.#pending.push({ change, line, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async #flush(): Promise<void> {
    // Writers of the same turn join the first batch.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      const started = performance.now();
      try {
        await this.#log.append(batch.map((pending) => pending.line));
      } catch (error) {
        this.#refuse(batch, error);
        continue;
      }
      this.#options.onBatch?.(batch.length, (performance.now() - started) / 1000);
      for (const { change, line } of batch) this.#publish(change, line.length);
      for (const { change, resolve } of batch) resolve(change.object);
      await this.#compactIfLarge();
    }
    this.#flushing = undefined;
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { line } of this.#pending) {
      if (count > 0 && bytes + line.length > LARGEST_BATCH) break;
      bytes += line.length;
      count++;
    }
    return this.#pending.splice(0, count);
  }

  /** Whatever is pending was decided on top of the batch that failed, so it fails too. */
  #refuse(batch: readonly Pending[], cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#options.log.error('a write to the API store failed', { error, changes: batch.length });
    const refused = [...batch, ...this.#pending];
    this.#pending = [];
    this.#heads.clear();
    for (const { reject } of refused) reject(notStored(error));
  }

  #publish(change: Change, size: number): void {
    this.#apply(change, size);
    const key = headKey(change.resource, change.key);
    if (this.#heads.get(key) === change) this.#heads.delete(key);
    for (const subscribers of [this.#everything, this.#subscribers.get(change.resource)]) {
      if (subscribers === undefined) continue;
      for (const subscriber of subscribers) {
        try {
          subscriber(change);
        } catch (error) {
          this.#options.log.error('a watcher failed', { resource: change.resource, error });
        }
      }
    }
  }

  #apply(change: Change, size: number): void {
    const { resource, key, type, object } = change;
    const collection = this.#collection(resource);
    if (type === 'DELETED') collection.delete(key);
    else collection.set(key, object);
    this.#version = change.version;
    this.#history(resource).push(change, size);
  }

  #collection(resource: string): Collection {
    let collection = this.#collections.get(resource);
    if (collection === undefined) this.#collections.set(resource, (collection = new Collection()));
    return collection;
  }

  #history(resource: string): History {
    let history = this.#histories.get(resource);
    if (history === undefined) this.#histories.set(resource, (history = new History(this.#base)));
    return history;
  }

  async #compactIfLarge(): Promise<void> {
    const least = Math.max(this.#options.compactAbove ?? COMPACT_ABOVE, this.#snapshotBytes);
    if (this.#compacting !== undefined || this.#log.size < least) return;
    const { log } = this.#options;
    const version = this.#version;
    try {
      const next = await Log.create(this.#dir, version);
      await this.#log.close();
      this.#log = next;
    } catch (error) {
      log.warn('the API store could not start a new log; it goes on with the old one', { error });
      return;
    }
    this.#compacting = this.#compact(version, this.#everythingStored())
      .catch((error: unknown) => log.warn('the API store could not be compacted; it will be tried again', { error }))
      .finally(() => (this.#compacting = undefined));
  }

  /** Objects are immutable, so a list of them is a consistent view however long its writing takes. */
  async #compact(version: number, entries: SnapshotEntry[]): Promise<void> {
    this.#snapshotBytes = await writeSnapshot(storeFile(this.#dir, 'snapshot', version), entries);
    for (const file of await listStoreFiles(this.#dir))
      if (file.version < version) await rm(file.path, { force: true });
  }

  #everythingStored(): SnapshotEntry[] {
    const all: SnapshotEntry[] = [];
    for (const [resource, collection] of this.#collections)
      for (const [key, object] of collection.entries()) all.push({ resource, key, object });
    return all;
  }

  async #recover(): Promise<void> {
    const { dir, log } = this.#options;
    await removeTemporaries(dir);
    const recovered = await recover(dir, {
      base: (version) => {
        this.#base = version;
      },
      object: (resource, key, object) => {
        this.#collection(resource).set(key, deepFreeze(object));
      },
      change: ({ resource, key, version, object, size }) => {
        const previous = this.get(resource, key);
        if (object !== undefined) {
          const type = previous === undefined ? 'ADDED' : 'MODIFIED';
          this.#apply({ version, resource, key, type, object: deepFreeze(object), previous }, size);
        } else if (previous !== undefined) {
          const last = withVersion(previous, version);
          this.#apply({ version, resource, key, type: 'DELETED', object: last, previous }, size);
        }
      },
    });
    this.#version = this.#given = recovered.version;
    this.#snapshotBytes = recovered.snapshotBytes;
    if (recovered.torn !== undefined)
      log.warn('the API store ended in the middle of a write that was never acknowledged; repaired', {
        kept: recovered.torn,
      });
    this.#log =
      recovered.log === undefined
        ? await Log.create(dir, recovered.version)
        : await Log.resume(recovered.log.path, recovered.log.size);
  }
}

function headKey(resource: string, key: string): string {
  return `${resource} ${key}`;
}

function withVersion(object: KubeObject, version: number): KubeObject {
  return deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
}
