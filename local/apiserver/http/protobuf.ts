/**
 * Reads Kubernetes' protobuf bodies into JSON. kubectl sends what it makes itself (`create deployment`, `auth can-i`)
 * in this form and has no other; answers can stay JSON. The table of fields holds the tags of Kubernetes 1.34's types:
 * `NUMBER NAME TYPE`, where `-` is a member whose fields are its parent's, `*` one that is kept when it is zero, `[]` a
 * list, `{}` a map by text.
 * Source: Kubernetes API concepts, "Kubernetes Protobuf encoding"; protobuf.dev "Encoding".
 */
import { badRequest } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import table from './protobuf-fields.json' with { type: 'json' };

const MAGIC = Buffer.from('k8s\0');
const DEEPEST = 64;

type Shape = 'one' | 'list' | 'map';

interface Field {
  /** Undefined: the fields of the value are the parent's. */
  readonly name: string | undefined;
  readonly keepsZero: boolean;
  readonly shape: Shape;
  /** A letter for what is no message of the table, else the message's name. */
  readonly type: string;
}

const messages: Readonly<Record<string, string>> = table.messages;
const kinds: Readonly<Record<string, string>> = table.kinds;
const parsed = new Map<string, ReadonlyMap<number, Field>>();

/** @throws ApiError 400 for bytes that are no such body, or a kind that is not in the table */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (bytes.length < MAGIC.length || bytes.compare(MAGIC, 0, 4, 0, 4) !== 0)
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix k8s\\0');
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  let contentType = '';
  for (const [number, value] of read(bytes.subarray(MAGIC.length))) {
    if (!Buffer.isBuffer(value)) continue;
    if (number === 1) {
      for (const [member, text] of read(value)) {
        if (member === 1) apiVersion = String(text);
        if (member === 2) kind = String(text);
      }
    } else if (number === 2) raw = value;
    else if (number === 4) contentType = String(value);
  }
  if (contentType === 'application/json') {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    if (isObject(value)) return value;
    throw badRequest('the body of the request must be an object');
  }
  const message = kind === 'DeleteOptions' ? 'meta.v1.DeleteOptions' : kinds[`${apiVersion}/${kind}`];
  if (message === undefined)
    throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}" in protobuf`);
  return { apiVersion, kind, ...decodeMessage(message, raw, 0) };
}

type Wire = bigint | Buffer;

function decodeMessage(message: string, bytes: Buffer, depth: number): JsonObject {
  if (depth > DEEPEST) throw badRequest('exceeded max depth');
  const fields = fieldsOf(message);
  const object: JsonObject = {};
  for (const [number, wire] of read(bytes)) {
    const field = fields.get(number);
    if (field === undefined) continue;
    const { name, shape, type, keepsZero } = field;
    if (name === undefined) {
      const embedded = decodeValue(type, wire, depth);
      if (isObject(embedded)) Object.assign(object, embedded);
    } else if (shape === 'list') {
      const list = object[name];
      const value = decodeValue(type, wire, depth);
      if (Array.isArray(list)) list.push(value);
      else object[name] = [value];
    } else if (shape === 'map') {
      const map = isObject(object[name]) ? object[name] : {};
      const [key, value] = decodeEntry(type, wire, depth);
      if (key !== '__proto__') map[key] = value;
      object[name] = map;
    } else {
      const value = decodeValue(type, wire, depth);
      if (keepsZero ? value !== null : !isZero(value)) object[name] = value;
    }
  }
  return object;
}

function decodeEntry(type: string, wire: Wire, depth: number): [string, unknown] {
  let key = '';
  let value: unknown = '';
  for (const [number, part] of read(bytesIn(wire))) {
    if (number === 1) key = String(part);
    if (number === 2) value = decodeValue(type, part, depth);
  }
  return [key, value];
}

function decodeValue(type: string, wire: Wire, depth: number): unknown {
  switch (type) {
    case 's':
      return String(bytesIn(wire));
    case 'b':
      return wire === 1n;
    case 'n':
      return typeof wire === 'bigint' ? Number(BigInt.asIntN(64, wire)) : 0;
    case 'd':
      return Buffer.isBuffer(wire) && wire.length === 8 ? wire.readDoubleLE() : 0;
    case 'y':
      return bytesIn(wire).toString('base64');
    case 'Q':
      return textAt(wire, 1);
    case 'T':
      return timeOf(wire, false);
    case 'U':
      return timeOf(wire, true);
    case 'D':
      return `${Number(numberAt(wire, 1)) / 1e9}s`;
    case 'I':
      return numberAt(wire, 1) === 0n ? Number(BigInt.asIntN(64, numberAt(wire, 2))) : textAt(wire, 3);
    case 'V':
      return [...read(bytesIn(wire))].map(([, item]) => String(item));
    case 'R':
    case 'F': {
      const text = textAt(wire, 1);
      return text === '' ? null : (JSON.parse(text) as unknown);
    }
    default:
      return decodeMessage(type, bytesIn(wire), depth + 1);
  }
}

function timeOf(wire: Wire, micro: boolean): string | null {
  const seconds = BigInt.asIntN(64, numberAt(wire, 1));
  if (seconds === 0n) return null;
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (!micro) return `${text}Z`;
  return `${text}.${String(numberAt(wire, 2) / 1000n).padStart(6, '0')}Z`;
}

/** What JSON leaves out of a member that is not a pointer in Kubernetes' types. */
function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false || value === null) return true;
  return isObject(value) && Object.keys(value).length === 0;
}

function numberAt(wire: Wire, wanted: number): bigint {
  for (const [number, value] of read(bytesIn(wire))) if (number === wanted && typeof value === 'bigint') return value;
  return 0n;
}

function textAt(wire: Wire, wanted: number): string {
  for (const [number, value] of read(bytesIn(wire)))
    if (number === wanted && Buffer.isBuffer(value)) return String(value);
  return '';
}

function bytesIn(wire: Wire): Buffer {
  if (Buffer.isBuffer(wire)) return wire;
  throw malformed();
}

function fieldsOf(message: string): ReadonlyMap<number, Field> {
  const known = parsed.get(message);
  if (known !== undefined) return known;
  const fields = new Map<number, Field>();
  for (const line of (messages[message] ?? '').split(';')) {
    const [number = '', name = '', marked = ''] = line.split(' ');
    if (marked === '') continue;
    const type = marked.replace(/^\^?\*?/, '');
    fields.set(Number(number), {
      name: name === '-' ? undefined : name,
      keepsZero: /^\^?\*/.test(marked),
      shape: type.startsWith('[]') ? 'list' : type.startsWith('{}') ? 'map' : 'one',
      type: type.replace(/^(\[\]|\{\})/, ''),
    });
  }
  parsed.set(message, fields);
  return fields;
}

/** Fields of a message in order. @throws ApiError 400 for bytes that are no message */
function* read(bytes: Buffer): Generator<[number: number, value: Wire]> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw malformed();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield [number, varint()];
        break;
      case 1:
        yield [number, take(8)];
        break;
      case 2:
        yield [number, take(Number(varint()))];
        break;
      case 5:
        yield [number, take(4)];
        break;
      default:
        throw malformed();
    }
  }
}

function malformed() {
  return badRequest('the body of the request is not a valid protobuf message');
}
