/** eventing.knative.dev/v1 Trigger: which events of a Broker go to which subscriber. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';
import type { DeliverySpec, Destination, KReference } from './destination.ts';

/** One filter of `spec.filters`; exactly one dialect is set. */
export interface SubscriptionsApiFilter {
  exact?: Record<string, string>;
  prefix?: Record<string, string>;
  suffix?: Record<string, string>;
  all?: SubscriptionsApiFilter[];
  any?: SubscriptionsApiFilter[];
  not?: SubscriptionsApiFilter;
  cesql?: string;
}

export interface TriggerFilter {
  attributes?: Record<string, string>;
}

export interface Trigger extends KubeObject {
  spec: {
    broker?: string;
    brokerRef?: KReference;
    filter?: TriggerFilter;
    filters?: SubscriptionsApiFilter[];
    subscriber: Destination;
    delivery?: DeliverySpec;
  };
  status?: DuckStatus & {
    subscriberUri?: string;
    subscriberCACerts?: string;
    subscriberAudience?: string;
    deadLetterSinkUri?: string;
    deadLetterSinkCACerts?: string;
    deadLetterSinkAudience?: string;
    auth?: { serviceAccountName?: string; serviceAccountNames?: string[] };
  };
}

export const Trigger = resourceType<Trigger>('eventing.knative.dev/v1', 'Trigger', 'triggers');

export const TRIGGER_CONDITIONS = [
  'BrokerReady',
  'SubscriptionReady',
  'DependencyReady',
  'SubscriberResolved',
  'DeadLetterSinkResolved',
  'OIDCIdentityCreated',
] as const;
