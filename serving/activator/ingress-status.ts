/** Says in an Ingress's status that its rules are served, once they are. Several activators may do so: all write the same. */
import {
  Ingress,
  INGRESS_CONDITIONS,
  ZEROTH_INGRESS_CLASS,
  INGRESS_CLASS_ANNOTATION,
} from '../../api/networking/ingress.ts';
import type { Client } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { Conditions } from '../../kube/conditions.ts';
import { deepEqual } from '../../kube/equal.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { splitKey, type Lister } from '../../kube/informer.ts';
import type { Logger } from '../../kube/log.ts';
import { WorkQueue } from '../../kube/queue.ts';
import type { CertificateTable, TlsProblem } from './certificates.ts';
import type { RoutingTable } from './table.ts';
import { timestamp } from '../../kube/timestamp.ts';

export interface IngressStatusOptions {
  readonly client: Client;
  readonly ingresses: Lister<Ingress>;
  readonly table: RoutingTable;
  readonly certificates: CertificateTable;
  /** Name under which the cluster reaches this gateway. */
  readonly gatewayDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const WORKERS = 4;

export class IngressStatusWriter {
  readonly #options: IngressStatusOptions;
  readonly #queue: WorkQueue;

  constructor(options: IngressStatusOptions) {
    this.#options = options;
    this.#queue = new WorkQueue((key) => this.#write(key), { workers: WORKERS, clock: options.clock });
  }

  /** The table now holds the Ingress as the cache has it. */
  publish(key: string): void {
    this.#queue.add(key);
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  async #write(key: string): Promise<void> {
    const { client, ingresses, table, certificates, gatewayDomain, clock, log } = this.#options;
    const { namespace, name } = splitKey(key);
    const ingress = ingresses.get(namespace, name);
    if (ingress === undefined || table.generationOf(key) !== (ingress.metadata.generation ?? 0)) return;
    const status = servedStatus(ingress, gatewayDomain, clock.now(), certificates.problemOf(key));
    if (deepEqual(ingress.status, status)) return;
    try {
      const patch = { metadata: { resourceVersion: ingress.metadata.resourceVersion }, status };
      await client.patch(Ingress, namespace, name, patch, { subresource: 'status' });
    } catch (error) {
      // A conflict means a newer version is on its way here by watch, and comes back by itself.
      if (isNotFound(error) || isConflict(error)) return;
      log.warn('ingress status not written, trying again', { key, error });
      throw error;
    }
  }
}

/** Is this Ingress this gateway's to serve? */
export function isOurs(ingress: Ingress): boolean {
  return ingress.metadata.annotations?.[INGRESS_CLASS_ANNOTATION] === ZEROTH_INGRESS_CLASS;
}

/**
 * The status of an Ingress whose current generation is served.
 * @param now ms
 * @param problem what keeps it from being served over TLS as it asks
 */
export function servedStatus(
  ingress: Ingress,
  gatewayDomain: string,
  now: number,
  problem?: TlsProblem,
): NonNullable<Ingress['status']> {
  const time = timestamp(now);
  const conditions = new Conditions(INGRESS_CONDITIONS, ingress.status?.conditions, time);
  for (const type of INGRESS_CONDITIONS) conditions.markTrue(type);
  const [NETWORK_CONFIGURED] = INGRESS_CONDITIONS;
  if (problem?.final === true) conditions.markFalse(NETWORK_CONFIGURED, problem.reason, problem.message);
  else if (problem !== undefined) conditions.markUnknown(NETWORK_CONFIGURED, problem.reason, problem.message);
  const loadBalancer = { ingress: [{ domainInternal: gatewayDomain }] };
  return {
    ...ingress.status,
    observedGeneration: ingress.metadata.generation ?? 0,
    conditions: conditions.toList(),
    publicLoadBalancer: loadBalancer,
    privateLoadBalancer: loadBalancer,
  };
}
