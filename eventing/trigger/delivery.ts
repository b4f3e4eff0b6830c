/**
 * When an event is tried again, after what delay, and when it is given up: pure tables.
 * Source: knative/eventing pkg/kncloudevents (behaviour; reference section 2).
 */
import type { DeliverySpec } from '../../api/eventing/destination.ts';
import { parsePeriod } from './period.ts';

export interface DeliveryPolicy {
  /** Attempts after the first, ≥ 0. */
  readonly retries: number;
  readonly backoff: 'linear' | 'exponential';
  /** Milliseconds, ≥ 0. */
  readonly delay: number;
  /** Milliseconds an attempt may take. */
  readonly timeout: number;
  /** Upper bound of an honoured Retry-After in milliseconds; undefined leaves the header alone. */
  readonly retryAfterMax: number | undefined;
  /** Encoding of the delivered event. */
  readonly format: 'json' | 'binary';
}

/** An attempt without a `timeout` of its own ends after this: Knative Serving's own default for a request. */
export const DEFAULT_TIMEOUT = 300_000;
const LONGEST_WAIT = 24 * 3_600_000;

/**
 * The policy that a DeliverySpec asks for; periods that cannot be read count as absent (admission refuses them).
 * A delay without policy, or a policy without delay, means no wait, as in Knative.
 */
export function deliveryPolicy(spec: DeliverySpec | undefined): DeliveryPolicy {
  const delay = spec?.backoffPolicy === undefined ? undefined : period(spec.backoffDelay);
  return {
    retries: Math.max(0, spec?.retry ?? 0),
    backoff: spec?.backoffPolicy ?? 'exponential',
    delay: Math.max(0, delay ?? 0),
    timeout: positive(period(spec?.timeout)) ?? DEFAULT_TIMEOUT,
    retryAfterMax: period(spec?.retryAfterMax),
    format: spec?.format ?? 'binary',
  };
}

/** How one attempt ended: an HTTP status, or undefined when no response came. */
export interface AttemptOutcome {
  readonly status: number | undefined;
  /** The `Retry-After` header as received. */
  readonly retryAfter?: string;
}

const RETRIED = new Set([404, 408, 409, 429]);

export const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** Worth another attempt: no response, 5xx, 404, 408, 409, 429. Redirects and other 4xx are final. */
export function isRetryable(outcome: AttemptOutcome): boolean {
  return outcome.status === undefined || outcome.status >= 500 || RETRIED.has(outcome.status);
}

/**
 * Milliseconds to wait after a failed attempt.
 * @param failures failed attempts so far, this one included (≥ 1)
 * @param now milliseconds since the epoch, for a Retry-After that is a date
 */
export function backoffDelay(policy: DeliveryPolicy, failures: number, outcome: AttemptOutcome, now: number): number {
  const n = failures - 1;
  const wait = policy.backoff === 'linear' ? policy.delay * n : policy.delay * 2 ** Math.min(n, 40);
  const bounded = Math.min(wait, LONGEST_WAIT);
  if (policy.retryAfterMax === undefined || (outcome.status !== 429 && outcome.status !== 503)) return bounded;
  const asked = parseRetryAfter(outcome.retryAfter, now);
  if (asked === undefined) return bounded;
  return Math.max(bounded, Math.min(asked, policy.retryAfterMax));
}

export type RetryDecision =
  { readonly action: 'done' } | { readonly action: 'retry'; readonly delay: number } | { readonly action: 'give-up' };

/**
 * What follows an attempt.
 * @param failures failed attempts so far; counts this one when it failed
 */
export function decideRetry(
  policy: DeliveryPolicy,
  failures: number,
  outcome: AttemptOutcome,
  now: number,
): RetryDecision {
  if (outcome.status !== undefined && isSuccess(outcome.status)) return { action: 'done' };
  if (failures > policy.retries || !isRetryable(outcome)) return { action: 'give-up' };
  return { action: 'retry', delay: backoffDelay(policy, failures, outcome, now) };
}

/** Milliseconds from `now` that a Retry-After header asks for: whole seconds or an HTTP date. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function period(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parsePeriod(text);
  } catch {
    return undefined;
  }
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
