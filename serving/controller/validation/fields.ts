/** Small checks that every validation is made of. */
import { disallowedFields, viaField, type FieldError } from '../../../api/field-error.ts';

/** Fields that Kubernetes' types can tell unset from false, zero or empty: stating them is setting them. */
const POINTERS = new Set([
  'activeDeadlineSeconds',
  'address',
  'allowPrivilegeEscalation',
  'automountServiceAccountToken',
  'containerConcurrency',
  'defaultMode',
  'enableServiceLinks',
  'expirationSeconds',
  'fsGroup',
  'fsGroupChangePolicy',
  'hostUsers',
  'idleTimeoutSeconds',
  'latestRevision',
  'mode',
  'mountPropagation',
  'optional',
  'percent',
  'preemptionPolicy',
  'priority',
  'privileged',
  'procMount',
  'readOnlyRootFilesystem',
  'recursiveReadOnly',
  'responseStartTimeoutSeconds',
  'restartPolicy',
  'runAsGroup',
  'runAsNonRoot',
  'runAsUser',
  'runtimeClassName',
  'service',
  'setHostnameAsFQDN',
  'shareProcessNamespace',
  'sizeLimit',
  'supplementalGroupsPolicy',
  'terminationGracePeriodSeconds',
  'url',
]);
/** Fields that are maps; an empty one is none. */
const MAPS = new Set(['nodeSelector', 'overhead']);

/** Can Kubernetes' types tell the field unset from its zero value? */
export function isPointer(field: string): boolean {
  return POINTERS.has(field);
}

/** Is a field set in Go's sense: neither absent nor, where its type is a plain one, that type's zero value? */
export function isSet(value: unknown, field = ''): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (MAPS.has(field)) return Object.keys(value).length > 0;
  return POINTERS.has(field) || (value !== false && value !== '' && value !== 0);
}

/** Does anything stand here? JSON's null is nothing. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Every set field that is not among those allowed. */
export function onlyAllows(object: object | undefined | null, allowed: readonly string[]): FieldError[] {
  if (object === undefined || object === null) return [];
  const found = Object.entries(object)
    .filter(([key, value]) => isSet(value, key) && !allowed.includes(key))
    .map(([key]) => key)
    .sort();
  return found.length === 0 ? [] : [disallowedFields(...found)];
}

export function viaIndex(index: number, errors: readonly FieldError[]): FieldError[] {
  return viaField(`[${index}]`, errors);
}

export function viaFieldIndex(field: string, index: number, errors: readonly FieldError[]): FieldError[] {
  return viaField(`${field}[${index}]`, errors);
}

/** Fields of a probe that tell how, which Knative's answer does not name. */
export const HANDLERS = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;

export function fieldError(message: string, paths: readonly string[], details?: string): FieldError {
  return { message, paths, details };
}

export function warning(message: string, ...paths: string[]): FieldError {
  return { message, paths, level: 'warning' };
}

/** The value as a list; whatever else stands there is the schema's to refuse. */
export function listOf<T>(value: readonly T[] | undefined | null): readonly T[] {
  return Array.isArray(value) ? value : [];
}

/** Has the value an object's shape? Says nothing to the compiler, which trusts the wire types. */
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * How many items of a list have their errors put below those that come later, where Knative does so: each round makes
 * all paths longer, and nobody reads a path of thousands of steps.
 */
export const MOST_NESTED = 20;

/** Does the value say nothing in Go's sense: all of it absent, zero or empty, however deep? */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEmpty);
  return !isSet(value);
}
