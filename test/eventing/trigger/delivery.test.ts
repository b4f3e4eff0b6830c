import t from 'tap';
import type { DeliverySpec } from '../../../api/eventing/destination.ts';
import {
  backoffDelay,
  decideRetry,
  DEFAULT_TIMEOUT,
  deliveryPolicy,
  isRetryable,
  parseRetryAfter,
  type AttemptOutcome,
} from '../../../eventing/trigger/delivery.ts';
import { parsePeriod } from '../../../eventing/trigger/period.ts';

const DAY = 86_400_000;
const periods: [text: string, ms: number | 'invalid'][] = [
  ['PT0.2S', 200],
  ['PT0,5S', 500],
  ['PT1S', 1_000],
  ['PT1M', 60_000],
  ['PT1H30M', 5_400_000],
  ['P1D', DAY],
  ['P1W', 7 * DAY],
  ['P1DT12H', 1.5 * DAY],
  ['P1Y', 365.2425 * DAY],
  ['P1M', 30.436875 * DAY],
  ['PT0S', 0],
  ['-PT1S', -1_000],
  ['PT-1S', -1_000],
  ['PT0.001S', 1],
  ['', 'invalid'],
  ['P', 'invalid'],
  ['PT', 'invalid'],
  ['P1DT', 'invalid'],
  ['1S', 'invalid'],
  ['PT1', 'invalid'],
  ['PT1.5H1M', 'invalid'],
  ['PT1S1M', 'invalid'],
  ['5s', 'invalid'],
  ['PT1S ', 'invalid'],
];

t.test('ISO 8601 periods', (t) => {
  for (const [text, ms] of periods) {
    if (ms === 'invalid') t.throws(() => parsePeriod(text), { code: 'InvalidPeriod' }, text);
    else t.equal(parsePeriod(text), ms, text);
  }
  t.end();
});

t.test('which outcomes are worth another attempt', (t) => {
  const table: [status: number | undefined, retried: boolean][] = [
    [undefined, true],
    [500, true],
    [502, true],
    [503, true],
    [599, true],
    [404, true],
    [408, true],
    [409, true],
    [429, true],
    [400, false],
    [401, false],
    [403, false],
    [405, false],
    [410, false],
    [301, false],
    [307, false],
    [100, false],
  ];
  for (const [status, retried] of table) t.equal(isRetryable({ status }), retried, String(status));
  t.end();
});

const exponential: DeliverySpec = { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT0.2S' };
const linear: DeliverySpec = { retry: 3, backoffPolicy: 'linear', backoffDelay: 'PT1S' };
const withRetryAfter: DeliverySpec = { ...linear, retryAfterMax: 'PT5S' };
const NOW = Date.parse('2026-01-01T00:00:00Z');

const delays: [name: string, spec: DeliverySpec, failures: number, outcome: AttemptOutcome, ms: number][] = [
  ['exponential, first', exponential, 1, { status: 500 }, 200],
  ['exponential, second', exponential, 2, { status: 500 }, 400],
  ['exponential, tenth', exponential, 10, { status: 500 }, 102_400],
  ['linear, first', linear, 1, { status: 500 }, 0],
  ['linear, second', linear, 2, { status: 500 }, 1_000],
  ['linear, third', linear, 3, { status: 500 }, 2_000],
  ['no policy, no wait', { retry: 3, backoffDelay: 'PT1S' }, 2, { status: 500 }, 0],
  ['Retry-After is left alone without retryAfterMax', linear, 1, { status: 429, retryAfter: '3' }, 0],
  ['Retry-After in seconds', withRetryAfter, 1, { status: 429, retryAfter: '3' }, 3_000],
  ['Retry-After as a date', withRetryAfter, 1, { status: 503, retryAfter: 'Thu, 01 Jan 2026 00:00:02 GMT' }, 2_000],
  ['Retry-After is capped', withRetryAfter, 1, { status: 503, retryAfter: '60' }, 5_000],
  ['Retry-After below the back-off', withRetryAfter, 3, { status: 503, retryAfter: '1' }, 2_000],
  ['Retry-After of another status', withRetryAfter, 1, { status: 500, retryAfter: '3' }, 0],
  ['a Retry-After that is neither', withRetryAfter, 1, { status: 503, retryAfter: 'soon' }, 0],
  ['never beyond a day', { ...exponential, retry: 100 }, 90, { status: 500 }, 24 * 3_600_000],
];

t.test('how long to wait after a failed attempt', (t) => {
  for (const [name, spec, failures, outcome, ms] of delays)
    t.equal(backoffDelay(deliveryPolicy(spec), failures, outcome, NOW), ms, name);
  t.equal(parseRetryAfter('Thu, 01 Jan 2025 00:00:00 GMT', NOW), 0, 'a date gone by');
  t.end();
});

t.test('a delivery is tried 1 + retry times', (t) => {
  const policy = deliveryPolicy({ retry: 2 });
  t.same(decideRetry(policy, 0, { status: 202 }, NOW), { action: 'done' });
  t.same(decideRetry(policy, 1, { status: 500 }, NOW), { action: 'retry', delay: 0 });
  t.same(decideRetry(policy, 2, { status: 500 }, NOW), { action: 'retry', delay: 0 });
  t.same(decideRetry(policy, 3, { status: 500 }, NOW), { action: 'give-up' });
  t.same(decideRetry(policy, 1, { status: 400 }, NOW), { action: 'give-up' }, 'final at once');
  t.same(
    decideRetry(deliveryPolicy(undefined), 1, { status: 500 }, NOW),
    { action: 'give-up' },
    'no retries asked for',
  );
  t.end();
});

t.test('the policy of a DeliverySpec', (t) => {
  t.same(deliveryPolicy({ timeout: 'PT3S', format: 'json', retry: 1 }), {
    retries: 1,
    backoff: 'exponential',
    delay: 0,
    timeout: 3_000,
    retryAfterMax: undefined,
    format: 'json',
  });
  t.equal(deliveryPolicy({}).timeout, DEFAULT_TIMEOUT);
  t.equal(deliveryPolicy({ timeout: 'nonsense' }).timeout, DEFAULT_TIMEOUT);
  t.end();
});
