/**
 * Reading JSON as one of Kubernetes' own kinds, as its decoder does: unknown fields and nulls are dropped, wrong types
 * are refused, times and quantities take their canonical form.
 */
import { ApiError, failure } from '../../../kube/errors.ts';
import { canonicalQuantity } from './quantity.ts';
import { typeFields, typeNameOf, type FieldType, type Scalar } from './types.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Where a value was found, for the decoder's error: the struct, and the path without indexes. */
interface Place {
  readonly struct: string;
  readonly path: string;
}

/**
 * @returns the same object when nothing had to be changed, or when the kind is not Kubernetes' own
 * @throws ApiError 400 when a field has the wrong type
 */
export function pruneBuiltin<T extends object>(group: string, version: string, kind: string, object: T): T;
export function pruneBuiltin(group: string, version: string, kind: string, object: object): unknown {
  const name = typeNameOf(group, version, kind);
  if (name === undefined) return object;
  try {
    return decodeStruct(object as Fields, name, '');
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new ApiError(
      failure(400, 'BadRequest', `${kind} in version "${version}" cannot be handled as a ${kind}: ${error.message}`),
    );
  }
}

/** Paths of the fields that the kind does not have, such as `spec.template.spec.containers[0].imagee`. */
export function unknownFields(group: string, version: string, kind: string, object: object): string[] {
  const name = typeNameOf(group, version, kind);
  const unknown: string[] = [];
  if (name !== undefined) findUnknown(object, { is: 'struct', name }, '', unknown);
  return unknown;
}

/**
 * `metadata` of a custom resource, whose schema says nothing of it.
 * @param unknown receives the paths of dropped fields
 * @throws ApiError 400 when a field has the wrong type
 */
export function pruneMetadata(metadata: unknown, unknown: string[]): unknown {
  const type: FieldType = { is: 'struct', name: 'meta.v1.ObjectMeta' };
  findUnknown(metadata, type, 'metadata', unknown);
  try {
    return decode(metadata, type, { struct: '', path: 'metadata' });
  } catch (error) {
    if (error instanceof DecodeError) throw new ApiError(failure(400, 'BadRequest', error.message));
    throw error;
  }
}

function findUnknown(value: unknown, type: FieldType, path: string, unknown: string[]): void {
  if (typeof value !== 'object' || value === null) return;
  switch (type.is) {
    case 'scalar':
      return;
    case 'list':
      if (Array.isArray(value))
        value.forEach((item: unknown, index) => findUnknown(item, type.of, `${path}[${index}]`, unknown));
      return;
    case 'map':
      for (const [key, item] of Object.entries(value)) findUnknown(item, type.of, `${path}.${key}`, unknown);
      return;
    case 'struct': {
      const fields = typeFields(type.name);
      for (const [key, item] of Object.entries(value)) {
        const at = path === '' ? key : `${path}.${key}`;
        const field = fields?.get(key);
        if (field === undefined) unknown.push(at);
        else findUnknown(item, field.type, at, unknown);
      }
    }
  }
}

class DecodeError extends Error {}

function decode(value: unknown, type: FieldType, place: Place): unknown {
  switch (type.is) {
    case 'scalar':
      return decodeScalar(value, type.scalar, place);
    case 'list': {
      if (!Array.isArray(value)) throw mismatch(value, type, place);
      let changed: unknown[] | undefined;
      value.forEach((item: unknown, index) => {
        const decoded = item === null ? zeroOf(type.of) : decode(item, type.of, place);
        if (decoded !== item) (changed ??= [...value])[index] = decoded;
      });
      return changed ?? value;
    }
    case 'map': {
      if (!isFields(value)) throw mismatch(value, type, place);
      let changed: Record<string, unknown> | undefined;
      for (const [key, item] of Object.entries(value)) {
        const decoded = item === null ? zeroOf(type.of) : decode(item, type.of, place);
        if (decoded !== item) (changed ??= { ...value })[key] = decoded;
      }
      return changed ?? value;
    }
    case 'struct':
      if (!isFields(value)) throw mismatch(value, type, place);
      return decodeStruct(value, type.name, place.path);
  }
}

