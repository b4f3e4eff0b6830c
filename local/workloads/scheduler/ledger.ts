/** What the pods of each node claim, kept as pods come and go. */
import type { Pod } from '../../../api/core.ts';
import { keyOf, type Informer } from '../../../kube/informer.ts';
import { isTerminal } from '../pods.ts';
import { requestsOf, type Amounts } from './requests.ts';

interface Claim {
  readonly node: string;
  readonly pod: Pod;
  readonly amounts: Amounts;
}

export class Ledger {
  readonly #claims = new Map<string, Claim>();
  readonly #used = new Map<string, Map<string, number>>();
  readonly #freed: () => void;

  /** @param freed called when something is claimed no longer */
  constructor(pods: Informer<Pod>, freed: () => void) {
    this.#freed = freed;
    pods.onChange((previous, current) => {
      const pod = current ?? previous;
      if (pod === undefined) return;
      const node = current === undefined || isTerminal(current) ? undefined : current.spec?.nodeName;
      const key = keyOf(pod.metadata.namespace, pod.metadata.name);
      if (node !== undefined && node !== '') this.#claim(key, node, pod);
      // A pod without a node may be about to be bound: what was assumed for it stays.
      else if (current === undefined || isTerminal(current)) this.release(key);
    });
  }

  /** Counts a pod before the server has confirmed it; `release` takes it back. */
  assume(pod: Pod, node: string): void {
    this.#claim(keyOf(pod.metadata.namespace, pod.metadata.name), node, pod);
  }

  release(key: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    this.#claims.delete(key);
    this.#count(claim, -1);
    this.#freed();
  }

  used(node: string): Amounts {
    return this.#used.get(node) ?? new Map();
  }

  podsOn(node: string): Pod[] {
    return [...this.#claims.values()].filter((claim) => claim.node === node).map(({ pod }) => pod);
  }

  #claim(key: string, node: string, pod: Pod): void {
    const before = this.#claims.get(key);
    const same = before !== undefined && before.node === node && before.pod.spec === pod.spec;
    const claim = { node, pod, amounts: same ? before.amounts : requestsOf(pod) };
    this.#claims.set(key, claim);
    if (same) return;
    if (before !== undefined) this.#count(before, -1);
    this.#count(claim, 1);
  }

  #count({ node, amounts }: Claim, sign: 1 | -1): void {
    const used = this.#used.get(node) ?? new Map<string, number>();
    this.#used.set(node, used);
    for (const [name, amount] of amounts) {
      const sum = (used.get(name) ?? 0) + sign * amount;
      // Fractions of a core leave dust behind.
      if (Math.abs(sum) < 1e-9) used.delete(name);
      else used.set(name, sum);
    }
  }
}
