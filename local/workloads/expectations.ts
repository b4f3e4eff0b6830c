/**
 * Pods that a controller has created or deleted and that its cache does not show yet. While there are any, its counts
 * are wrong and it must not act on them. In-process the cache is never behind; over a network it is.
 * Source: the idea of client-go's controller expectations.
 */
import type { Pod } from '../../api/core.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Informer } from '../../kube/informer.ts';
import { keyOf } from '../../kube/informer.ts';

/** After this long an answer that never came is given up, ms. */
const EXPIRY = 300_000;

export class Expectations {
  readonly #clock: Clock;
  readonly #creations = new Map<string, Map<string, number>>();
  readonly #deletions = new Map<string, Map<string, number>>();

  constructor(pods: Informer<Pod>, clock: Clock) {
    this.#clock = clock;
    pods.onChange((previous, current) => {
      const pod = current ?? previous;
      const owner = pod?.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
      if (pod === undefined || owner === undefined) return;
      this.created(owner, keyOf(pod.metadata.namespace, pod.metadata.name));
      if (current === undefined || current.metadata.deletionTimestamp !== undefined)
        this.deleted(owner, pod.metadata.uid ?? '');
    });
  }

  /** Before the request is sent. @param pod key of the pod */
  expectCreation(owner: string, pod: string): void {
    remember(this.#creations, owner, pod, this.#clock.now());
  }

  /** It was seen, or the request failed. */
  created(owner: string, pod: string): void {
    forget(this.#creations, owner, pod);
  }

  expectDeletion(owner: string, uid: string): void {
    remember(this.#deletions, owner, uid, this.#clock.now());
  }

  deleted(owner: string, uid: string): void {
    forget(this.#deletions, owner, uid);
  }

  /** Whether the cache shows all that was done for `owner`. */
  satisfied(owner: string): boolean {
    return !this.#pending(this.#creations.get(owner)) && !this.#pending(this.#deletions.get(owner));
  }

  #pending(entries: Map<string, number> | undefined): boolean {
    if (entries === undefined) return false;
    const oldest = this.#clock.now() - EXPIRY;
    return [...entries.values()].some((at) => at > oldest);
  }

  /** The owner is gone. */
  drop(owner: string): void {
    this.#creations.delete(owner);
    this.#deletions.delete(owner);
  }
}

function remember(all: Map<string, Map<string, number>>, owner: string, entry: string, now: number): void {
  const entries = all.get(owner);
  if (entries === undefined) all.set(owner, new Map([[entry, now]]));
  else entries.set(entry, now);
}

function forget(all: Map<string, Map<string, number>>, owner: string, entry: string): void {
  const entries = all.get(owner);
  if (entries?.delete(entry) === true && entries.size === 0) all.delete(owner);
}
