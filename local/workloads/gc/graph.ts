/** Who owns whom, over every kind there is, kept by watches. Shared by the collector and the namespace controller. */
import { CustomResourceDefinition } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourceKey, type ResourceType } from '../../../api/resource.ts';
import type { Client } from '../../../kube/client.ts';
import { Informer } from '../../../kube/informer.ts';
import type { Informers } from '../../../kube/informers.ts';
import type { Logger } from '../../../kube/log.ts';
import { discoverKinds, kindOf } from './kinds.ts';

export interface GraphNode {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

export interface GraphListener {
  /** After the graph has changed; `previous` is absent for an addition, `current` for a removal. */
  changed(uid: string, previous: GraphNode | undefined, current: GraphNode | undefined): void;
  /** A kind came or went. */
  kindsChanged?(): void;
}

export class OwnerGraph {
  readonly #client: Client;
  readonly #log: Logger;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #byCrd = new Map<string, ResourceType>();
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #namespaces = new Map<string, Set<string>>();
  readonly #listeners: GraphListener[] = [];

  constructor(client: Client, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  /** Resolves when all objects that existed are in the graph. CRDs that come later are followed. */
  async start(shared: Informers): Promise<void> {
    for (const type of await discoverKinds(this.#client.transport)) this.#open(type);
    const crds = shared.of(CustomResourceDefinition);
    await Promise.all([crds.synced, ...[...this.#informers.values()].map((informer) => informer.synced)]);
    crds.onChange((previous, current) => this.#follow(previous, current));
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
  }

  listen(listener: GraphListener): void {
    this.#listeners.push(listener);
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  all(): IterableIterator<[string, GraphNode]> {
    return this.#nodes.entries();
  }

  dependentsOf(uid: string): GraphNode[] {
    return this.#resolve(this.#dependents.get(uid));
  }

  inNamespace(namespace: string): GraphNode[] {
    return this.#resolve(this.#namespaces.get(namespace));
  }

  /** Every kind that is watched. */
  kinds(): ResourceType[] {
    return [...this.#informers.values()].map(({ type }) => type);
  }

  /** The kind that an owner reference names, in whatever version. */
  kindNamed(apiVersion: string, kind: string): ResourceType | undefined {
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    return this.kinds().find((type) => type.group === group && type.kind === kind);
  }

  #follow(previous: CustomResourceDefinition | undefined, current: CustomResourceDefinition | undefined): void {
    const name = (current ?? previous)?.metadata.name ?? '';
    const type = current === undefined ? undefined : kindOf(current);
    const before = this.#byCrd.get(name);
    if (type !== undefined) {
      this.#byCrd.set(name, type);
      if (!this.#informers.has(resourceKey(type))) this.#open(type);
      else if (before !== undefined) return;
    } else if (current === undefined && before !== undefined) {
      this.#byCrd.delete(name);
      this.#close(before);
    } else return;
    for (const listener of this.#listeners) listener.kindsChanged?.();
  }

  /** A cache apart from the controllers': theirs may be of another version of the kind, and live on when a CRD goes. */
  #open(type: ResourceType): void {
    const informer = new Informer(this.#client, type, this.#log);
    this.#informers.set(resourceKey(type), informer);
    informer.onChange((previous, current) => {
      const [before, after] = [previous?.metadata.uid, current?.metadata.uid];
      // Replaced by a namesake while the watch was broken.
      if (before !== undefined && before !== after) this.#remove(before);
      if (after !== undefined && current !== undefined) this.#put(after, { type, object: current });
    });
    informer.start();
  }

  #close(type: ResourceType): void {
    const informer = this.#informers.get(resourceKey(type));
    if (informer === undefined) return;
    informer.stop();
    this.#informers.delete(resourceKey(type));
    for (const { metadata } of informer.list()) if (metadata.uid !== undefined) this.#remove(metadata.uid);
  }

  #put(uid: string, node: GraphNode): void {
    const previous = this.#nodes.get(uid);
    if (previous !== undefined) this.#unlink(uid, previous);
    this.#nodes.set(uid, node);
    for (const { uid: owner } of node.object.metadata.ownerReferences ?? []) addTo(this.#dependents, owner, uid);
    addTo(this.#namespaces, node.object.metadata.namespace ?? '', uid);
    for (const listener of this.#listeners) listener.changed(uid, previous, node);
  }

  #remove(uid: string): void {
    const previous = this.#nodes.get(uid);
    if (previous === undefined) return;
    this.#unlink(uid, previous);
    this.#nodes.delete(uid);
    for (const listener of this.#listeners) listener.changed(uid, previous, undefined);
  }

  #unlink(uid: string, { object }: GraphNode): void {
    for (const { uid: owner } of object.metadata.ownerReferences ?? []) removeFrom(this.#dependents, owner, uid);
    removeFrom(this.#namespaces, object.metadata.namespace ?? '', uid);
  }

  #resolve(uids: ReadonlySet<string> | undefined): GraphNode[] {
    return [...(uids ?? [])].map((uid) => this.#nodes.get(uid)).filter((node) => node !== undefined);
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

function removeFrom(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set?.delete(value) === true && set.size === 0) sets.delete(key);
}
