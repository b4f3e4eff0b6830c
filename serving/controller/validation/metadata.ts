/** Metadata of Serving's kinds. Source: reference section 1.6. */
import {
  disallowedFields,
  invalidKeyName,
  invalidValue,
  missingField,
  viaField,
  type FieldError,
} from '../../../api/field-error.ts';
import type { KubeObject, ObjectMeta } from '../../../api/object.ts';
import { parseDuration } from '../../../kube/go-duration.ts';
import {
  AUTOSCALING_GROUP,
  CERTIFICATE_CLASS,
  CREATOR,
  DISABLE_EXTERNAL_TLS,
  HTTP_PROTOCOL,
  INGRESS_CLASS,
  LAST_MODIFIER,
  ROLLOUT_DURATION,
} from '../keys.ts';
import { fieldError } from './fields.ts';
import { dns1035Label } from './names.ts';
import { sameSpec } from './semantic.ts';

type Meta = Partial<ObjectMeta>;

const NETWORKING: readonly string[] = [
  ...INGRESS_CLASS,
  ...CERTIFICATE_CLASS,
  ...DISABLE_EXTERNAL_TLS,
  ...HTTP_PROTOCOL,
];

/** Name or generateName, as a host label must be. Paths start at `metadata`. */
export function validateNames({ name = '', generateName = '' }: Meta): FieldError[] {
  if (generateName !== '') {
    const problems = dns1035Label(generateName, true);
    if (problems.length > 0)
      return [fieldError(`not a DNS 1035 label prefix: [${problems.join(' ')}]`, ['metadata.generateName'])];
  }
  if (name !== '') {
    const problems = dns1035Label(name);
    if (problems.length > 0) return [fieldError(`not a DNS 1035 label: [${problems.join(' ')}]`, ['metadata.name'])];
  }
  if (name === '' && generateName === '') return [fieldError('name or generateName is required', ['metadata.name'])];
  return [];
}

/** On Service, Configuration and Route autoscaling annotations would have no effect. */
export function validateNoAutoscaling({ annotations = {} }: Meta): FieldError[] {
  return Object.keys(annotations)
    .filter((key) => key.startsWith(AUTOSCALING_GROUP))
    .map((key) =>
      invalidKeyName(
        key,
        'metadata.annotations',
        'autoscaling annotations must be put under "spec.template.metadata.annotations" to work',
      ),
    );
}

export function validateRolloutDuration({ annotations = {} }: Meta): FieldError[] {
  return viaField('metadata.annotations', wholeSeconds(annotations, ROLLOUT_DURATION, 'rollout-duration'));
}

/** A Go duration of whole seconds, zero or more. Paths start at the annotation's key. */
export function wholeSeconds(
  annotations: Readonly<Record<string, string>>,
  keys: readonly string[],
  called: string,
): FieldError[] {
  const key = keys.find((one) => annotations[one] !== undefined);
  const value = key === undefined ? '' : (annotations[key] ?? '');
  if (key === undefined || value === '') return [];
  const ms = parseDuration(value);
  if (ms === undefined) return [invalidValue(value, key)];
  if (ms % 1000 !== 0) return [fieldError(`${called}=${value} is not at second precision`, [key])];
  if (ms < 0) return [fieldError(`${called}=${value} must be positive`, [key])];
  return [];
}

/** Who made it never changes; who changed it last changes only with the spec. */
export function validateCreator(
  object: KubeObject & { spec?: unknown },
  old: KubeObject & { spec?: unknown },
): FieldError[] {
  const was = old.metadata.annotations ?? {};
  const is = object.metadata.annotations ?? {};
  const errors: FieldError[] = [];
  if (was[CREATOR] !== is[CREATOR])
    errors.push(fieldError('annotation value is immutable', [`metadata.annotations.${CREATOR}`]));
  if (was[LAST_MODIFIER] !== is[LAST_MODIFIER] && sameSpec(object.spec, old.spec))
    errors.push(invalidValue(is[LAST_MODIFIER] ?? '', `metadata.annotations.${LAST_MODIFIER}`));
  return errors;
}

/** A label that names a parent is believed only beside an owner reference to it. */
export function validateParentLabel(
  { labels = {}, ownerReferences = [] }: Meta,
  key: string,
  kind: string,
): FieldError[] {
  const name = labels[key];
  if (name === undefined || ownerReferences.some((owner) => owner.kind === kind && owner.name === name)) return [];
  return [missingField(`metadata.labels.${key}`)];
}

/**
 * The name a template gives its Revision. Paths start at the template.
 * @param parent metadata of the Service or Configuration whose template it is
 */
export function validateRevisionName({ name = '', generateName = '' }: Meta, parent: Meta): FieldError[] {
  if (generateName !== '') {
    const problems = dns1035Label(generateName, true);
    if (problems.length > 0)
      return [invalidValue(`not a DNS 1035 label prefix: [${problems.join(' ')}]`, 'metadata.generateName')];
  }
  if (name === '') return [];
  const problems = dns1035Label(name);
  if (problems.length > 0) return [invalidValue(`not a DNS 1035 label: [${problems.join(' ')}]`, 'metadata.name')];
  if ((parent.name ?? '') === '' && (parent.generateName ?? '') !== '') return [disallowedFields('metadata.name')];
  const prefix = `${parent.name ?? ''}-`;
  return name.startsWith(prefix)
    ? []
    : [invalidValue(`${JSON.stringify(name)} must have prefix ${JSON.stringify(prefix)}`, 'metadata.name')];
}

/** Networking annotations that nobody knows are refused. Paths start at the annotations. */
export function validateNetworking(annotations: Readonly<Record<string, string>> = {}): FieldError[] {
  return Object.keys(annotations)
    .filter((key) => key.startsWith('networking.knative.dev') && !NETWORKING.includes(key))
    .map((key) => invalidKeyName(key, ''));
}