function decodeStruct(value: Fields, name: string, path: string): Fields {
  const fields = typeFields(name);
  const struct = goName(name);
  let changed: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const field = fields?.get(key);
    if (field === undefined || item === null || item === undefined) {
      delete (changed ??= { ...value })[key];
      continue;
    }
    const decoded = decode(item, field.type, { struct, path: path === '' ? key : `${path}.${key}` });
    if (decoded !== item) (changed ??= { ...value })[key] = decoded;
  }
  return changed ?? value;
}

const RANGES: Readonly<Partial<Record<Scalar, number>>> = { i: 2 ** 31, l: 2 ** 63 };
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeScalar(value: unknown, scalar: Scalar, place: Place): unknown {
  const type: FieldType = { is: 'scalar', scalar };
  switch (scalar) {
    case '*':
      return value;
    case 's':
      if (typeof value !== 'string') throw mismatch(value, type, place);
      return value;
    case 'b':
      if (typeof value !== 'boolean') throw mismatch(value, type, place);
      return value;
    case 'i':
    case 'l': {
      const limit = RANGES[scalar] ?? Infinity;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < -limit || value >= limit)
        throw mismatch(value, type, place);
      return value;
    }
    case 'n':
      if (typeof value !== 'number') throw mismatch(value, type, place);
      return value;
    case 'x':
      if (typeof value !== 'string' && !Number.isInteger(value)) throw mismatch(value, type, place);
      return value;
    case 'q':
      return decodeQuantity(value);
    case 'y': {
      const text = typeof value === 'string' ? value.replace(/[\r\n]/g, '') : undefined;
      if (text === undefined) throw mismatch(value, type, place);
      if (!BASE64.test(text)) throw new DecodeError(`illegal base64 data at input byte ${badBase64At(text)}`);
      return text;
    }
    case 't':
    case 'u':
      return decodeTime(value, scalar, type, place);
  }
}

function decodeQuantity(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value;
  const canonical = typeof text === 'string' ? canonicalQuantity(text) : undefined;
  if (canonical === undefined) {
    throw new DecodeError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  return canonical;
}

function decodeTime(value: unknown, scalar: 't' | 'u', type: FieldType, place: Place): string {
  if (typeof value !== 'string') throw mismatch(value, type, place);
  if (!TIME.test(value) || Number.isNaN(Date.parse(value)))
    throw new DecodeError(`parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse it`);
  const fraction = /\.(\d+)/.exec(value)?.[1] ?? '';
  const zulu = value.endsWith('Z') ? value.slice(0, 19) : new Date(value).toISOString().slice(0, 19);
  return scalar === 't' ? `${zulu}Z` : `${zulu}.${fraction.padEnd(6, '0').slice(0, 6)}Z`;
}

function badBase64At(text: string): number {
  const at = text.search(/[^A-Za-z0-9+/]/);
  return at < 0 ? text.length - (text.length % 4) : at;
}

function mismatch(value: unknown, type: FieldType, place: Place): DecodeError {
  if (type.is === 'scalar' && (type.scalar === 't' || type.scalar === 'u'))
    return new DecodeError(`json: cannot unmarshal ${jsonName(value)} into Go value of type string`);
  const { struct, path } = place;
  const number = typeof value === 'number' && type.is === 'scalar' && 'ilx'.includes(type.scalar) ? ` ${value}` : '';
  return new DecodeError(
    `json: cannot unmarshal ${jsonName(value)}${number} into Go struct field ${struct}.${path} of type ${goType(type)}`,
  );
}

function jsonName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

const GO_SCALARS: Readonly<Record<Scalar, string>> = {
  s: 'string',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  n: 'float64',
  q: 'resource.Quantity',
  x: 'intstr.IntOrString',
  t: 'v1.Time',
  u: 'v1.MicroTime',
  y: '[]uint8',
  '*': 'interface {}',
};

function goType(type: FieldType): string {
  switch (type.is) {
    case 'scalar':
      return GO_SCALARS[type.scalar];
    case 'list':
      return `[]${goType(type.of)}`;
    case 'map':
      return `map[string]${goType(type.of)}`;
    case 'struct':
      return `${type.name.split('.')[1]}.${goName(type.name)}`;
  }
}

function goName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** What a null item of a list or map decodes to. */
function zeroOf(type: FieldType): unknown {
  switch (type.is) {
    case 'list':
      return [];
    case 'map':
    case 'struct':
      return {};
    case 'scalar':
      return 'sytu'.includes(type.scalar) ? '' : type.scalar === 'b' ? false : type.scalar === 'q' ? '0' : 0;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
