/** The part of JSONPath that printer columns use: fields, indexes, wildcards, slices and filters. */

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly start: number | undefined; readonly end: number | undefined }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'descend' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown };

/** @returns every value found, in order */
export type JsonPath = (root: unknown) => unknown[];

const MOST_PATHS = 2000;
const compiled = new Map<string, JsonPath>();

/**
 * @param text such as `.status.conditions[?(@.type=='Ready')].status`
 * @throws SyntaxError when it is not a path
 */
export function compileJsonPath(text: string): JsonPath {
  let path = compiled.get(text);
  if (path === undefined) {
    const steps = parse(text);
    path = (root) => walk([root], steps);
    if (compiled.size >= MOST_PATHS) compiled.clear();
    compiled.set(text, path);
  }
  return path;
}

function walk(values: readonly unknown[], steps: readonly Step[]): unknown[] {
  let found: unknown[] = [...values];
  for (const step of steps) found = found.flatMap((value) => take(value, step));
  return found;
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'field': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
      const field = Object.hasOwn(value, step.name) ? (value as Record<string, unknown>)[step.name] : undefined;
      return field === undefined ? [] : [field];
    }
    case 'index': {
      if (!Array.isArray(value)) return [];
      const item: unknown = value.at(step.index);
      return item === undefined ? [] : [item];
    }
    case 'slice':
      return Array.isArray(value) ? (value as unknown[]).slice(step.start, step.end) : [];
    case 'wildcard':
      return typeof value === 'object' && value !== null ? Object.values(value) : [];
    case 'descend':
      return descend(value);
    case 'filter':
      if (!Array.isArray(value)) return [];
      return (value as unknown[]).filter((item) => holds(walk([item], step.path), step.operator, step.value));
  }
}

function descend(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value];
  return [value, ...Object.values(value).flatMap(descend)];
}

function holds(found: readonly unknown[], operator: string, wanted: unknown): boolean {
  if (operator === '') return found.length > 0;
  const [actual] = found;
  if (actual === undefined) return false;
  switch (operator) {
    case '==':
      return actual === wanted;
    case '!=':
      return actual !== wanted;
    default: {
      if (typeof actual !== typeof wanted || (typeof actual !== 'number' && typeof actual !== 'string')) return false;
      const [left, right] = [actual, wanted as typeof actual];
      if (operator === '<') return left < right;
      if (operator === '<=') return left <= right;
      if (operator === '>') return left > right;
      return left >= right;
    }
  }
}

function parse(text: string): Step[] {
  let rest = text.trim();
  if (rest.startsWith('{') && rest.endsWith('}')) rest = rest.slice(1, -1).trim();
  if (rest.startsWith('$') || rest.startsWith('@')) rest = rest.slice(1);
  const steps: Step[] = [];
  while (rest !== '') {
    if (rest.startsWith('[')) {
      const end = closing(rest);
      steps.push(bracket(rest.slice(1, end).trim()));
      rest = rest.slice(end + 1);
      continue;
    }
    const dotted = /^(\.{0,2})(\*|(?:\\.|[^.[\\\s])+)/.exec(rest);
    if (dotted === null) {
      if (rest === '.') break;
      throw new SyntaxError(`not a JSON path: ${text}`);
    }
    if (dotted[1] === '..') steps.push({ kind: 'descend' });
    const name = (dotted[2] ?? '').replace(/\\(.)/g, '$1');
    steps.push(name === '*' ? { kind: 'wildcard' } : { kind: 'field', name });
    rest = rest.slice(dotted[0].length);
  }
  return steps;
}

/** Where the bracket that the text starts with ends. */
function closing(text: string): number {
  let quote = '';
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === '[') depth++;
    else if (char === ']' && --depth === 0) return at;
  }
  throw new SyntaxError(`unterminated [ in ${text}`);
}

function bracket(inner: string): Step {
  if (inner === '*') return { kind: 'wildcard' };
  if (/^-?\d+$/.test(inner)) return { kind: 'index', index: Number(inner) };
  const slice = /^(-?\d*):(-?\d*)$/.exec(inner);
  if (slice !== null) {
    const bound = (text: string | undefined): number | undefined =>
      text === undefined || text === '' ? undefined : Number(text);
    return { kind: 'slice', start: bound(slice[1]), end: bound(slice[2]) };
  }
  const filter = /^\?\((.*)\)$/s.exec(inner);
  if (filter !== null) return parseFilter(filter[1] ?? '');
  return { kind: 'field', name: String(literal(inner)) };
}

function parseFilter(text: string): Step {
  const match = /^\s*(@.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/s.exec(text);
  if (match === null) throw new SyntaxError(`not a filter: ${text}`);
  const [, path = '', operator = '', value] = match;
  return { kind: 'filter', path: parse(path), operator, value: value === undefined ? undefined : literal(value) };
}

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return (quoted[2] ?? '').replace(/\\(.)/g, '$1');
  if (text === 'true') return true;
  if (text === 'false') return false;
  const number = Number(text);
  return text.trim() === '' || Number.isNaN(number) ? text : number;
}
