/** Rules of Destination, KReference and DeliverySpec, wherever they stand. Source: reference section 1. */
import type { DeliverySpec, Destination, KReference } from '../../../api/eventing/destination.ts';
import { disallowedFields, invalidValue, missingField, viaField, type FieldError } from '../../../api/field-error.ts';
import { parsePeriod } from '../period.ts';
import { isAbsolute } from '../resolve.ts';
import type { Features } from './features.ts';

/** A ref without namespace points into the namespace of the object that holds it. */
export function defaultDestination(destination: Destination, namespace: string): Destination {
  const { ref } = destination;
  if (ref === undefined || (ref.namespace !== undefined && ref.namespace !== '')) return destination;
  return { ...destination, ref: { ...ref, namespace } };
}

export function defaultDelivery(delivery: DeliverySpec | undefined, namespace: string): DeliverySpec | undefined {
  if (delivery?.deadLetterSink === undefined) return delivery;
  return { ...delivery, deadLetterSink: defaultDestination(delivery.deadLetterSink, namespace) };
}

export function validateDestination(destination: Destination | undefined, features: Features): FieldError[] {
  const { ref, uri } = destination ?? {};
  if (ref === undefined && uri === undefined)
    return [{ message: 'expected at least one, got none', paths: ['ref', 'uri'] }];
  if (ref !== undefined && uri !== undefined && isAbsolute(uri))
    return [
      {
        message: 'Absolute URI is not allowed when Ref or [apiVersion, kind, name] is present',
        paths: ['[apiVersion, kind, name]', 'ref', 'uri'],
      },
    ];
  if (ref === undefined && uri !== undefined && !isAbsolute(uri))
    return [invalidValue('Relative URI is not allowed when Ref and [apiVersion, kind, name] is absent', 'uri')];
  return ref === undefined ? [] : viaField('ref', validateReference(ref, features));
}

/** @param ownNamespace given when the reference must not leave that namespace */
export function validateReference(ref: KReference, features: Features, ownNamespace?: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!ref.name) errors.push(missingField('name'));
  if (ref.group && !features.referenceGroup) errors.push(disallowedFields('group'));
  if (!ref.apiVersion && !(features.referenceGroup && ref.group)) errors.push(missingField('apiVersion'));
  if (!ref.kind) errors.push(missingField('kind'));
  if (ref.namespace && ownNamespace !== undefined && ref.namespace !== ownNamespace)
    errors.push({
      message: 'mismatched namespaces',
      paths: ['namespace'],
      details: `parent namespace: "${ownNamespace}" does not match ref: "${ref.namespace}"`,
    });
  return errors;
}

export function validateDelivery(delivery: DeliverySpec | undefined, features: Features): FieldError[] {
  if (delivery === undefined) return [];
  const errors: FieldError[] = [];
  const { deadLetterSink, retry, timeout, backoffPolicy, backoffDelay, retryAfterMax, format } = delivery;
  if (deadLetterSink !== undefined)
    errors.push(...viaField('deadLetterSink', validateDestination(deadLetterSink, features)));
  if (retry !== undefined && retry < 0) errors.push(invalidValue(retry, 'retry'));
  if (timeout !== undefined) {
    if (!features.deliveryTimeout) errors.push(disallowedFields('timeout'));
    else if (!isPeriod(timeout, (ms) => ms !== 0)) errors.push(invalidValue(timeout, 'timeout'));
  }
  if (backoffPolicy !== undefined && !['linear', 'exponential'].includes(backoffPolicy))
    errors.push(invalidValue(backoffPolicy, 'backoffPolicy'));
  if (backoffDelay !== undefined && !isPeriod(backoffDelay, () => true))
    errors.push(invalidValue(backoffDelay, 'backoffDelay'));
  if (format !== undefined && !['json', 'binary'].includes(format)) errors.push(invalidValue(format, 'format'));
  if (retryAfterMax !== undefined) {
    if (!features.deliveryRetryAfter) errors.push(disallowedFields('retryAfterMax'));
    else if (!isPeriod(retryAfterMax, (ms) => ms >= 0)) errors.push(invalidValue(retryAfterMax, 'retryAfterMax'));
  }
  return errors;
}

function isPeriod(text: string, holds: (ms: number) => boolean): boolean {
  try {
    return holds(parsePeriod(text));
  } catch {
    return false;
  }
}
