/** How a kind's rows are made: its columns, and the cells they share. */
import type { PrinterColumn } from '../registry.ts';
import { ageOf } from './age.ts';
import { fieldAt, itemsAt, textAt } from './check.ts';
import type { Fields } from './fill.ts';

export type Cell = string | number | boolean | null;

export interface Printer {
  readonly columns: readonly PrinterColumn[];
  row(object: Fields, now: number): Cell[];
}

const column = (name: string, type: string, priority: number, format = ''): PrinterColumn => ({
  name,
  type,
  format,
  description: '',
  priority,
});

/** `Name*` is only shown with `-o wide`, `Name#` is an integer, `Name?` a boolean, `Name@` a date. */
export function columns(names: string): PrinterColumn[] {
  const list = names.split('|').map((text) => {
    const [, name = '', mark = ''] = /^(.*?)([*#?@]*)$/.exec(text) ?? [];
    const type = mark.includes('#')
      ? 'integer'
      : mark.includes('?')
        ? 'boolean'
        : mark.includes('@')
          ? 'date'
          : 'string';
    return column(name, type, mark.includes('*') ? 1 : 0);
  });
  return [column('Name', 'string', 0, 'name'), ...list];
}

export function printer(names: string, cells: (object: Fields, now: number) => Cell[]): Printer {
  return {
    columns: columns(names),
    row: (object, now) => [textAt(fieldAt(object, 'metadata'), 'name'), ...cells(object, now)],
  };
}

export const age = (object: Fields, now: number): string => ageOf(fieldAt(object, 'metadata').creationTimestamp, now);
export const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
export const orNone = (text: string): string => (text === '' ? '<none>' : text);
export const sizeOf = (value: Fields): number => Object.keys(value).length;

/** Names, images and selector of a workload's pods. */
export function podColumns(object: Fields): [string, string] {
  const containers = itemsAt(fieldAt(fieldAt(fieldAt(object, 'spec'), 'template'), 'spec'), 'containers');
  return [
    containers.map((container) => textAt(container, 'name')).join(','),
    containers.map((container) => textAt(container, 'image')).join(','),
  ];
}

export function labelsText(labels: Fields): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${String(labels[key])}`);
  return orNone(pairs.join(','));
}

export function selectorText(selector: Fields): string {
  const parts = Object.entries(fieldAt(selector, 'matchLabels')).map(([key, value]) => `${key}=${String(value)}`);
  for (const { key, operator, values } of itemsAt(selector, 'matchExpressions')) {
    const list = Array.isArray(values) ? `(${values.join(',')})` : '';
    if (operator === 'Exists') parts.push(String(key));
    else if (operator === 'DoesNotExist') parts.push(`!${String(key)}`);
    else parts.push(`${String(key)} ${operator === 'In' ? 'in' : 'notin'} ${list}`);
  }
  return orNone(parts.sort().join(','));
}

export const spec = (object: Fields): Fields => fieldAt(object, 'spec');
export const status = (object: Fields): Fields => fieldAt(object, 'status');
