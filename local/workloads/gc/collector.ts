/**
 * Deletes objects whose owners are gone, and lets owners go that wait for their dependents.
 * Source: Kubernetes, "Garbage Collection", "Owners and Dependents", "Finalizers".
 */
import type { KubeObject, OwnerReference } from '../../../api/object.ts';
import type { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import { isConflict, isNotFound } from '../../../kube/errors.ts';
import type { Logger } from '../../../kube/log.ts';
import { WorkQueue } from '../../../kube/queue.ts';
import type { GraphNode, OwnerGraph } from './graph.ts';
import { blocks, FOREGROUND, isForeground, isOrphaning, judge, ORPHAN, type OwnerState } from './verdict.ts';

export interface CollectorOptions {
  readonly client: Client;
  readonly graph: OwnerGraph;
  readonly log: Logger;
  readonly clock: Clock;
}

const WORKERS = 16;

export class Collector {
  readonly #client: Client;
  readonly #graph: OwnerGraph;
  readonly #log: Logger;
  readonly #queue: WorkQueue;
  /** Objects with an owner of a kind that is not known: looked at again when kinds change. */
  readonly #parked = new Set<string>();

  constructor({ client, graph, log, clock }: CollectorOptions) {
    this.#client = client;
    this.#graph = graph;
    this.#log = log;
    this.#queue = new WorkQueue((uid) => this.#process(uid), { workers: WORKERS, clock });
  }

  /** Once the graph is filled. */
  start(): void {
    for (const [uid, node] of this.#graph.all()) this.#examine(uid, undefined, node);
    this.#graph.listen({
      changed: (uid, previous, current) => {
        if (current === undefined) this.#removed(uid, previous);
        else this.#examine(uid, previous, current);
      },
      kindsChanged: () => {
        for (const uid of this.#parked) this.#queue.add(uid);
        this.#parked.clear();
      },
    });
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  #removed(uid: string, previous: GraphNode | undefined): void {
    this.#parked.delete(uid);
    for (const { object } of this.#graph.dependentsOf(uid)) this.#add(object);
    for (const owner of previous?.object.metadata.ownerReferences ?? []) this.#wakeWaiting(owner);
  }

  /** Queues whom a change may concern. For the ordinary change this is nobody. */
  #examine(uid: string, previous: GraphNode | undefined, { object }: GraphNode): void {
    const owners = object.metadata.ownerReferences ?? [];
    const before = previous?.object.metadata.ownerReferences;
    if (object.metadata.deletionTimestamp !== undefined) {
      if (isForeground(object) || isOrphaning(object)) this.#queue.add(uid);
      if (isForeground(object) && (previous === undefined || !isForeground(previous.object)))
        for (const dependent of this.#graph.dependentsOf(uid)) this.#add(dependent.object);
    } else if (owners !== before && owners.some((owner) => this.#seen(object, owner) !== 'present')) {
      this.#queue.add(uid);
    }
    if (before !== owners) for (const owner of before ?? []) this.#wakeWaiting(owner);
  }

  #wakeWaiting({ uid }: OwnerReference): void {
    const owner = this.#graph.get(uid);
    if (owner !== undefined && isForeground(owner.object)) this.#queue.add(uid);
  }

  #add({ metadata: { uid } }: KubeObject): void {
    if (uid !== undefined) this.#queue.add(uid);
  }

  async #process(uid: string): Promise<void> {
    const node = this.#graph.get(uid);
    if (node === undefined) return;
    const { kind, metadata } = node.object;
    try {
      await this.#settle(uid, node);
    } catch (error) {
      if (isNotFound(error)) return;
      // A conflict means that the graph is behind or the object is being changed: the retry sees what came of it.
      const level = isConflict(error) ? 'debug' : 'warn';
      this.#log[level]('garbage not collected, trying again', { kind, name: metadata.name, error });
      throw error;
    }
  }

  async #settle(uid: string, node: GraphNode): Promise<void> {
    const { type, object } = node;
    if (isOrphaning(object)) return this.#orphanDependents(uid, node);
    if (isForeground(object)) return this.#letGo(uid, node);
    if (object.metadata.deletionTimestamp !== undefined) return;
    const states = new Map<OwnerReference, OwnerState>();
    for (const owner of object.metadata.ownerReferences ?? []) states.set(owner, await this.#state(uid, object, owner));
    const hasDependents = this.#graph.dependentsOf(uid).length > 0;
    const verdict = judge(object, (owner) => states.get(owner) ?? 'present', hasDependents);
    const { namespace, name, resourceVersion } = object.metadata;
    switch (verdict.kind) {
      case 'keep':
        return;
      case 'release':
        await this.#client.patch(type, namespace, name, {
          metadata: { uid, resourceVersion, ownerReferences: verdict.owners },
        });
        return;
      case 'delete':
        await this.#client.delete(type, namespace, name, { uid, resourceVersion, propagationPolicy: verdict.policy });
    }
  }

  /** What the graph alone says of an owner; it may not have seen one that exists. */
  #seen(object: KubeObject, owner: OwnerReference): OwnerState {
    const node = this.#graph.get(owner.uid);
    if (node === undefined || !isCoordinate(node, object, owner)) return 'absent';
    return isForeground(node.object) ? 'waiting' : 'present';
  }

  /** As `#seen`, but absence is confirmed by the server. An owner that cannot be resolved counts as present. */
  async #state(uid: string, object: KubeObject, owner: OwnerReference): Promise<OwnerState> {
    const seen = this.#seen(object, owner);
    if (seen !== 'absent') return seen;
    const type = this.#graph.kindNamed(owner.apiVersion, owner.kind);
    const { namespace } = object.metadata;
    if (type === undefined || (type.namespaced && namespace === undefined)) {
      this.#parked.add(uid);
      return 'present';
    }
    const found = await this.#client.find(type, type.namespaced ? namespace : undefined, owner.name);
    if (found?.metadata.uid !== owner.uid) return 'absent';
    return isForeground(found) ? 'waiting' : 'present';
  }

  /** Foreground deletion: the finalizer goes when nothing blocks any more; what blocks is deleted until then. */
  async #letGo(uid: string, node: GraphNode): Promise<void> {
    const blocking = this.#graph.dependentsOf(uid).filter(({ object }) => blocks(object, uid));
    if (blocking.length === 0) return this.#removeFinalizer(node, FOREGROUND);
    for (const { object } of blocking) if (object.metadata.deletionTimestamp === undefined) this.#add(object);
  }

  async #orphanDependents(uid: string, node: GraphNode): Promise<void> {
    await Promise.all(
      this.#graph.dependentsOf(uid).map(async ({ type, object: { metadata } }) => {
        const ownerReferences = (metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
        const patch = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, ownerReferences } };
        try {
          await this.#client.patch(type, metadata.namespace, metadata.name, patch);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }),
    );
    await this.#removeFinalizer(node, ORPHAN);
  }

  async #removeFinalizer({ type, object: { metadata } }: GraphNode, finalizer: string): Promise<void> {
    const finalizers = (metadata.finalizers ?? []).filter((one) => one !== finalizer);
    const patch = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, finalizers } };
    await this.#client.patch(type, metadata.namespace, metadata.name, patch);
  }
}

/** The reference means this very object: an owner is in its dependent's namespace, or in none. */
function isCoordinate(
  { type, object: { metadata } }: GraphNode,
  dependent: KubeObject,
  owner: OwnerReference,
): boolean {
  return (
    type.kind === owner.kind &&
    metadata.name === owner.name &&
    (!type.namespaced || metadata.namespace === dependent.metadata.namespace)
  );
}
