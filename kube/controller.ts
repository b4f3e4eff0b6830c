/** Runs reconcilers: wakes keys on changes, serialises each key, retries with back-off, writes status when it differs. */
import type { DuckStatus, KubeObject } from '../api/object.ts';
import { ConfigMap } from '../api/core.ts';
import type { ResourceType } from '../api/resource.ts';
import type { Client } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import { isApplied } from './applied-fields.ts';
import { conditionOf } from './conditions.ts';
import { deepEqual } from './equal.ts';
import { isConflict, isNotFound } from './errors.ts';
import { EventRecorder } from './events.ts';
import { keyOf, splitKey, type Informer } from './informer.ts';
import type { Informers } from './informers.ts';
import type { Logger } from './log.ts';
import { WorkQueue } from './queue.ts';
import { controllerOf, type Outcome, type Reconciler, type World } from './reconciler.ts';
import { messageOf } from './message.ts';

export interface ControllerOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly log: Logger;
  readonly systemNamespace: string;
  readonly clock?: Clock;
  readonly workers?: number;
  /** Every object again this often, ms; 0 = never. */
  readonly resync?: number;
  /** Told of each pass: seconds taken, and the error if it failed. For metrics. */
  readonly onPass?: (controller: string, seconds: number, error: unknown) => void;
}

export interface Controller {
  readonly name: string;
  /** Resolves when caches are filled and the first keys are queued. */
  start(): Promise<void>;
  /** Stops taking keys and waits for those in work. */
  stop(): Promise<void>;
}

const CONFLICT_RETRIES = 5;

/** What was found out could not be written. */
class StatusUpdateError extends Error {
  constructor(name: string, cause: unknown) {
    super(`Failed to update status for "${name}": ${messageOf(cause)}`, {
      cause,
    });
    this.name = 'StatusUpdateError';
  }
}
const MOST_OVERTAKEN = 3;
/** How long another reason for not being ready yet may wait for a better one, ms. */
const SETTLING = 100;

