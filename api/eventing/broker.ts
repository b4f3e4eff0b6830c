/** eventing.knative.dev/v1 Broker: an addressable that keeps events and routes them to Triggers. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';
import type { Addressable } from '../serving/route.ts';
import type { DeliverySpec, KReference } from './destination.ts';

export interface Broker extends KubeObject {
  spec?: { config?: KReference; delivery?: DeliverySpec };
  status?: DuckStatus & {
    address?: Addressable;
    addresses?: Addressable[];
    deadLetterSinkUri?: string;
    deadLetterSinkCACerts?: string;
    deadLetterSinkAudience?: string;
    policies?: { name: string; apiVersion: string }[];
  };
}

export const Broker = resourceType<Broker>('eventing.knative.dev/v1', 'Broker', 'brokers');

export const BROKER_CONDITIONS = [
  'IngressReady',
  'TriggerChannelReady',
  'FilterReady',
  'Addressable',
  'DeadLetterSinkResolved',
  'EventPoliciesReady',
] as const;

export const BROKER_CLASS_ANNOTATION = 'eventing.knative.dev/broker.class';
