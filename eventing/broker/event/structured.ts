/**
 * The JSON event format: structured (`application/cloudevents+json`) and batched (`application/cloudevents-batch+json`).
 * Source: CloudEvents JSON Event Format 1.0. Attributes are validated by the `cloudevents` package.
 */
import { CloudEvent, ValidationError } from 'cloudevents';
import type { AttributeValue, EventAttributes } from '../../trigger/attributes.ts';
import { isJsonType, type BrokerEvent } from './event.ts';
import { elementTexts, memberText } from './json-members.ts';
import { invalid, validateAttributes } from './validate.ts';
import { messageOf } from '../../../kube/message.ts';

/** @throws BrokerError `InvalidEvent` */
export function parseStructured(body: Buffer): BrokerEvent {
  const json = body.toString('utf8');
  return toEvent(parseJson(json), json);
}

/** All events of a batch, or none. @throws BrokerError `InvalidEvent` that names the first bad element */
export function parseBatch(body: Buffer): BrokerEvent[] {
  const json = body.toString('utf8');
  const parsed = parseJson(json);
  if (!Array.isArray(parsed)) throw invalid('a batch must be a JSON array of events');
  const texts = elementTexts(json);
  return parsed.map((element: unknown, i) => {
    try {
      return toEvent(element, texts[i] ?? '');
    } catch (error) {
      throw invalid(`event ${i} of the batch: ${messageOf(error)}`);
    }
  });
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw invalid(`the body is not JSON: ${messageOf(error)}`);
  }
}

function toEvent(parsed: unknown, json: string): BrokerEvent {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid('an event must be a JSON object');
  const attributes: Record<string, AttributeValue> = {};
  let data: unknown;
  let base64: unknown;
  for (const [name, value] of Object.entries(parsed)) {
    if (name === 'data') data = value;
    else if (name === 'data_base64') base64 = value;
    else if (value === null) continue;
    else if (typeof value === 'string' || typeof value === 'boolean' || isInteger(value)) attributes[name] = value;
    else throw invalid(`the value of attribute "${name.slice(0, 40)}" is neither text, integer nor boolean`);
  }
  validateAttributes(attributes);
  validateByLibrary(attributes);
  return withData(attributes, data, base64, json);
}

function withData(
  attributes: Record<string, AttributeValue>,
  data: unknown,
  base64: unknown,
  json: string,
): BrokerEvent {
  const encoded = attributes['specversion'] === '0.3' && attributes['datacontentencoding'] === 'base64' ? data : base64;
  if (encoded !== undefined && encoded !== null) {
    if (typeof encoded !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(encoded))
      throw invalid('the data is not base64');
    if (base64 !== undefined && base64 !== null && data !== undefined && data !== null)
      throw invalid('an event has either "data" or "data_base64", not both');
    delete attributes['datacontentencoding'];
    return { attributes, data: nonEmpty(Buffer.from(encoded, 'base64')) };
  }
  const type = attributes['datacontenttype'];
  const isJsonData = isJsonType(type === undefined ? undefined : String(type));
  if (data === undefined || (data === null && !isJsonData)) return { attributes, data: undefined };
  if (typeof data === 'string' && !isJsonData) return { attributes, data: nonEmpty(Buffer.from(data, 'utf8')) };
  // Without a type the data is JSON: said outright, since other encodings do not know that default.
  if (type === undefined) attributes['datacontenttype'] = 'application/json';
  return { attributes, data: Buffer.from(memberText(json, 'data') ?? JSON.stringify(data), 'utf8') };
}

function validateByLibrary(attributes: EventAttributes): void {
  // The package fills in a missing id and time; both were checked before.
  if (attributes['specversion'] !== '1.0') return;
  try {
    new CloudEvent({ ...attributes }, true);
  } catch (error) {
    if (!(error instanceof ValidationError) && !(error instanceof TypeError)) throw error;
    throw invalid(`the event breaks the CloudEvents specification: ${libraryMessage(error)}`);
  }
}

function libraryMessage(error: Error): string {
  const first = error instanceof ValidationError ? error.errors?.[0] : undefined;
  if (typeof first === 'object' && first !== null && 'message' in first) {
    const path = 'instancePath' in first ? String(first.instancePath).replace(/^\//, '') : '';
    return `${path} ${String(first.message)}`.trim();
  }
  return (error.message.split('\n')[0] ?? '').slice(0, 200);
}

/** The structured form; data that is neither JSON nor text travels as base64. */
export function renderStructured(event: BrokerEvent): Buffer {
  const head = JSON.stringify(event.attributes).slice(0, -1);
  if (event.data === undefined) return Buffer.from(`${head}}`);
  const type = event.attributes['datacontenttype'];
  const contentType = type === undefined ? undefined : String(type);
  const text = event.data.toString('utf8');
  if (isJsonType(contentType) && isJson(text)) return Buffer.from(`${head},"data":${text}}`);
  if (contentType?.startsWith('text/') === true && Buffer.from(text, 'utf8').equals(event.data))
    return Buffer.from(`${head},"data":${JSON.stringify(text)}}`);
  return Buffer.from(`${head},"data_base64":"${event.data.toString('base64')}"}`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(Number(value)) <= 2 ** 31;
}

function nonEmpty(data: Buffer): Buffer | undefined {
  return data.length === 0 ? undefined : data;
}
