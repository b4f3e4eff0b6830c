/** One attempt to deliver an event: what is sent, and what the subscriber's answer means. */
import { isSuccess } from '../trigger/delivery.ts';
import { BrokerError } from './errors.ts';
import { modeOf, parseEvents, renderEvent } from './event/binding.ts';
import { TTL_ATTRIBUTE, type BrokerEvent } from './event/event.ts';
import { passThroughHeaders } from './passthrough.ts';
import type { Sender, SendResult, SendTarget } from './send.ts';

/** Why a delivery failed: what a dead letter says of it. */
export interface Failure {
  /** URL that failed. */
  readonly destination: string;
  /** HTTP status; undefined when no response came. */
  readonly status: number | undefined;
  readonly retryAfter?: string;
  readonly body: Buffer;
}

export interface AttemptOptions {
  readonly sender: Sender;
  readonly target: SendTarget;
  readonly namespace: string;
  readonly timeout: number;
  readonly format: 'json' | 'binary';
  /** Takes the subscriber's reply into the broker, durably; rejects with a BrokerError. */
  readonly reply: (event: BrokerEvent) => Promise<void>;
  /** The address a reply goes to, for the dead letter that says it failed. */
  readonly replyUrl: string;
  /** Told of the exchange's status (0 without response) and seconds. */
  readonly onExchange: (status: number, seconds: number) => void;
}

/**
 * Sends the event to its subscriber and takes the reply in.
 * @param event as the subscriber sees it
 * @param ttl passes it has left; a reply inherits them
 * @returns undefined when the event is delivered and its reply, if any, durable
 */
export async function attemptDelivery(
  event: BrokerEvent,
  ttl: number,
  options: AttemptOptions,
): Promise<Failure | undefined> {
  const result = await exchange(event, options, { prefer: 'reply' });
  const { href } = options.target.url;
  if (result.status === undefined || !isSuccess(result.status)) return failureOf(href, result);
  if (result.body.length === 0 && modeOf(result.headers) === 'none') return undefined;
  let reply: BrokerEvent;
  try {
    reply = replyOf(result, ttl);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return { destination: href, status: 502, body: Buffer.from(`the reply is no event: ${error.message}`) };
  }
  try {
    await options.reply(reply);
    return undefined;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const retryAfter = error.retryAfter === undefined ? undefined : String(error.retryAfter);
    return { destination: options.replyUrl, status: error.status, retryAfter, body: Buffer.from(error.message) };
  }
}

/** Sends the event to the dead letter sink, marked with why it failed. An answer's body is of no interest. */
export async function attemptDeadLetter(
  event: BrokerEvent,
  why: Failure,
  options: AttemptOptions,
): Promise<Failure | undefined> {
  const result = await exchange(
    { ...event, attributes: { ...event.attributes, ...errorAttributes(why) } },
    options,
    {},
  );
  if (result.status !== undefined && isSuccess(result.status)) return undefined;
  return failureOf(options.target.url.href, result);
}

async function exchange(
  event: BrokerEvent,
  options: AttemptOptions,
  extra: Readonly<Record<string, string>>,
): Promise<SendResult> {
  const message = renderEvent(event, options.format);
  const headers = { ...event.headers, ...message.headers, ...extra, 'kn-namespace': options.namespace };
  const started = performance.now();
  const result = await options.sender.send(options.target, { headers, body: message.body }, options.timeout);
  options.onExchange(result.status ?? 0, (performance.now() - started) / 1_000);
  return result;
}

function replyOf(result: SendResult, ttl: number): BrokerEvent {
  const [reply, ...more] = parseEvents(result.headers, result.body);
  if (reply === undefined || more.length > 0) throw new BrokerError('InvalidEvent', 'a reply must be one event');
  const headers = passThroughHeaders(result.headers);
  return { ...reply, attributes: { ...reply.attributes, [TTL_ATTRIBUTE]: ttl }, ...(headers && { headers }) };
}

function failureOf(destination: string, result: SendResult): Failure {
  const retryAfter = result.headers['retry-after'];
  return { destination, status: result.status, retryAfter, body: result.body.subarray(0, ERROR_DATA) };
}

const ERROR_DATA = 1_024;

/** The extensions of a dead letter. Source: Knative "Handling delivery failure". */
export function errorAttributes(why: Failure): Record<string, string | number> {
  const attributes: Record<string, string | number> = {
    knativeerrordest: why.destination,
    knativeerrorcode: why.status ?? 500,
  };
  if (why.body.length > 0) attributes['knativeerrordata'] = why.body.toString('base64').slice(0, ERROR_DATA);
  return attributes;
}
