/** Rules of Trigger filters. Source: reference section 1, "Defaulting and validation". */
import type { SubscriptionsApiFilter, TriggerFilter } from '../../../api/eventing/trigger.ts';
import { invalidKeyName, invalidValue, viaField, type FieldError } from '../../../api/field-error.ts';
import { compileFilter } from '../filters.ts';
import { messageOf } from '../../../kube/message.ts';

const ATTRIBUTE_NAME = /^[a-z][a-z0-9]*$/;
/** Deeper nesting than anyone writes, well below what would exhaust the stack. */
const DEEPEST = 64;

export function validateTriggerFilter(filter: TriggerFilter | undefined): FieldError[] {
  return viaField('attributes', validateNames(filter?.attributes));
}

export function validateFilters(filters: unknown, depth = 0): FieldError[] {
  if (filters === undefined || filters === null) return [];
  if (!Array.isArray(filters)) return [invalidValue(filters, '', 'must be a list of filters')];
  return filters.flatMap((filter: unknown, i) => viaField(`[${i}]`, validateFilter(filter, depth)));
}

/** The schema ends where filters nest, so an inner one may be anything. */
function validateFilter(given: unknown, depth: number): FieldError[] {
  if (depth > DEEPEST) return [{ message: `filters are nested deeper than ${DEEPEST}`, paths: [''] }];
  if (!isObject(given)) return [invalidValue(given, '', 'must be a filter')];
  const misshapen = shapeErrors(given);
  if (misshapen.length > 0) return misshapen;
  const filter = given as SubscriptionsApiFilter;
  const errors: FieldError[] = [];
  if (dialectsOf(filter) > 1)
    errors.push({ message: 'multiple dialects found, filters can have only one dialect set', paths: [] });
  for (const dialect of ['exact', 'prefix', 'suffix'] as const)
    errors.push(...viaField(dialect, validateNames(filter[dialect])));
  errors.push(...viaField('all', validateFilters(filter.all, depth + 1)));
  errors.push(...viaField('any', validateFilters(filter.any, depth + 1)));
  if (filter.not !== undefined) errors.push(...viaField('not', validateFilter(filter.not, depth + 1)));
  if (filter.cesql) errors.push(...viaField('cesql', validateExpression(filter.cesql)));
  return errors;
}

const MAPS: readonly string[] = ['exact', 'prefix', 'suffix'];
const DIALECTS: readonly string[] = [...MAPS, 'all', 'any', 'not', 'cesql'];

/** Unknown dialects, and values of another type than their dialect has; nested filters are looked at by themselves. */
function shapeErrors(filter: Readonly<Record<string, unknown>>): FieldError[] {
  return Object.entries(filter).flatMap(([dialect, value]) => {
    if (!DIALECTS.includes(dialect))
      return [invalidKeyName(dialect, dialect, `a filter's dialect is one of ${DIALECTS.join(', ')}`)];
    if (dialect === 'cesql' && typeof value !== 'string') return [invalidValue(value, dialect, 'must be a string')];
    if (!MAPS.includes(dialect)) return [];
    if (!isObject(value)) return [invalidValue(value, dialect, 'must map attribute names to strings')];
    return Object.entries(value)
      .filter(([, wanted]) => typeof wanted !== 'string')
      .map(([name, wanted]) => invalidValue(wanted, `${dialect}[${name}]`, 'must be a string'));
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function validateExpression(cesql: string): FieldError[] {
  try {
    compileFilter({ cesql });
    return [];
  } catch (error) {
    return [invalidValue(cesql, '', messageOf(error))];
  }
}

function validateNames(attributes: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.keys(attributes ?? {})
    .filter((name) => !ATTRIBUTE_NAME.test(name))
    .map((name) =>
      invalidKeyName(
        name,
        `[${name}]`,
        'Attribute name must start with a letter and can only contain lowercase alphanumeric',
      ),
    );
}

function dialectsOf(filter: SubscriptionsApiFilter): number {
  const { exact, prefix, suffix, all, any, not, cesql } = filter;
  const maps = [exact, prefix, suffix].filter((map) => map !== undefined && Object.keys(map).length > 0);
  const lists = [all, any].filter((list) => list !== undefined && list.length > 0);
  return maps.length + lists.length + (not === undefined ? 0 : 1) + (cesql ? 1 : 0);
}
