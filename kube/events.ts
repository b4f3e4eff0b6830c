/** Kubernetes Events about an object: what `kubectl describe` shows. Repeats are counted, failures only logged. */
import { createHash } from 'node:crypto';
import type { KubeObject } from '../api/object.ts';
import { resourceType } from '../api/resource.ts';
import type { Client } from './client.ts';
import type { Clock } from './clock.ts';
import { isAlreadyExists, isNotFound } from './errors.ts';
import type { Logger } from './log.ts';
import { timestamp } from './timestamp.ts';

export interface CoreEvent extends KubeObject {
  involvedObject: {
    apiVersion?: string;
    kind?: string;
    namespace?: string;
    name?: string;
    uid?: string;
    resourceVersion?: string;
  };
  reason?: string;
  message?: string;
  type?: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  source?: { component?: string };
  reportingComponent?: string;
}

export const CoreEvent = resourceType<CoreEvent>('v1', 'Event', 'events');

export type EventType = 'Normal' | 'Warning';

const REMEMBERED = 1_000;

/** Events that may be written about one object at once, and ms after which it may have one more: client-go's. */
const BURST = 25;
const REFILL = 300_000;

interface Budget {
  readonly left: number;
  readonly at: number;
}

export class EventRecorder {
  readonly #client: Client;
  readonly #component: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #counts = new Map<string, number>();
  readonly #budgets = new Map<string, Budget>();

  constructor(client: Client, component: string, clock: Clock, log: Logger) {
    this.#client = client;
    this.#component = component;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Records without waiting: an event is never worth failing a reconcile for. An object that keeps failing is counted,
   * but written about ever more rarely.
   */
  record(object: KubeObject, type: EventType, reason: string, message: string): void {
    void this.#write(object, type, reason, message).catch((error: unknown) => {
      this.#log.debug('event not recorded', { reason, object: object.metadata.name, error });
    });
  }

  async #write(object: KubeObject, type: EventType, reason: string, message: string): Promise<void> {
    const { namespace = 'default', name, uid, resourceVersion } = object.metadata;
    const hash = createHash('sha256')
      .update(`${uid ?? ''}|${type}|${reason}|${message}`)
      .digest('hex')
      .slice(0, 16);
    const eventName = `${name.slice(0, 236)}.${hash}`;
    const count = (this.#counts.get(eventName) ?? 0) + 1;
    remember(this.#counts, eventName, count);
    if (!this.#spend(uid ?? `${namespace}/${name}`)) return;
    const now = timestamp(this.#clock.now());
    if (count > 1) {
      try {
        await this.#client.patch(CoreEvent, namespace, eventName, { count, lastTimestamp: now });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const event: CoreEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        namespace: object.metadata.namespace,
        name,
        uid,
        resourceVersion,
      },
      type,
      reason,
      message: message.slice(0, 1024),
      count,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: this.#component },
      reportingComponent: this.#component,
    };
    try {
      await this.#client.create(CoreEvent, event);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await this.#client.patch(CoreEvent, namespace, eventName, { count, lastTimestamp: now });
    }
  }

  #spend(object: string): boolean {
    const now = this.#clock.now();
    const { left, at } = this.#budgets.get(object) ?? { left: BURST, at: now };
    // A clock that was set back refills nothing.
    const refilled = Math.min(BURST, left + Math.max(0, now - at) / REFILL);
    remember(this.#budgets, object, { left: refilled < 1 ? refilled : refilled - 1, at: now });
    return refilled >= 1;
  }
}

/** The newest entries of a map, the oldest forgotten. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > REMEMBERED ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}
