/**
 * Follows Brokers and Triggers: opens and removes logs, starts and changes loops, and tells the reconcilers through
 * status annotations that a log is open and a Trigger subscribed. Statuses hold the resolved addresses.
 */
import { Broker } from '../../api/eventing/broker.ts';
import { Trigger } from '../../api/eventing/trigger.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import type { Client } from '../../kube/client.ts';
import { conditionOf } from '../../kube/conditions.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { keyOf, splitKey } from '../../kube/informer.ts';
import type { Informers } from '../../kube/informers.ts';
import type { Logger } from '../../kube/log.ts';
import { WorkQueue } from '../../kube/queue.ts';
import { deliveryPolicy } from '../trigger/delivery.ts';
import { compileTriggerFilter } from '../trigger/filters.ts';
import { brokerOf, EVENT_LOG_ANNOTATION, isServed, LOG_OPEN, SUBSCRIBED_ANNOTATION } from '../trigger/names.ts';
import type { BrokerName, Brokers } from './brokers.ts';
import type { Delivery } from './dispatch.ts';
import type { SendTarget } from './send.ts';
import { messageOf } from '../../kube/message.ts';

export interface WatchOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly brokers: Brokers;
  readonly log: Logger;
}

export interface Watching {
  /** Resolves once every Broker that exists has been looked at. */
  readonly synced: Promise<void>;
  stop(): Promise<void>;
}

export function watchBrokers(options: WatchOptions): Watching {
  const { client, informers, brokers, log } = options;
  const brokerCache = informers.of(Broker);
  const triggerCache = informers.of(Trigger).index('broker', (trigger) => [brokerKey(trigger)]);
  /** The Broker object that a Trigger object was last applied with: neither has changed when both are the same. */
  const applied = new WeakMap<Trigger, Broker>();
  const queue = new WorkQueue(apply, { workers: 4, maxDelay: 30_000 });

  async function apply(key: string): Promise<void> {
    try {
      await applyBroker(key);
    } catch (error) {
      if (!isConflict(error)) log.warn('a broker could not be brought up to date, trying again', { key, error });
      throw error;
    }
  }

  async function applyBroker(key: string): Promise<void> {
    const { namespace = '', name } = splitKey(key);
    const object = brokerCache.get(namespace, name);
    if (object === undefined || !isServed(object)) return brokers.remove({ namespace, name });
    const broker: BrokerName = { namespace, name, uid: object.metadata.uid ?? '' };
    try {
      await brokers.open(broker);
    } catch (error) {
      const message = messageOf(error);
      await annotate(Broker, object, EVENT_LOG_ANNOTATION, message);
      throw error;
    }
    const triggers = triggerCache.byIndex('broker', key);
    await brokers.keepOnly(broker, new Set(triggers.map((trigger) => trigger.metadata.uid ?? '')));
    for (const trigger of triggers) await applyTrigger(broker, object, trigger);
    await annotate(Broker, object, EVENT_LOG_ANNOTATION, LOG_OPEN);
  }

  async function applyTrigger(broker: BrokerName, object: Broker, trigger: Trigger): Promise<void> {
    if (applied.get(trigger) === object) return;
    const { name, uid = '' } = trigger.metadata;
    await brokers.subscribe(broker, { name, uid }, deliveryOf(trigger, object, log));
    await annotate(Trigger, trigger, SUBSCRIBED_ANNOTATION, broker.uid);
    applied.set(trigger, object);
  }

  async function annotate<T extends KubeObject & { status?: { annotations?: Record<string, string> } }>(
    type: ResourceType<T>,
    object: T,
    annotation: string,
    value: string,
  ): Promise<void> {
    if (object.status?.annotations?.[annotation] === value) return;
    const { namespace, name, uid } = object.metadata;
    try {
      // The UID keeps the mark from landing on another object of the same name.
      const patch = { metadata: { uid }, status: { annotations: { [annotation]: value } } };
      await client.patch(type, namespace, name, patch, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async function start(): Promise<void> {
    await Promise.all([brokerCache.synced, triggerCache.synced]);
    const uids = new Set(brokerCache.list().map((broker) => broker.metadata.uid));
    await brokers.removeOrphans((uid) => uids.has(uid));
    const first = brokerCache.list().map((broker) => keyOf(broker.metadata.namespace, broker.metadata.name));
    // One that fails is tried again by the queue; the others must not wait for it.
    for (const key of first) await applyBroker(key).catch(() => queue.add(key));
    brokers.markSynced();
    brokerCache.onChange((previous, current) => {
      const broker = current ?? previous;
      if (broker !== undefined) queue.add(keyOf(broker.metadata.namespace, broker.metadata.name));
    });
    triggerCache.onChange((previous, current) => {
      for (const trigger of [previous, current]) if (trigger !== undefined) queue.add(brokerKey(trigger));
    });
  }

  return { synced: start(), stop: () => queue.stop() };
}

function brokerKey(trigger: Trigger): string {
  return keyOf(trigger.metadata.namespace, brokerOf(trigger));
}

/** Undefined while something is missing that a delivery needs: the Trigger keeps its place and waits. */
export function deliveryOf(trigger: Trigger, broker: Broker, log: Logger): Delivery | undefined {
  const status = trigger.status;
  const subscriber = targetOf(status?.subscriberUri, status?.subscriberCACerts);
  if (subscriber === undefined || conditionOf(status, 'SubscriberResolved')?.status === 'False') return undefined;
  if (conditionOf(status, 'DeadLetterSinkResolved')?.status === 'False') return undefined;
  try {
    return {
      filter: compileTriggerFilter(trigger.spec),
      policy: deliveryPolicy(trigger.spec.delivery ?? broker.spec?.delivery),
      subscriber,
      deadLetter: targetOf(status?.deadLetterSinkUri, status?.deadLetterSinkCACerts),
      replyUrl: broker.status?.address?.url ?? '',
    };
  } catch (error) {
    const { namespace, name } = trigger.metadata;
    log.warn('a trigger is paused', { namespace, name, error: messageOf(error) });
    return undefined;
  }
}

function targetOf(uri: string | undefined, caCerts: string | undefined): SendTarget | undefined {
  if (uri === undefined || uri === '') return undefined;
  try {
    const url = new URL(uri);
    return url.protocol === 'http:' || url.protocol === 'https:' ? { url, caCerts } : undefined;
  } catch {
    return undefined;
  }
}
