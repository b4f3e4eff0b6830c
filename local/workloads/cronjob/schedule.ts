/** Cron expressions of five fields. Source: crontab(5); Kubernetes, "CronJob", schedule syntax and time zones. */

export interface Schedule {
  /** The first time after `time`, ms since the epoch in whole minutes; undefined when there is none in five years. */
  after(time: number): number | undefined;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FIVE_YEARS = 5 * 366 * 24 * HOUR;

const SHORTHANDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Moment {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

/**
 * @param timeZone IANA name; UTC when absent
 * @throws Error that names the part which cannot be read
 */
export function parseSchedule(expression: string, timeZone?: string): Schedule {
  const fields = (SHORTHANDS[expression.trim().toLowerCase()] ?? expression).trim().split(/\s+/);
  if (fields.length !== 5) throw new Error(`a schedule has five fields, not ${fields.length}: "${expression}"`);
  const [minutes, hours, days, months, weekdays] = [
    parseField(fields[0], 0, 59),
    parseField(fields[1], 0, 23),
    parseField(fields[2], 1, 31),
    parseField(fields[3], 1, 12, MONTHS, 1),
    parseField(fields[4], 0, 7, DAYS),
  ];
  if (weekdays.has(7)) weekdays.add(0);
  const anyDay = isOpen(fields[2]);
  const anyWeekday = isOpen(fields[4]);
  const momentOf = timeZone === undefined ? utcMoment : zonedMoment(timeZone);

  function isDay({ day, month, weekday }: Moment): boolean {
    if (!months.has(month)) return false;
    const [byDay, byWeekday] = [days.has(day), weekdays.has(weekday)];
    // Where both are restricted, either will do.
    return anyDay || anyWeekday ? byDay && byWeekday : byDay || byWeekday;
  }

  return {
    after(time) {
      const end = time + FIVE_YEARS;
      let at = Math.floor(time / MINUTE) * MINUTE + MINUTE;
      while (at < end) {
        const moment = momentOf(at);
        // Zones are offset by whole minutes: the next full hour is found from the zone's own minute.
        const toNextHour = (60 - moment.minute) * MINUTE;
        if (!isDay(moment)) at += toNextHour + Math.max(0, 22 - moment.hour) * HOUR;
        else if (!hours.has(moment.hour)) at += toNextHour;
        else if (!minutes.has(moment.minute)) at += MINUTE;
        else return at;
      }
      return undefined;
    },
  };
}

/** The latest time of the schedule in (`from`, `to`]. */
export function latest(schedule: Schedule, from: number, to: number): number | undefined {
  for (const window of [HOUR, 24 * HOUR, 31 * 24 * HOUR, FIVE_YEARS]) {
    const start = Math.max(from, to - window);
    let found: number | undefined;
    for (let at = schedule.after(start); at !== undefined && at <= to; at = schedule.after(at)) found = at;
    if (found !== undefined || start === from) return found;
  }
  return undefined;
}

function isOpen(field: string | undefined): boolean {
  return field !== undefined && /^[*?]/.test(field);
}

function parseField(
  text: string | undefined,
  least: number,
  most: number,
  names: readonly string[] = [],
  base = 0,
): Set<number> {
  const values = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const match = /^(?:([*?])|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
    if (match === null) throw new Error(`"${part}" cannot be read in a schedule`);
    const [, open, first, last, step] = match;
    const number = (word: string): number => {
      const named = names.indexOf(word.toLowerCase());
      return named >= 0 ? named + base : /^\d+$/.test(word) ? Number(word) : Number.NaN;
    };
    const from = open === undefined ? number(first ?? '') : least;
    // A single value with a step means "from there on".
    const to = last !== undefined ? number(last) : open !== undefined || step !== undefined ? most : from;
    const by = Number(step ?? 1);
    if (!(from >= least && to <= most && from <= to && by >= 1)) {
      throw new Error(`"${part}" is not within ${least}-${most} in a schedule`);
    }
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return values;
}

function utcMoment(time: number): Moment {
  const date = new Date(time);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}

/** @throws RangeError for a zone that does not exist */
function zonedMoment(timeZone: string): (time: number) => Moment {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    minute: 'numeric',
    hour: 'numeric',
    day: 'numeric',
    month: 'numeric',
    weekday: 'short',
  });
  return (time) => {
    const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
    const value = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type) ?? 0);
    return {
      minute: value('minute'),
      hour: value('hour'),
      day: value('day'),
      month: value('month'),
      weekday: DAYS.indexOf((parts.get('weekday') ?? '').toLowerCase()),
    };
  };
}
