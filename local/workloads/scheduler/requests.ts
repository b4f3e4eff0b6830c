/** What a pod claims of a node. Source: Kubernetes, "Resource Management for Pods and Containers", "Init containers". */
import type { Pod } from '../../../api/core.ts';
import { parseQuantity } from '../../../kube/quantity.ts';

/** Resource name → amount in its own unit; `pods` counts the pod itself. */
export type Amounts = ReadonlyMap<string, number>;

export function requestsOf(pod: Pod): Amounts {
  const running = new Map<string, number>();
  let peak = new Map<string, number>();
  for (const container of pod.spec?.initContainers ?? []) {
    const wanted = amountsOf(container.resources?.requests);
    // One that restarts always stays beside the others; any other runs alone, after those before it.
    if (container.restartPolicy === 'Always') add(running, wanted);
    else {
      const together = new Map(running);
      add(together, wanted);
      peak = larger(peak, together);
    }
  }
  for (const container of pod.spec?.containers ?? []) add(running, amountsOf(container.resources?.requests));
  const total = larger(running, peak);
  add(total, amountsOf(pod.spec?.overhead));
  total.set('pods', 1);
  return total;
}

function amountsOf(requests: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(requests ?? {}).map(([name, text]) => [name, parseQuantity(text) ?? 0]));
}

function add(sum: Map<string, number>, more: Amounts): void {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0) + amount);
}

function larger(a: Amounts, b: Amounts): Map<string, number> {
  const result = new Map(a);
  for (const [name, amount] of b) result.set(name, Math.max(result.get(name) ?? 0, amount));
  return result;
}
