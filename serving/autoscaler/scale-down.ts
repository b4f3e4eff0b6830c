/** Sees to it that idle pods go before busy ones when a revision is about to shrink. */
import { Pod } from '../../api/core.ts';
import type { Client } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { keyOf, type Informer } from '../../kube/informer.ts';
import type { Logger } from '../../kube/log.ts';
import type { ObjectKey } from '../../kube/reconciler.ts';
import type { BusyPodsSurvey } from './busy-pods.ts';
import { DELETION_COST, deletionCosts } from './deletion-cost.ts';
import { listReady } from './pods.ts';

export interface ScaleDownParts {
  readonly client: Client;
  /** With the index of `indexPods`. */
  readonly pods: Informer<Pod>;
  readonly survey: BusyPodsSurvey;
  readonly log: Logger;
}

/** Writes under way at once. */
const WIDTH = 16;
/** Most writes for one step; a larger revision takes several steps to shrink to where it matters. */
const MOST_WRITES = 500;

export class ScaleDown {
  readonly #parts: ScaleDownParts;

  constructor(parts: ScaleDownParts) {
    this.#parts = parts;
  }

  /**
   * To be awaited before the scale is written. A cost that cannot be written is logged and stands in nobody's way: a
   * pod that goes while it is busy still ends its requests first.
   */
  async prepare(revision: ObjectKey, want: number): Promise<void> {
    const { pods, survey } = this.#parts;
    const ready = listReady(pods, keyOf(revision.namespace, revision.name));
    // Pods that are not ready go before all others.
    const leaving = ready.length - want;
    if (want <= 0 || leaving <= 0) return;
    const inFlight = await survey.ask(revision);
    if (inFlight.size === 0) return;
    const costs = deletionCosts(
      ready.map((pod) => ({
        name: pod.metadata.name,
        inFlight: inFlight.get(pod.status?.podIP ?? '') ?? 0,
        cost: costOf(pod),
      })),
      leaving,
    );
    const writes = [...costs].slice(0, MOST_WRITES);
    for (let i = 0; i < writes.length; i += WIDTH)
      await Promise.all(writes.slice(i, i + WIDTH).map(([name, cost]) => this.#write(revision.namespace, name, cost)));
  }

  async #write(namespace: string | undefined, name: string, cost: number): Promise<void> {
    const annotations = { [DELETION_COST]: String(cost) };
    try {
      await this.#parts.client.patch(Pod, namespace, name, { metadata: { annotations } });
    } catch (error) {
      if (!isNotFound(error)) this.#parts.log.warn('deletion cost not written', { namespace, name, cost, error });
    }
  }
}

function costOf(pod: Pod): number {
  const value = pod.metadata.annotations?.[DELETION_COST] ?? '';
  return /^-?\d{1,10}$/.test(value) ? Number(value) : 0;
}
