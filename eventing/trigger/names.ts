/** Names that the reconcilers and the broker process share. */
import { BROKER_CLASS_ANNOTATION, type Broker } from '../../api/eventing/broker.ts';
import type { Trigger } from '../../api/eventing/trigger.ts';

/** Broker classes that are served here; Brokers of any other class are left alone. */
export const SERVED_CLASSES: ReadonlySet<string> = new Set(['MTChannelBasedBroker', 'zeroth']);

export const BROKER_INGRESS_SERVICE = 'broker-ingress';
export const DEPENDENCY_ANNOTATION = 'knative.dev/dependency';
export const INJECTION_ANNOTATION = 'eventing.knative.dev/injection';
export const BROKER_LABEL = 'eventing.knative.dev/broker';

/**
 * Status annotation of a Broker, written by the broker process: `LOG_OPEN` once the event log is open for appends, or
 * a sentence that says why it is not.
 */
export const EVENT_LOG_ANNOTATION = 'zeroth.dev/event-log';
export const LOG_OPEN = 'open';

/**
 * Status annotation of a Trigger, written by the broker process: the UID of the Broker in whose log the Trigger has
 * its cursor. Every event accepted from then on is owed to it.
 */
export const SUBSCRIBED_ANNOTATION = 'zeroth.dev/subscribed-to';

export function isServed(broker: Broker): boolean {
  return SERVED_CLASSES.has(broker.metadata.annotations?.[BROKER_CLASS_ANNOTATION] ?? '');
}

/** The name of a Trigger's Broker; it lives in the Trigger's namespace. */
export function brokerOf(trigger: Trigger): string {
  return trigger.spec.broker ?? trigger.spec.brokerRef?.name ?? '';
}
