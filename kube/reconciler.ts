/** What a reconciler is, and the world it reads and writes. The loop that runs it is in controller.ts. */
import type { KubeObject, OwnerReference } from '../api/object.ts';
import { apiVersionOf, type ResourceType } from '../api/resource.ts';
import type { Client } from './client.ts';
import type { Clock } from './clock.ts';
import type { EventType } from './events.ts';
import type { Informer } from './informer.ts';
import type { Logger } from './log.ts';

export interface ObjectKey {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Something whose changes wake objects of the reconciler's kind. */
export interface Watch<W extends KubeObject = KubeObject> {
  readonly type: ResourceType<W>;
  /** Keys to wake; called with the object before and after the change. */
  keys(object: W, world: World): readonly ObjectKey[];
}

export interface World {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** The cache of a kind; the same one for all reconcilers of a process. */
  informer<T extends KubeObject>(type: ResourceType<T>): Informer<T>;
  /**
   * Server-side apply as this controller's field manager; no request when the cache already holds the same and nothing
   * that was applied before has been left out. Returns the object as stored.
   */
  apply<T extends KubeObject>(type: ResourceType<T>, desired: T): Promise<T>;
  event(object: KubeObject, type: EventType, reason: string, message: string): void;
  /** Data of a ConfigMap in the controller's system namespace; `{}` when absent. `_example` is left out. */
  config(name: string): Readonly<Record<string, string>>;
}

/** What a pass may ask for beside its status. */
export interface Outcome<S> {
  /** Written to the status subresource when it differs; `observedGeneration` is the reconciler's to set. */
  readonly status?: S;
  /** Come back after this many ms even if nothing changes. */
  readonly again?: number;
  /** What stopped the pass: thrown once the status is written, so the pass is tried again with back-off. */
  readonly failure?: unknown;
}

export interface Reconciler<T extends KubeObject & { status?: unknown }> {
  /** Names the controller in logs, events and managed fields, e.g. `route-controller`. */
  readonly name: string;
  readonly kind: ResourceType<T>;
  /** Children (by controller reference) whose changes wake their owner. */
  readonly owns: readonly ResourceType[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each watch has a kind of its own
  readonly watches: readonly Watch<any>[];
  /** ConfigMaps of the system namespace whose change wakes every object. */
  readonly configs?: readonly string[];
  /** Kinds only read through `world.informer`: synced before the first pass, waking nobody. */
  readonly reads?: readonly ResourceType[];
  /** Told once, at start, how to wake an object when something outside the API server has news of it. */
  wakes?(wake: (key: ObjectKey) => void): void;
  /** Called for every object that is not being deleted. Throwing retries with back-off. */
  reconcile(object: T, world: World): Promise<Outcome<NonNullable<T['status']>> | void>;
  /** With a finalizer, called when the object is being deleted; it is removed once this resolves with true. */
  readonly finalizer?: { readonly name: string; run(object: T, world: World): Promise<boolean> };
}

/** The controller reference that makes `owner` the owner of what carries it. */
export function controllerRef(owner: KubeObject, type: ResourceType): OwnerReference {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}
