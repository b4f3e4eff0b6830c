/**
 * The rules every event must keep before it is accepted. Source: CloudEvents 1.0 "Context Attributes" and "Type System".
 * Binary requests are checked here alone; structured ones also by the `cloudevents` package (structured.ts).
 */
import type { EventAttributes } from '../../trigger/attributes.ts';
import { BrokerError } from '../errors.ts';

const REQUIRED = ['specversion', 'id', 'source', 'type'] as const;
const NAME = /^[a-z0-9]+$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:(\d{2})(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const URI_REFERENCE = /^[^\s<>"\\^`{|}]+$/;

/** @throws BrokerError `InvalidEvent` that says which attribute breaks which rule */
export function validateAttributes(attributes: EventAttributes): void {
  for (const name of REQUIRED) {
    const value = attributes[name];
    if (typeof value !== 'string' || value === '') throw invalid(`the required attribute "${name}" is missing`);
  }
  const { specversion, source, time, dataschema } = attributes;
  if (specversion !== '1.0' && specversion !== '0.3')
    throw invalid(`specversion "${String(specversion)}" is not known: use 1.0`);
  if (!URI_REFERENCE.test(String(source))) throw invalid('the attribute "source" is not a URI reference');
  if (time !== undefined && !isTimestamp(String(time)))
    throw invalid('the attribute "time" is not an RFC 3339 timestamp such as 2026-01-02T15:04:05Z');
  if (dataschema !== undefined && !/^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(String(dataschema)))
    throw invalid('the attribute "dataschema" is not an absolute URI');
  for (const name in attributes)
    if (!NAME.test(name))
      throw invalid(`attribute name "${name.slice(0, 40)}" has other characters than lower-case letters and digits`);
}

export function isTimestamp(text: string): boolean {
  const match = RFC3339.exec(text);
  if (match === null) return false;
  // A leap second is a valid timestamp that Date does not know.
  const plain = match[1] === '60' ? text.replace(/:60/, ':59') : text;
  return !Number.isNaN(Date.parse(plain));
}

export function invalid(message: string): BrokerError {
  return new BrokerError('InvalidEvent', message);
}
