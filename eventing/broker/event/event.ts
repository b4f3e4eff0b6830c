/** An event as the broker holds it, and its form in the log: attributes as JSON, then the data as received. */
import type { EventAttributes } from '../../trigger/attributes.ts';

export interface BrokerEvent {
  readonly attributes: EventAttributes;
  /** Bytes in the encoding that `datacontenttype` names; undefined when the event has none. */
  readonly data: Buffer | undefined;
  /** Headers of the request that brought it and that travel on to subscribers, e.g. `traceparent`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const TTL_ATTRIBUTE = 'knativebrokerttl';
export const ARRIVAL_ATTRIBUTE = 'knativearrivaltime';

/** The payload of a log record; see docs/formats/event-log.md. */
export function encodeEvent(event: BrokerEvent): Buffer {
  const head = JSON.stringify(event.headers === undefined ? [event.attributes] : [event.attributes, event.headers]);
  const size = Buffer.byteLength(head);
  const data = event.data;
  const out = Buffer.allocUnsafe(4 + size + (data?.length ?? 0));
  out.writeUInt32LE(size, 0);
  out.write(head, 4);
  data?.copy(out, 4 + size);
  return out;
}

/** The data is a view of the payload. @throws Error when the payload is not one `encodeEvent` made */
export function decodeEvent(payload: Buffer): BrokerEvent {
  const size = payload.readUInt32LE(0);
  if (4 + size > payload.length) throw new Error(`event attributes of ${size} bytes exceed their record`);
  const head: unknown = JSON.parse(payload.toString('utf8', 4, 4 + size));
  if (!Array.isArray(head)) throw new Error('event attributes are not in their form');
  const [attributes, headers] = head as [EventAttributes, Record<string, string> | undefined];
  const data = payload.length > 4 + size ? payload.subarray(4 + size) : undefined;
  return headers === undefined ? { attributes, data } : { attributes, data, headers };
}

/** Whether data of this content type is a JSON value. No content type means JSON, as the JSON event format has it. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === '') return true;
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json');
}
