/** Defaulting and validation of Broker. Source: reference section 1, "Defaulting and validation". */
import { Broker, BROKER_CLASS_ANNOTATION } from '../../../api/eventing/broker.ts';
import type { DeliverySpec } from '../../../api/eventing/destination.ts';
import { missingField, viaField, type FieldError } from '../../../api/field-error.ts';
import type { Admission } from '../../../kube/admission.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { allowsOtherNamespace, brokerDefaults, configOf, defaultClass, type BrokerConfig } from './broker-defaults.ts';
import { defaultDelivery, validateDelivery, validateReference } from './destination.ts';
import { featuresOf } from './features.ts';
import { difference, verdictOf } from './verdict.ts';

export const brokerAdmission: Admission<Broker> = {
  type: Broker,

  default(broker, _old, context) {
    if (context.subresource !== undefined) return broker;
    const namespace = broker.metadata.namespace ?? '';
    const defaults = brokerDefaults(context);
    const annotations = broker.metadata.annotations ?? {};
    const brokerClass = annotations[BROKER_CLASS_ANNOTATION] || defaultClass(defaults, namespace);
    const spec = defaultSpec(broker.spec ?? {}, configOf(defaults, namespace, brokerClass), namespace);
    const metadata = { ...broker.metadata, annotations: { ...annotations, [BROKER_CLASS_ANNOTATION]: brokerClass } };
    const next: Broker = { ...broker, metadata, spec };
    return deepEqual(next, broker) ? broker : next;
  },

  validate(broker, old, context) {
    if (context.operation === 'DELETE' || context.subresource !== undefined) return {};
    const errors: FieldError[] = [];
    const features = featuresOf(context);
    const namespace = broker.metadata.namespace ?? '';
    if (!broker.metadata.annotations?.[BROKER_CLASS_ANNOTATION]) errors.push(missingField(BROKER_CLASS_ANNOTATION));
    const { config, delivery } = broker.spec ?? {};
    const own = allowsOtherNamespace(brokerDefaults(context), namespace) ? undefined : namespace;
    if (config !== undefined) errors.push(...viaField('spec.config', validateReference(config, features, own)));
    errors.push(...viaField('spec.delivery', validateDelivery(delivery, features)));
    if (old !== undefined) errors.push(...immutable(broker, old));
    return verdictOf(errors);
  },
};

function defaultSpec(
  spec: NonNullable<Broker['spec']>,
  given: BrokerConfig | undefined,
  namespace: string,
): NonNullable<Broker['spec']> {
  const next = { ...spec };
  if (next.config === undefined && given?.kind !== undefined && given.name !== undefined) {
    const { delivery: _, ...reference } = given;
    next.config = { ...reference, kind: given.kind, name: given.name };
  }
  if (next.config !== undefined && !next.config.namespace) next.config = { ...next.config, namespace };
  if (next.delivery === undefined && given?.delivery !== undefined) next.delivery = inherited(given.delivery);
  const delivery = defaultDelivery(next.delivery, namespace);
  if (delivery !== undefined) next.delivery = delivery;
  return next;
}

/** Only these parts of a default are handed down. */
function inherited({ deadLetterSink, retry, backoffPolicy, backoffDelay }: DeliverySpec): DeliverySpec {
  const parts = Object.entries({ deadLetterSink, retry, backoffPolicy, backoffDelay });
  return Object.fromEntries(parts.filter(([, value]) => value !== undefined));
}

function immutable(broker: Broker, old: Broker): FieldError[] {
  const before = old.spec?.config;
  const after = broker.spec?.config;
  if (!deepEqual(before, after))
    return [
      {
        message: 'Immutable fields changed (-old +new)',
        paths: ['spec'],
        details: difference('v1.BrokerSpec.Config', before, after),
      },
    ];
  const was = old.metadata.annotations?.[BROKER_CLASS_ANNOTATION];
  const is = broker.metadata.annotations?.[BROKER_CLASS_ANNOTATION];
  if (was === is) return [];
  return [
    {
      message: 'Immutable annotations changed (-old +new)',
      paths: ['annotations'],
      details: difference('string', was, is),
    },
  ];
}