export function createController<T extends KubeObject & { status?: unknown }>(
  reconciler: Reconciler<T>,
  options: ControllerOptions,
): Controller {
  const { client, informers, systemNamespace } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log.with({ controller: reconciler.name });
  const world = createWorld(reconciler.name, { ...options, clock, log });
  const informer = informers.of(reconciler.kind);
  const queue = new WorkQueue(process, { workers: options.workers ?? 8, clock });
  /** How many outcomes of a key in a row were not written. */
  const overtaken = new Map<string, number>();
  /** When the status of a key that is on its way is written at the latest. */
  const settling = new Map<string, number>();
  let resync: (() => void) | undefined;

  async function process(key: string): Promise<void> {
    const started = performance.now();
    let failure: unknown;
    try {
      await pass(key);
    } catch (error) {
      failure = error;
      if (isConflict(error)) log.debug('conflict, trying again', { key });
      else {
        log.warn('reconcile failed, trying again', { key, error });
        const { namespace, name } = splitKey(key);
        const object = informer.get(namespace, name);
        const reason = error instanceof StatusUpdateError ? 'UpdateFailed' : 'InternalError';
        if (object !== undefined) world.event(object, 'Warning', reason, messageOf(error));
      }
      throw error;
    } finally {
      options.onPass?.(reconciler.name, (performance.now() - started) / 1000, failure);
    }
  }

  async function pass(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const object = informer.get(namespace, name);
    if (object === undefined) {
      overtaken.delete(key);
      settling.delete(key);
      return;
    }
    const { finalizer } = reconciler;
    const holds = finalizer !== undefined && (object.metadata.finalizers ?? []).includes(finalizer.name);
    if (object.metadata.deletionTimestamp !== undefined) {
      if (holds && (await finalizer.run(object, world)))
        await setFinalizers(object, (all) => all.filter((one) => one !== finalizer.name));
      return;
    }
    if (finalizer !== undefined && !holds) await setFinalizers(object, (all) => [...all, finalizer.name]);
    const outcome = (await reconciler.reconcile(object, world)) as Outcome<NonNullable<T['status']>> | undefined;
    if (outcome?.status !== undefined && !isPassing(key, outcome) && !mayWait(key, object, outcome))
      await writeStatus(object, outcome.status);
    if (outcome?.again !== undefined) queue.addAfter(key, outcome.again);
    if (outcome?.failure !== undefined) throw outcome.failure;
  }

  async function setFinalizers(object: T, change: (all: readonly string[]) => string[]): Promise<void> {
    const { namespace, name, resourceVersion, finalizers } = object.metadata;
    const patch = { metadata: { resourceVersion, finalizers: change(finalizers ?? []) } };
    try {
      await client.patch(reconciler.kind, namespace, name, patch);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return;
    }
    world.event(object, 'Normal', 'FinalizerUpdate', `Updated "${name}" finalizers`);
  }

  /**
   * Has this outcome been overtaken? Something has changed meanwhile, so that the next pass follows at once; a state on
   * the way to another is then not worth a write that everybody who watches must look at. Bounded, so that an object
   * which never comes to rest still says how it is.
   */
  function isPassing(key: string, { status, failure }: Outcome<NonNullable<T['status']>>): boolean {
    const skipped = overtaken.get(key) ?? 0;
    const isUnderWay = conditionOf(status as DuckStatus, 'Ready')?.status === 'Unknown';
    if (failure !== undefined || !isUnderWay || skipped >= MOST_OVERTAKEN || !queue.has(key)) {
      overtaken.delete(key);
      return false;
    }
    overtaken.set(key, skipped + 1);
    return true;
  }

  /**
   * Does the status say only why the object is not ready yet, as the one before it did? Reasons follow each other within
   * milliseconds on the way to readiness; each would be a write, and a pass of everybody who mirrors it.
   */
  function mayWait(key: string, object: T, { status, failure }: Outcome<NonNullable<T['status']>>): boolean {
    const [before, next] = [object.status as DuckStatus | undefined, status as DuckStatus];
    const isUnderWay = [before, next].every((one) => conditionOf(one, 'Ready')?.status === 'Unknown');
    const isNews = before?.observedGeneration !== next.observedGeneration;
    const now = clock.now();
    const until = settling.get(key) ?? now + SETTLING;
    if (failure !== undefined || !isUnderWay || isNews || now >= until || deepEqual(before, next)) {
      settling.delete(key);
      return false;
    }
    settling.set(key, until);
    queue.addAfter(key, until - now);
    return true;
  }

  async function writeStatus(object: T, status: NonNullable<T['status']>): Promise<void> {
    if (deepEqual(object.status, status)) return;
    let base = newest(object);
    for (let attempt = 0; ; attempt++) {
      try {
        await client.update(reconciler.kind, { ...base, status }, 'status');
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error) || attempt >= CONFLICT_RETRIES) throw error;
        const refused = base.metadata.resourceVersion;
        base = await client.get(reconciler.kind, object.metadata.namespace, object.metadata.name);
        // The other write is decided but not on disk yet: asking again at once would be refused again.
        if (base.metadata.resourceVersion === refused) throw error;
        if (base.metadata.uid !== object.metadata.uid || deepEqual(base.status, status)) return;
        // Another writer has put something into the status: the pass runs again and takes it into account.
        if (!deepEqual(base.status, object.status)) throw error;
      }
    }
  }

  /** The cached object when no status but only something else of it has changed since the pass began. */
  function newest(object: T): T {
    const cached = informer.get(object.metadata.namespace, object.metadata.name);
    if (cached === undefined || cached.metadata.uid !== object.metadata.uid) return object;
    return deepEqual(cached.status, object.status) ? cached : object;
  }

  function wakeAll(): void {
    for (const object of informer.list()) queue.add(keyOf(object.metadata.namespace, object.metadata.name));
  }

  function wakeOwner(object: KubeObject): void {
    const owner = controllerOf(object);
    if (owner === undefined || owner.kind !== reconciler.kind.kind) return;
    if (
      owner.apiVersion.split('/')[0] !==
      (reconciler.kind.group === '' ? reconciler.kind.version : reconciler.kind.group)
    )
      return;
    queue.add(keyOf(reconciler.kind.namespaced ? object.metadata.namespace : undefined, owner.name));
  }

  return {
    name: reconciler.name,
    async start() {
      const sources: Informer<KubeObject>[] = [];
      const open = (type: ResourceType) => {
        const source = informers.of(type);
        sources.push(source);
        return source;
      };
      for (const type of reconciler.reads ?? []) open(type);
      for (const type of reconciler.owns) open(type);
      for (const watch of reconciler.watches) open(watch.type);
      open(ConfigMap as unknown as ResourceType);
      await Promise.all([informer.synced, ...sources.map((source) => source.synced)]);
      for (const type of reconciler.owns) {
        informers.of(type).onChange((previous, current) => {
          if (previous !== undefined && current === undefined) wakeOwner(previous);
          else if (current !== undefined) wakeOwner(current);
        });
      }
      for (const watch of reconciler.watches) {
        informers.of(watch.type).onChange((previous, current) => {
          for (const object of [previous, current]) {
            if (object === undefined) continue;
            for (const key of watch.keys(object, world)) queue.add(keyOf(key.namespace, key.name));
          }
        });
      }
      informers.of(ConfigMap).onChange((previous, current) => {
        const map = current ?? previous;
        if (map?.metadata.namespace !== systemNamespace || !reconciler.configs?.includes(map.metadata.name)) return;
        if (!deepEqual(previous?.data, current?.data)) wakeAll();
      });
      reconciler.wakes?.((key) => queue.add(keyOf(key.namespace, key.name)));
      informer.onChange((previous, current) => {
        const object = current ?? previous;
        if (object !== undefined) queue.add(keyOf(object.metadata.namespace, object.metadata.name));
      });
      if (options.resync !== undefined && options.resync > 0) {
        const period = options.resync;
        const tick = (): void => {
          wakeAll();
          resync = clock.after(period, tick);
        };
        resync = clock.after(period, tick);
      }
    },
    async stop() {
      resync?.();
      await queue.stop();
    },
  };
}

/** The world of one controller. Exported for rooms that run loops of their own beside reconcilers. */
export function createWorld(name: string, options: ControllerOptions): World {
  const { client, informers, systemNamespace } = options;
  const clock = options.clock ?? systemClock;
  const recorder = new EventRecorder(client, name, clock, options.log);
  return {
    client,
    clock,
    log: options.log,
    informer: (type) => informers.of(type),
    async apply(type, desired) {
      const cached = informers.of(type).get(desired.metadata.namespace, desired.metadata.name);
      if (cached !== undefined && isApplied(cached, desired, name)) return cached;
      return client.apply(type, desired, { fieldManager: name });
    },
    event: (object, type, reason, message) => recorder.record(object, type, reason, message),
    config(mapName) {
      const { _example: _, ...data } = informers.of(ConfigMap).get(systemNamespace, mapName)?.data ?? {};
      return data;
    },
  };
}
