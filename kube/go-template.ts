/**
 * The part of Go's text/template that Knative's ConfigMaps are written in: fields, pipelines, `if`, trimming, comments.
 * `range`, `with`, `define`, variables and methods beyond those the data offers are refused when compiled.
 * Source: https://pkg.go.dev/text/template
 */

/** A `Map` is Go's map (a missing key is empty), a plain object a struct (a missing field is an error). */
export type TemplateValue =
  | string
  | number
  | boolean
  | readonly string[]
  | ReadonlyMap<string, string | readonly string[]>
  | ((argument: string) => string)
  | TemplateFields
  | undefined;

/** Go's `http.Header`: canonical names, several values each; `{{.Header.Get "x"}}` is the first one. */
export class HttpHeader extends Map<string, readonly string[]> {
  /** @param name in any case; empty when there is none */
  first(name: string): string {
    const canonical = name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    return this.get(canonical)?.[0] ?? '';
  }
}

export interface TemplateFields {
  readonly [field: string]: TemplateValue;
}

export interface GoTemplate {
  readonly source: string;
  /** @throws TemplateError when a field does not exist, or a function is given what it cannot take */
  render(data: TemplateFields): string;
}

export class TemplateError extends Error {
  constructor(source: string, problem: string) {
    super(`template "${source}": ${problem}`);
    this.name = 'TemplateError';
  }
}

type Operand =
  | { readonly kind: 'value'; readonly value: TemplateValue }
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

interface Command {
  readonly name: string | undefined;
  readonly operands: readonly Operand[];
}

type Pipeline = readonly Command[];

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if';
      readonly test: Pipeline;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    };

type Piece = { readonly text: string } | { readonly action: string };

/** @throws TemplateError naming the action that cannot be read */
export function compileGoTemplate(source: string): GoTemplate {
  const nodes = new Parser(source, pieces(source)).parse();
  return { source, render: (data) => render(nodes, data, source) };
}

function pieces(source: string): Piece[] {
  const found: Piece[] = [];
  let rest = source;
  let trim = false;
  for (;;) {
    const open = rest.indexOf('{{');
    const literal = open < 0 ? rest : rest.slice(0, open);
    const text = trim ? literal.trimStart() : literal;
    if (open < 0) return [...found, { text }];
    const close = endOfAction(rest, open + 2);
    if (close < 0) throw new TemplateError(source, 'unclosed action');
    const action = rest.slice(open + 2, close);
    trim = /\s-$/.test(action);
    found.push({ text: /^-\s/.test(action) ? text.trimEnd() : text });
    found.push({ action: action.replace(/^-\s/, '').replace(/\s-$/, '').trim() });
    rest = rest.slice(close + 2);
  }
}

/** The place of the closing braces, not those inside a string. */
function endOfAction(text: string, from: number): number {
  const lexer = /"(?:\\.|[^"\\\n])*"|`[^`]*`|\/\*[\s\S]*?\*\/|\}\}/g;
  lexer.lastIndex = from;
  for (let match = lexer.exec(text); match !== null; match = lexer.exec(text)) {
    if (match[0] === '}}') return match.index;
  }
  return -1;
}

const TOKEN =
  /\s*(?:("(?:\\.|[^"\\\n])*")|`([^`]*)`|(-?\d+(?:\.\d+)?)|((?:\.[A-Za-z_]\w*)+|\.)|([A-Za-z_]\w*)|([|()]))/y;

interface Token {
  readonly kind: 'value' | 'field' | 'word' | 'mark';
  readonly value: string | number;
}

class Parser {
  readonly #source: string;
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(source: string, found: readonly Piece[]) {
    this.#source = source;
    this.#pieces = found;
  }

  parse(): Node[] {
    const { nodes, end } = this.#list();
    if (end !== undefined) throw this.#error(`unexpected {{${end}}}`);
    return nodes;
  }

