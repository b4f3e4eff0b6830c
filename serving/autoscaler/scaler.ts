/** Writes the scale of a revision's Deployment, once for each wish. */
import { Deployment } from '../../api/core.ts';
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { Client } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { keyOf, type Lister } from '../../kube/informer.ts';
import type { Logger } from '../../kube/log.ts';
import { MERGE_PATCH } from '../../kube/transport.ts';
import { told } from './blocked.ts';
import { ScaleTargetError } from './errors.ts';

export class Scaler {
  readonly #client: Client;
  readonly #deployments: Lister<Deployment>;
  readonly #log: Logger;
  /** Writes under way, by target. */
  readonly #writes = new Map<string, { readonly replicas: number; readonly done: Promise<void> }>();

  constructor(client: Client, deployments: Lister<Deployment>, log: Logger) {
    this.#client = client;
    this.#deployments = deployments;
    this.#log = log;
  }

  /** Pods that the target is asked to have now; undefined when there is no such Deployment (yet). */
  current(pa: PodAutoscaler): number | undefined {
    const { kind, name } = pa.spec.scaleTargetRef;
    if (kind !== 'Deployment') return undefined;
    const target = this.#deployments.get(pa.metadata.namespace, name);
    return target === undefined ? undefined : (target.spec?.replicas ?? 1);
  }

  /**
   * Brings the target to this many pods; the request leaves before this returns. Nothing is done when it has them
   * already, or does not exist: whoever creates it wakes the PodAutoscaler. Rejects with ScaleTargetError for a target
   * of another kind.
   */
  scale(pa: PodAutoscaler, replicas: number): Promise<void> {
    const current = this.current(pa);
    const { namespace } = pa.metadata;
    const { kind, name } = pa.spec.scaleTargetRef;
    if (kind !== 'Deployment')
      return Promise.reject(new ScaleTargetError(`scaleTargetRef: a ${kind} is not scaled here`));
    const key = keyOf(namespace, name);
    const write = this.#writes.get(key);
    if (write !== undefined && write.replicas === replicas) return write.done;
    if (current === undefined || (write === undefined && current === replicas)) return Promise.resolve();
    this.#log.info('scaling', { namespace, target: name, from: current, to: replicas });
    const done = this.#patch(namespace, name, replicas).finally(() => {
      if (this.#writes.get(key)?.done === done) this.#writes.delete(key);
    });
    this.#writes.set(key, { replicas, done });
    return done;
  }

  async #patch(namespace: string | undefined, name: string, replicas: number): Promise<void> {
    try {
      await this.#client.patch(
        Deployment,
        namespace,
        name,
        { spec: { replicas } },
        { contentType: MERGE_PATCH, subresource: 'scale' },
      );
    } catch (error) {
      if (!isNotFound(error))
        throw told(`error scaling target: failed to apply scale ${replicas} to scale target ${name}`, error);
    }
  }
}
