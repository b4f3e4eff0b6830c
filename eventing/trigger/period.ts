/** ISO 8601 periods (`PT0.2S`, `P1DT12H`) as DeliverySpec carries them. */
import { TriggerError } from './errors.ts';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** Of years, months, weeks, days, hours, minutes, seconds. */
const UNIT_MS = [365.2425 * DAY, 30.436875 * DAY, 7 * DAY, DAY, 3_600 * SECOND, 60 * SECOND, SECOND];
const NUMBER = '(-?\\d+(?:[.,]\\d+)?)';
const FORM = new RegExp(
  `^([+-])?P(?:${NUMBER}Y)?(?:${NUMBER}M)?(?:${NUMBER}W)?(?:${NUMBER}D)?(?:(T)(?:${NUMBER}H)?(?:${NUMBER}M)?(?:${NUMBER}S)?)?$`,
);

/**
 * Milliseconds of an ISO 8601 period; years and months count as their mean length. May be negative.
 * @throws TriggerError `InvalidPeriod`
 */
export function parsePeriod(text: string): number {
  const match = FORM.exec(text);
  if (match === null) throw invalid(text);
  const [, sign, years, months, weeks, days, time, hours, minutes, seconds] = match;
  const parts = [years, months, weeks, days, hours, minutes, seconds];
  const given = parts.filter((part) => part !== undefined);
  const timed = hours !== undefined || minutes !== undefined || seconds !== undefined;
  if (given.length === 0 || (time !== undefined && !timed)) throw invalid(text);
  // A fraction may only stand in the smallest part that is given.
  if (given.slice(0, -1).some((part) => /[.,]/.test(part))) throw invalid(text);
  let total = 0;
  UNIT_MS.forEach((ms, i) => (total += Number((parts[i] ?? '0').replace(',', '.')) * ms));
  const rounded = Math.round(total * 1_000) / 1_000;
  return sign === '-' ? -rounded : rounded;
}

function invalid(text: string): TriggerError {
  return new TriggerError('InvalidPeriod', `"${text}" is not an ISO 8601 period such as PT0.2S`);
}
