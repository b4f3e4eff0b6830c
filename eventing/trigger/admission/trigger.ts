/** Defaulting and validation of Trigger. Source: reference section 1, "Defaulting and validation". */
import { Trigger } from '../../../api/eventing/trigger.ts';
import { disallowedFields, missingField, multipleOneOf, viaField, type FieldError } from '../../../api/field-error.ts';
import type { Admission } from '../../../kube/admission.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { BROKER_LABEL, brokerOf, DEPENDENCY_ANNOTATION, INJECTION_ANNOTATION } from '../names.ts';
import { dependencyRef } from '../trigger/dependency.ts';
import { defaultDelivery, defaultDestination, validateDelivery, validateDestination } from './destination.ts';
import { featuresOf, type Features } from './features.ts';
import { validateFilters, validateTriggerFilter } from './filters.ts';
import { difference, verdictOf } from './verdict.ts';
import { messageOf } from '../../../kube/message.ts';

export const triggerAdmission: Admission<Trigger> = {
  type: Trigger,

  default(trigger, _old, context) {
    if (context.subresource !== undefined || trigger.spec === undefined) return trigger;
    const namespace = trigger.metadata.namespace ?? '';
    const { filter, subscriber, delivery } = trigger.spec;
    const spec = { ...trigger.spec, filter: filter ?? {} };
    if (subscriber !== undefined) spec.subscriber = defaultDestination(subscriber, namespace);
    if (delivery !== undefined) spec.delivery = defaultDelivery(delivery, namespace);
    const broker = featuresOf(context).crossNamespaceLinks ? brokerOf(trigger) : (trigger.spec.broker ?? '');
    const labels = broker === '' ? trigger.metadata.labels : { ...trigger.metadata.labels, [BROKER_LABEL]: broker };
    const metadata = labels === undefined ? trigger.metadata : { ...trigger.metadata, labels };
    const next: Trigger = { ...trigger, metadata, spec };
    return deepEqual(next, trigger) ? trigger : next;
  },

  validate(trigger, old, context) {
    if (context.operation === 'DELETE' || context.subresource !== undefined) return {};
    const features = featuresOf(context);
    const errors = viaField('spec', validateSpec(trigger, features));
    errors.push(...viaAnnotation(trigger, DEPENDENCY_ANNOTATION, validateDependency));
    errors.push(...viaAnnotation(trigger, INJECTION_ANNOTATION, validateInjection));
    if (old !== undefined && (old.spec?.broker ?? '') !== (trigger.spec?.broker ?? ''))
      errors.push({
        message: 'Immutable fields changed (-old +new)',
        paths: ['spec.broker'],
        details: difference('string', old.spec?.broker, trigger.spec?.broker),
      });
    return verdictOf(errors);
  },
};

function validateSpec(trigger: Trigger, features: Features): FieldError[] {
  const { broker, brokerRef, filter, filters, subscriber, delivery } = trigger.spec ?? {};
  const errors: FieldError[] = [];
  if (brokerRef === undefined && !broker) errors.push(missingField('broker'));
  else if (brokerRef !== undefined && broker) errors.push(multipleOneOf('broker', 'brokerRef'));
  if (brokerRef?.namespace && !features.crossNamespaceLinks)
    errors.push({
      ...disallowedFields('namespace'),
      details: 'only name, apiVersion and kind are supported fields when feature.CrossNamespaceEventLinks is disabled',
    });
  errors.push(...viaField('filter', validateTriggerFilter(filter)));
  errors.push(...viaField('filters', validateFilters(filters)));
  errors.push(...viaField('subscriber', validateDestination(subscriber, features)));
  errors.push(...viaField('delivery', validateDelivery(delivery, features)));
  return errors;
}

function viaAnnotation(
  trigger: Trigger,
  annotation: string,
  validate: (trigger: Trigger, value: string) => FieldError[],
): FieldError[] {
  const value = trigger.metadata.annotations?.[annotation];
  return value === undefined ? [] : viaField(`metadata.annotations[${annotation}]`, validate(trigger, value));
}

function validateDependency(trigger: Trigger, value: string): FieldError[] {
  try {
    const ref = dependencyRef(trigger);
    const errors: FieldError[] = [];
    const { namespace = '' } = trigger.metadata;
    if (ref?.namespace !== undefined && ref.namespace !== namespace)
      errors.push({
        message: `Namespace must be empty or equal to the trigger namespace ${JSON.stringify(namespace)}`,
        paths: ['namespace'],
      });
    if (!ref?.kind) errors.push(missingField('kind'));
    if (!ref?.name) errors.push(missingField('name'));
    if (!ref?.apiVersion) errors.push(missingField('apiVersion'));
    return errors;
  } catch (error) {
    return [
      {
        message: `The provided annotation was not a corev1.ObjectReference: ${JSON.stringify(value)}`,
        paths: [''],
        details: messageOf(error),
      },
    ];
  }
}

function validateInjection(trigger: Trigger, value: string): FieldError[] {
  if (value !== 'enabled' && value !== 'disabled')
    return [
      {
        message: `The provided injection annotation value can only be "enabled" or "disabled", not ${JSON.stringify(value)}`,
        paths: [''],
      },
    ];
  const broker = trigger.spec?.broker ?? '';
  if (broker === 'default') return [];
  return [
    {
      message: `The provided injection annotation is only used for default broker, but non-default broker specified here: ${JSON.stringify(broker)}`,
      paths: [''],
    },
  ];
}
