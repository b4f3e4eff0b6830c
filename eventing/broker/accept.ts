/** The broker's own marks on an event that enters: arrival time and the number of passes it has left. */
import { ARRIVAL_ATTRIBUTE, TTL_ATTRIBUTE, type BrokerEvent } from './event/event.ts';
import { BrokerError } from './errors.ts';

/** Passes through brokers that an event without a mark of its own may make. */
export const DEFAULT_TTL = 255;

/**
 * The event as it is stored.
 * @param now milliseconds since the epoch
 * @throws BrokerError `TtlExhausted` when the event has made its last pass, `InvalidEvent` for a mark that is no number
 */
export function stampEvent(event: BrokerEvent, now: number): BrokerEvent {
  const mark = event.attributes[TTL_ATTRIBUTE];
  let ttl = DEFAULT_TTL;
  if (mark !== undefined) {
    const left = Number(mark);
    if (!Number.isInteger(left))
      throw new BrokerError('InvalidEvent', `the attribute "${TTL_ATTRIBUTE}" is not an integer`);
    ttl = left - 1;
    if (ttl <= 0)
      throw new BrokerError(
        'TtlExhausted',
        `the event ${String(event.attributes['id'])} has passed through brokers too often: some trigger's reply matches it again`,
      );
  }
  const attributes = {
    ...event.attributes,
    [ARRIVAL_ATTRIBUTE]: new Date(now).toISOString(),
    [TTL_ATTRIBUTE]: ttl,
  };
  return { ...event, attributes };
}

/** The event as a subscriber sees it, and the passes it had left. */
export function unstampEvent(event: BrokerEvent): { event: BrokerEvent; ttl: number } {
  const { [TTL_ATTRIBUTE]: ttl, ...attributes } = event.attributes;
  return { event: { ...event, attributes }, ttl: typeof ttl === 'number' ? ttl : DEFAULT_TTL };
}
