/**
 * The part of Go templates that names are written in: `{{.Name}}`, `{{.Labels.team}}`, `{{index .Annotations "a/b"}}`,
 * with `{{-` and `-}}` trimming blanks. A missing map entry prints nothing. Source: Go text/template.
 */
import { ConfigError } from './parse.ts';

export interface Template {
  readonly source: string;
  /** @throws ConfigError when a field does not exist */
  render(data: Readonly<Record<string, unknown>>): string;
}

type Part = string | readonly string[];

export function compileTemplate(source: string): Template {
  const parts: Part[] = [];
  let rest = source;
  let trimNext = false;
  for (;;) {
    const open = rest.indexOf('{{');
    const literal = open < 0 ? rest : rest.slice(0, open);
    const start = trimNext ? literal.trimStart() : literal;
    if (open < 0) {
      parts.push(start);
      break;
    }
    const close = rest.indexOf('}}', open);
    if (close < 0) throw new ConfigError(`template "${source}": unclosed action`);
    let action = rest.slice(open + 2, close);
    const trimBefore = /^-\s/.test(action);
    trimNext = /\s-$/.test(action);
    action = action.replace(/^-\s/, '').replace(/\s-$/, '').trim();
    parts.push(trimBefore ? start.trimEnd() : start, parsePath(action, source));
    rest = rest.slice(close + 2);
  }
  return {
    source,
    render: (data) => parts.map((part) => (typeof part === 'string' ? part : read(part, data, source))).join(''),
  };
}

function parsePath(action: string, source: string): readonly string[] {
  if (/^(\.[A-Za-z_]\w*)+$/.test(action)) return action.slice(1).split('.');
  const indexed = /^index\s+((?:\.[A-Za-z_]\w*)+)\s+(?:"([^"]*)"|`([^`]*)`)$/.exec(action);
  if (indexed?.[1] !== undefined) return [...indexed[1].slice(1).split('.'), indexed[2] ?? indexed[3] ?? ''];
  throw new ConfigError(
    `template "${source}": "{{${action}}}" is neither a field like {{.Name}} nor {{index .Labels "key"}}`,
  );
}

function read(path: readonly string[], data: Readonly<Record<string, unknown>>, source: string): string {
  let value: unknown = data;
  for (const [depth, key] of path.entries()) {
    if (typeof value !== 'object' || value === null) return '';
    const record = value as Record<string, unknown>;
    if (!Object.hasOwn(record, key)) {
      if (depth === 0) throw new ConfigError(`template "${source}": can't evaluate field ${key}`);
      return '';
    }
    value = record[key];
  }
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
