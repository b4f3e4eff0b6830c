/**
 * Which events a Trigger wants: compiles its filters once into a predicate over an event's attributes.
 * Source: CloudEvents Subscriptions API "Filters"; knative/eventing filter semantics (reference section 4).
 */
import type { SubscriptionsApiFilter, Trigger } from '../../api/eventing/trigger.ts';
import type { EventAttributes } from './attributes.ts';
import { CesqlError } from './cesql/ast.ts';
import { compileCesql, type Evaluator } from './cesql/evaluate.ts';
import { parseCesql } from './cesql/parser.ts';
import { TriggerError } from './errors.ts';

/** True when the event is to be delivered. Never throws. */
export type EventFilter = (attributes: EventAttributes) => boolean;

/**
 * The predicate of a Trigger: a non-empty `spec.filters` (all must pass) wins over `spec.filter`.
 * @throws TriggerError `InvalidFilter` for a CESQL expression that cannot be read
 */
export function compileTriggerFilter(spec: Pick<Trigger['spec'], 'filter' | 'filters'>): EventFilter {
  if (spec.filters !== undefined && spec.filters.length > 0) return allOf(spec.filters.map(compileFilter));
  return attributesFilter(spec.filter?.attributes ?? {});
}

/** One filter object of the subscriptions API; one without a dialect passes everything. */
export function compileFilter(filter: SubscriptionsApiFilter): EventFilter {
  if (notEmpty(filter.exact)) return matchAll(filter.exact, (actual, wanted) => actual === wanted);
  if (notEmpty(filter.prefix)) return matchAll(filter.prefix, (actual, wanted) => actual.startsWith(wanted));
  if (notEmpty(filter.suffix)) return matchAll(filter.suffix, (actual, wanted) => actual.endsWith(wanted));
  if (filter.all !== undefined && filter.all.length > 0) return allOf(filter.all.map(compileFilter));
  if (filter.any !== undefined && filter.any.length > 0) {
    const parts = filter.any.map(compileFilter);
    return (attributes) => parts.some((part) => part(attributes));
  }
  if (filter.not !== undefined) {
    const inner = compileFilter(filter.not);
    return (attributes) => !inner(attributes);
  }
  if (filter.cesql !== undefined && filter.cesql !== '') return cesqlFilter(filter.cesql);
  return passAll;
}

/** Passes when the expression results in true, without any error. */
function cesqlFilter(expression: string): EventFilter {
  let evaluate: Evaluator;
  try {
    evaluate = compileCesql(parseCesql(expression));
  } catch (error) {
    if (!(error instanceof CesqlError)) throw error;
    throw new TriggerError('InvalidFilter', `the cesql filter cannot be read: ${error.message}`);
  }
  return (attributes) => {
    const { value, error } = evaluate(attributes);
    return error === undefined && value === true;
  };
}

/** `spec.filter.attributes`: every key present and equal; an empty value asks for any value but the empty one. */
function attributesFilter(wanted: Readonly<Record<string, string>>): EventFilter {
  if (!notEmpty(wanted)) return passAll;
  return matchAll(wanted, (actual, value) => (value === '' ? actual !== '' : actual === value));
}

/**
 * The text a filter compares with, `undefined` when the event lacks the attribute.
 * `datamediatype` is the content type without its parameters.
 */
export function attributeText(attributes: EventAttributes, name: string): string | undefined {
  if (name === 'datamediatype') {
    const type = attributes['datacontenttype'];
    return type === undefined ? undefined : (String(type).split(';')[0] ?? '').trim();
  }
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return value === undefined ? undefined : String(value);
}

function matchAll(
  wanted: Readonly<Record<string, string>>,
  matches: (actual: string, wanted: string) => boolean,
): EventFilter {
  const pairs = Object.entries(wanted);
  return (attributes) =>
    pairs.every(([name, value]) => {
      const actual = attributeText(attributes, name);
      return actual !== undefined && matches(actual, value);
    });
}

function allOf(parts: readonly EventFilter[]): EventFilter {
  return (attributes) => parts.every((part) => part(attributes));
}

function passAll(): boolean {
  return true;
}

function notEmpty(map: Readonly<Record<string, string>> | undefined): map is Readonly<Record<string, string>> {
  return map !== undefined && Object.keys(map).length > 0;
}
