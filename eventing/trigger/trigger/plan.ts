/** A Trigger's status from what was seen: pure. Conditions and reasons are Knative's (reference section 1). */
import type { Broker } from '../../../api/eventing/broker.ts';
import { TRIGGER_CONDITIONS, type Trigger } from '../../../api/eventing/trigger.ts';
import type { Condition } from '../../../api/object.ts';
import { conditionOf, Conditions } from '../../../kube/conditions.ts';
import { brokerOf, SUBSCRIBED_ANNOTATION } from '../names.ts';
import type { Resolution } from '../resolution.ts';
import type { Addressed } from '../resolve.ts';

/** What became of the `knative.dev/dependency` annotation. */
export type Dependency =
  | { readonly state: 'none' }
  | { readonly state: 'found'; readonly object: Addressed }
  | { readonly state: 'missing'; readonly message: string }
  | { readonly state: 'invalid'; readonly message: string };

export interface TriggerObserved {
  readonly broker: Broker | undefined;
  readonly subscriber: Resolution;
  /** The Trigger's own; `none` inherits the Broker's. */
  readonly deadLetterSink: Resolution;
  readonly dependency: Dependency;
  /** Why the filters cannot be served, if so. */
  readonly filterFault: string | undefined;
  /** RFC 3339. */
  readonly now: string;
}

type Status = NonNullable<Trigger['status']>;

export function planTrigger(trigger: Trigger, seen: TriggerObserved): Status {
  const before = trigger.status;
  const conditions = new Conditions(TRIGGER_CONDITIONS, before?.conditions, seen.now);
  conditions.markTrue('OIDCIdentityCreated', 'authentication-oidc feature disabled');
  const status: Status = { observedGeneration: trigger.metadata.generation };
  if (before?.annotations !== undefined) status.annotations = before.annotations;
  markBroker(conditions, trigger, seen.broker);
  markSubscriber(conditions, status, seen.subscriber);
  markDeadLetterSink(conditions, status, seen);
  markSubscription(conditions, before?.annotations?.[SUBSCRIBED_ANNOTATION], seen);
  markDependency(conditions, seen.dependency);
  status.conditions = conditions.toList();
  return status;
}

function markBroker(conditions: Conditions, trigger: Trigger, broker: Broker | undefined): void {
  if (broker === undefined)
    conditions.markFalse('BrokerReady', 'BrokerDoesNotExist', `Broker "${brokerOf(trigger)}" does not exist`);
  else
    propagate(conditions, 'BrokerReady', conditionOf(broker.status, 'Ready'), [
      'BrokerNotConfigured',
      'Broker has not yet been reconciled.',
    ]);
}

function markSubscriber(conditions: Conditions, status: Status, subscriber: Resolution): void {
  if (subscriber.state === 'resolved') {
    const { url, CACerts, audience } = subscriber.address;
    status.subscriberUri = url;
    if (CACerts !== undefined) status.subscriberCACerts = CACerts;
    if (audience !== undefined) status.subscriberAudience = audience;
    conditions.markTrue('SubscriberResolved');
    return;
  }
  const message = subscriber.state === 'failed' ? subscriber.message : 'spec.subscriber is missing';
  conditions.markFalse('SubscriberResolved', "Unable to get the Subscriber's URI", message);
}

function markDeadLetterSink(conditions: Conditions, status: Status, seen: TriggerObserved): void {
  const { deadLetterSink, broker } = seen;
  if (deadLetterSink.state === 'failed') {
    conditions.markFalse('DeadLetterSinkResolved', "Unable to get the dead letter sink's URI", deadLetterSink.message);
    return;
  }
  if (deadLetterSink.state === 'resolved') {
    const { url, CACerts, audience } = deadLetterSink.address;
    setDeadLetterSink(status, url, CACerts, audience);
    conditions.markTrue('DeadLetterSinkResolved');
    return;
  }
  if (broker?.spec?.delivery?.deadLetterSink === undefined) {
    conditions.markTrue('DeadLetterSinkResolved', 'DeadLetterSinkNotConfigured', 'No dead letter sink is configured.');
    return;
  }
  const { deadLetterSinkUri, deadLetterSinkCACerts, deadLetterSinkAudience } = broker.status ?? {};
  if (deadLetterSinkUri === undefined) {
    conditions.markFalse(
      'DeadLetterSinkResolved',
      `Broker ${broker.metadata.name} didn't set status.deadLetterSinkURI`,
    );
    return;
  }
  setDeadLetterSink(status, deadLetterSinkUri, deadLetterSinkCACerts, deadLetterSinkAudience);
  conditions.markTrue('DeadLetterSinkResolved');
}

function setDeadLetterSink(status: Status, uri: string, CACerts?: string, audience?: string): void {
  status.deadLetterSinkUri = uri;
  if (CACerts !== undefined) status.deadLetterSinkCACerts = CACerts;
  if (audience !== undefined) status.deadLetterSinkAudience = audience;
}

function markSubscription(conditions: Conditions, subscribedTo: string | undefined, seen: TriggerObserved): void {
  const type = 'SubscriptionReady';
  if (seen.filterFault !== undefined) conditions.markFalse(type, 'NotSubscribed', seen.filterFault);
  else if (seen.broker !== undefined && subscribedTo === seen.broker.metadata.uid) conditions.markTrue(type);
  else if (seen.broker === undefined)
    conditions.markUnknown(type, 'SubscriptionNotConfigured', 'There is no Broker to subscribe to.');
  else
    conditions.markUnknown(type, 'SubscriptionNotConfigured', 'The broker process has not taken the Trigger in yet.');
}

function markDependency(conditions: Conditions, dependency: Dependency): void {
  const type = 'DependencyReady';
  switch (dependency.state) {
    case 'none':
      conditions.markTrue(type);
      return;
    case 'invalid':
      conditions.markFalse(type, 'ReferenceError', dependency.message);
      return;
    case 'missing':
      conditions.markFalse(type, 'DependencyDoesNotExist', dependency.message);
      return;
    case 'found': {
      const { metadata, status } = dependency.object;
      const generation = metadata.generation ?? 0;
      const observed = status?.observedGeneration ?? 0;
      if (generation !== observed)
        conditions.markUnknown(
          type,
          'GenerationNotEqual',
          `The dependency is at generation ${generation}; its status is of generation ${observed}.`,
        );
      else
        propagate(conditions, type, conditionOf(status, 'Ready'), [
          'DependencyNotConfigured',
          'Dependency has not yet been reconciled.',
        ]);
    }
  }
}

function propagate(
  conditions: Conditions,
  type: string,
  from: Condition | undefined,
  absent: readonly [reason: string, message: string],
): void {
  if (from === undefined) conditions.markUnknown(type, ...absent);
  else if (from.status === 'True') conditions.markTrue(type);
  else if (from.status === 'False') conditions.markFalse(type, from.reason, from.message);
  else conditions.markUnknown(type, from.reason, from.message);
}