  /** Nodes up to an `else`, an `end` or the end of the text. */
  #list(): { nodes: Node[]; end: string | undefined } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) return { nodes, end: undefined };
      if ('text' in piece) {
        if (piece.text !== '') nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const { action } = piece;
      const word = /^[a-z]+\b/.exec(action)?.[0];
      if (action.startsWith('/*') && action.endsWith('*/')) continue;
      if (word === 'else' || word === 'end') return { nodes, end: action };
      if (word === 'if') nodes.push(this.#branch(action.slice(2)));
      else nodes.push({ kind: 'print', pipeline: this.#pipeline(action) });
    }
  }

  #branch(test: string): Node {
    const { nodes, end } = this.#list();
    if (end === undefined) throw this.#error('unexpected EOF: {{if}} without {{end}}');
    const node = { kind: 'if', test: this.#pipeline(test), then: nodes } as const;
    if (end === 'end') return { ...node, otherwise: [] };
    const chained = /^else\s+if\b/.exec(end);
    if (chained !== null) return { ...node, otherwise: [this.#branch(end.slice(chained[0].length))] };
    if (end !== 'else') throw this.#error(`unexpected {{${end}}}`);
    const last = this.#list();
    if (last.end !== 'end') throw this.#error('{{else}} without {{end}}');
    return { ...node, otherwise: last.nodes };
  }

  #pipeline(action: string): Pipeline {
    const tokens = this.#tokens(action);
    const { pipeline, next } = this.#commands(tokens, 0, action);
    if (next < tokens.length) throw this.#error(`unexpected ")" in {{${action}}}`);
    return pipeline;
  }

  #commands(tokens: readonly Token[], from: number, action: string): { pipeline: Pipeline; next: number } {
    const pipeline: Command[] = [];
    let name: string | undefined;
    let operands: Operand[] = [];
    let at = from;
    const finish = (): void => {
      if (name === undefined && operands.length === 0) throw this.#error(`missing value for command in {{${action}}}`);
      pipeline.push({ name, operands });
      name = undefined;
      operands = [];
    };
    for (; at < tokens.length; at++) {
      const token = tokens[at];
      if (token === undefined || token.value === ')') break;
      if (token.kind === 'field') {
        operands.push({
          kind: 'field',
          path: String(token.value)
            .split('.')
            .filter((part) => part !== ''),
        });
      } else if (token.kind === 'value') operands.push({ kind: 'value', value: token.value });
      else if (token.value === '|') finish();
      else if (token.value === '(') {
        const inner = this.#commands(tokens, at + 1, action);
        if (tokens[inner.next]?.value !== ')') throw this.#error(`unclosed left paren in {{${action}}}`);
        operands.push({ kind: 'pipeline', pipeline: inner.pipeline });
        at = inner.next;
      } else if (token.value === 'true' || token.value === 'false') {
        operands.push({ kind: 'value', value: token.value === 'true' });
      } else {
        const word = String(token.value);
        if (name !== undefined || operands.length > 0 || !FUNCTIONS.has(word)) {
          throw this.#error(`function "${word}" not defined`);
        }
        name = word;
      }
    }
    finish();
    return { pipeline, next: at };
  }

  #tokens(action: string): Token[] {
    const tokens: Token[] = [];
    TOKEN.lastIndex = 0;
    let end = 0;
    for (let match = TOKEN.exec(action); match !== null; match = TOKEN.exec(action)) {
      const [, quoted, raw, number, field, word, mark] = match;
      end = TOKEN.lastIndex;
      if (quoted !== undefined) tokens.push({ kind: 'value', value: this.#unquoted(quoted) });
      else if (raw !== undefined) tokens.push({ kind: 'value', value: raw });
      else if (number !== undefined) tokens.push({ kind: 'value', value: Number(number) });
      else if (field !== undefined) tokens.push({ kind: 'field', value: field });
      else if (word !== undefined) tokens.push({ kind: 'word', value: word });
      else if (mark !== undefined) tokens.push({ kind: 'mark', value: mark });
    }
    const left = action.slice(end).trim();
    if (left !== '') throw this.#error(`unexpected "${left}" in {{${action}}}`);
    return tokens;
  }

  #unquoted(quoted: string): string {
    try {
      return String(JSON.parse(quoted));
    } catch {
      throw this.#error(`invalid string ${quoted}`);
    }
  }

  #error(problem: string): TemplateError {
    return new TemplateError(this.#source, problem);
  }
}

function render(nodes: readonly Node[], data: TemplateFields, source: string): string {
  let out = '';
  for (const node of nodes) {
    if (node.kind === 'text') out += node.text;
    else if (node.kind === 'print') out += printed(evaluate(node.pipeline, data, source));
    else out += render(isTrue(evaluate(node.test, data, source)) ? node.then : node.otherwise, data, source);
  }
  return out;
}

function evaluate(pipeline: Pipeline, data: TemplateFields, source: string): TemplateValue {
  let piped: TemplateValue[] = [];
  for (const { name, operands } of pipeline) {
    const values = operands.map((operand) => valueOf(operand, data, source));
    const [first, ...rest] = [...values, ...piped];
    piped = [name === undefined ? called(first, rest, source) : call(name, [...values, ...piped], source)];
  }
  return piped[0];
}

function valueOf(operand: Operand, data: TemplateFields, source: string): TemplateValue {
  if (operand.kind === 'value') return operand.value;
  if (operand.kind === 'pipeline') return evaluate(operand.pipeline, data, source);
  let value: TemplateValue = data;
  for (const key of operand.path) value = fieldOf(value, key, source);
  return value;
}

function fieldOf(value: TemplateValue, key: string, source: string): TemplateValue {
  if (value instanceof HttpHeader && key === 'Get') return (name) => value.first(name);
  if (value instanceof Map) return value.get(key);
  if (isFields(value) && Object.hasOwn(value, key)) return value[key];
  throw new TemplateError(source, `can't evaluate field ${key}`);
}

function isFields(value: TemplateValue): value is TemplateFields {
  return typeof value === 'object' && !(value instanceof Map) && !Array.isArray(value);
}

/** A value by itself, or a method with its arguments. */
function called(value: TemplateValue, operands: readonly TemplateValue[], source: string): TemplateValue {
  if (typeof value === 'function') return value(printed(operands[0]));
  if (operands.length > 0) throw new TemplateError(source, "can't give argument to non-function");
  return value;
}

const FUNCTIONS: ReadonlyMap<string, (values: readonly TemplateValue[]) => TemplateValue> = new Map([
  ['and', (values) => values.find((value) => !isTrue(value)) ?? values.at(-1)],
  ['or', (values) => values.find(isTrue) ?? values.at(-1)],
  ['not', ([value]) => !isTrue(value)],
  ['eq', ([first, ...others]) => others.some((other) => other === first)],
  ['ne', ([first, second]) => first !== second],
  [
    'len',
    ([value]) =>
      value instanceof Map
        ? value.size
        : typeof value === 'string'
          ? Buffer.byteLength(value)
          : Array.isArray(value)
            ? value.length
            : undefined,
  ],
  ['print', (values) => values.map(printed).join('')],
  ['js', (values) => escapedForScript(values.map(printed).join(''))],
  [
    'html',
    (values) =>
      values
        .map(printed)
        .join('')
        .replace(/[&<>"'\0]/g, (found) => HTML[found] ?? '\uFFFD'),
  ],
  [
    'urlquery',
    (values) =>
      encodeURIComponent(values.map(printed).join(''))
        .replace(/%20/g, '+')
        .replace(/[!'()*]/g, hex),
  ],
  ['index', ([value, key]) => indexed(value, key)],
]);

function call(name: string, values: readonly TemplateValue[], source: string): TemplateValue {
  const result = values.length === 0 ? undefined : FUNCTIONS.get(name)?.(values);
  if (result === undefined) throw new TemplateError(source, `error calling ${name}`);
  return result;
}

function indexed(value: TemplateValue, key: TemplateValue): TemplateValue {
  if (value instanceof Map && typeof key === 'string') return value.get(key) ?? (value instanceof HttpHeader ? [] : '');
  if (Array.isArray(value) && typeof key === 'number') return value[key];
  return undefined;
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

function hex(found: string): string {
  return `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** As Go's JSEscape: quotes, backslashes, angle brackets, `&`, `=` and controls. */
function escapedForScript(text: string): string {
  return text.replace(/[\\'"<>&=\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (found) => {
    if (found === '\\' || found === "'" || found === '"') return `\\${found}`;
    return `\\u${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

function isTrue(value: TemplateValue): boolean {
  if (value instanceof Map) return value.size > 0;
  if (Array.isArray(value)) return value.length > 0;
  return Boolean(value);
}

function printed(value: TemplateValue): string {
  if (Array.isArray(value)) return `[${value.join(' ')}]`;
  if (value instanceof Map)
    return `map[${[...value]
      .map(([key, one]) => `${key}:${printed(one)}`)
      .sort()
      .join(' ')}]`;
  if (typeof value === 'number') return decimal(value);
  if (value === undefined) return '<no value>';
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
}

/** Go prints a float with an exponent below 1e-4 and from 1e21. */
function decimal(value: number): string {
  const small = value !== 0 && Math.abs(value) < 1e-4;
  const text = small ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
