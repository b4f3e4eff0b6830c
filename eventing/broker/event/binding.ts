/**
 * The HTTP binding: a request or response to events, and back. Source: CloudEvents HTTP Protocol Binding 1.0.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { AttributeValue } from '../../trigger/attributes.ts';
import type { BrokerEvent } from './event.ts';
import { parseBatch, parseStructured, renderStructured } from './structured.ts';
import { invalid, validateAttributes } from './validate.ts';

export const STRUCTURED_TYPE = 'application/cloudevents+json';
export const BATCH_TYPE = 'application/cloudevents-batch+json';

export type BindingMode = 'binary' | 'structured' | 'batched' | 'none';

/** What kind of message this is, by its headers alone. */
export function modeOf(headers: IncomingHttpHeaders): BindingMode {
  const type = mediaType(headers['content-type']);
  if (type.startsWith('application/cloudevents-batch')) return 'batched';
  if (type.startsWith('application/cloudevents')) return 'structured';
  return headers['ce-specversion'] !== undefined || headers['ce-id'] !== undefined ? 'binary' : 'none';
}

/**
 * The events of a message, in order.
 * @throws BrokerError `InvalidEvent` when it holds none, or one that breaks a rule
 */
export function parseEvents(headers: IncomingHttpHeaders, body: Buffer): BrokerEvent[] {
  const mode = modeOf(headers);
  switch (mode) {
    case 'binary':
      return [parseBinary(headers, body)];
    case 'structured':
      requireFormat(headers, STRUCTURED_TYPE);
      return [parseStructured(body)];
    case 'batched':
      requireFormat(headers, BATCH_TYPE);
      return parseBatch(body);
    case 'none':
      throw invalid(
        `this is no CloudEvent: send ce-specversion, ce-id, ce-source and ce-type headers, or Content-Type ${STRUCTURED_TYPE}`,
      );
  }
}

function parseBinary(headers: IncomingHttpHeaders, body: Buffer): BrokerEvent {
  const attributes: Record<string, AttributeValue> = {};
  for (const name in headers) {
    if (!name.startsWith('ce-')) continue;
    const value = headers[name];
    const text = decodeHeader(Array.isArray(value) ? value.join(', ') : (value ?? ''));
    // An optional attribute without a value is the same as none.
    if (text !== '') attributes[name.slice(3)] = text;
  }
  const type = headers['content-type'];
  if (type !== undefined && type !== '') attributes['datacontenttype'] = type;
  validateAttributes(attributes);
  return { attributes, data: body.length === 0 ? undefined : body };
}

export interface EventMessage {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer | undefined;
}

/** A message that carries the event: every attribute as a header, or all of it in the body. */
export function renderEvent(event: BrokerEvent, format: 'json' | 'binary'): EventMessage {
  if (format === 'json')
    return { headers: { 'content-type': `${STRUCTURED_TYPE}; charset=utf-8` }, body: renderStructured(event) };
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(event.attributes)) {
    if (name === 'datacontenttype') headers['content-type'] = String(value).replace(/[^\t\x20-\x7e]/g, '');
    else headers[`ce-${name}`] = encodeHeader(String(value));
  }
  return { headers, body: event.data };
}

const NEEDS_ENCODING = /[^\x21\x23\x24\x26-\x7e]/;

/** Percent-encodes what a header cannot carry: space, quote, percent, and everything outside printable ASCII. */
export function encodeHeader(text: string): string {
  if (!NEEDS_ENCODING.test(text)) return text;
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain = byte >= 0x21 && byte <= 0x7e && byte !== 0x22 && byte !== 0x25;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** Undoes percent-encoding and quoting; bytes that a sender put in raw count as UTF-8. */
export function decodeHeader(value: string): string {
  let text = value;
  if (text.length >= 2 && text.startsWith('"') && text.endsWith('"')) text = text.slice(1, -1).replace(/\\(.)/g, '$1');
  if (!/[%\x80-\xff]/.test(text)) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? /^[0-9A-Fa-f]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    if (hex === null) bytes.push(text.charCodeAt(i) & 0xff);
    else {
      bytes.push(parseInt(hex[0], 16));
      i += 2;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

function requireFormat(headers: IncomingHttpHeaders, wanted: string): void {
  const type = mediaType(headers['content-type']);
  if (type !== wanted) throw invalid(`the event format ${type} is not known: send ${wanted}`);
}

function mediaType(contentType: string | undefined): string {
  return ((contentType ?? '').split(';')[0] ?? '').trim().toLowerCase();
}
