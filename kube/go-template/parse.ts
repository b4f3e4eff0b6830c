/** From the text of a Go template to its nodes. Source: Go text/template/parse. */
import { TemplateError } from './error.ts';
import { FUNCTIONS } from './functions.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
  readonly source: string;
}

export type Expression =
  | { readonly type: 'literal'; readonly value: string | number | boolean; readonly at: Place }
  | { readonly type: 'field'; readonly path: readonly string[]; readonly root: boolean; readonly at: Place }
  | {
      readonly type: 'method';
      readonly of: Extract<Expression, { type: 'field' }>;
      readonly args: readonly Expression[];
      readonly at: Place;
    }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly at: Place };

export type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'value'; readonly pipeline: Expression }
  | {
      readonly type: 'if' | 'with';
      readonly pipeline: Expression;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    };

interface Token {
  readonly text: string;
  /** Index in the template. */
  readonly at: number;
}

type Piece = { readonly text: string } | { readonly tokens: readonly Token[]; readonly at: number };

const TOKEN =
  /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|[-+]?\d+(?:\.\d+)?|\$?(?:\.[A-Za-z_]\w*)+|\$|\.|[A-Za-z_]\w*|[()|]|:=|,/y;
const DEEPEST = 50;

/** @throws TemplateError in Go's words */
export function parseTemplate(name: string, source: string): Node[] {
  return new Parser(name, source).parse();
}

class Parser {
  readonly #name: string;
  readonly #source: string;
  readonly #pieces: readonly Piece[];
  #next = 0;

  constructor(name: string, source: string) {
    this.#name = name;
    this.#source = source;
    this.#pieces = this.#split();
  }

  parse(): Node[] {
    const { nodes, end } = this.#list(0);
    if (end !== undefined) throw this.#error(end.at, `unexpected {{${end.text}}}`);
    return nodes;
  }

  /** Nodes up to an `else` or an `end`, which is handed back. */
  #list(depth: number): { nodes: Node[]; end: Token | undefined; rest: readonly Token[] } {
    if (depth > DEEPEST) throw this.#error(0, 'nested too deeply');
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) return { nodes, end: undefined, rest: [] };
      if ('text' in piece) {
        if (piece.text !== '') nodes.push({ type: 'text', text: piece.text });
        continue;
      }
      const [first, ...rest] = piece.tokens;
      if (first === undefined) throw this.#error(piece.at, 'missing value for command');
      if (first.text === 'end' || first.text === 'else') return { nodes, end: first, rest };
      if (first.text === 'if' || first.text === 'with') nodes.push(this.#branch(first, rest, depth));
      else nodes.push({ type: 'value', pipeline: this.#pipeline(piece.tokens, 'command') });
    }
  }

  #branch(keyword: Token, tokens: readonly Token[], depth: number): Node {
    const type = keyword.text === 'with' ? 'with' : 'if';
    const pipeline = this.#pipeline(tokens, type);
    const { nodes: then, end, rest } = this.#list(depth + 1);
    if (end === undefined) throw this.#error(this.#source.length, 'unexpected EOF');
    if (end.text === 'end') return { type, pipeline, then, otherwise: [] };
    const [chained, ...condition] = rest;
    if (chained?.text === 'if' || chained?.text === 'with')
      return { type, pipeline, then, otherwise: [this.#branch(chained, condition, depth + 1)] };
    const otherwise = this.#list(depth + 1);
    if (otherwise.end === undefined) throw this.#error(this.#source.length, 'unexpected EOF');
    if (otherwise.end.text !== 'end') throw this.#error(otherwise.end.at, 'expected end; found {{else}}');
    return { type, pipeline, then, otherwise: otherwise.nodes };
  }

  #pipeline(tokens: readonly Token[], context: string): Expression {
    const at = tokens[0]?.at ?? this.#source.length;
    if (tokens.length === 0) throw this.#error(at, `missing value for ${context}`);
    const { expression, rest } = this.#commands(tokens, context, 0);
    const [extra] = rest;
    if (extra !== undefined) throw this.#error(extra.at, `unexpected ${JSON.stringify(extra.text)} in ${context}`);
    return expression;
  }

  #commands(
    tokens: readonly Token[],
    context: string,
    depth: number,
  ): { expression: Expression; rest: readonly Token[] } {
    if (depth > DEEPEST) throw this.#error(tokens[0]?.at ?? 0, 'nested too deeply');
    let rest = tokens;
    let piped: Expression | undefined;
    for (;;) {
      const operands: Expression[] = [];
      let called: Token | undefined;
      let end = 0;
      while (rest.length > 0 && rest[0]?.text !== '|' && rest[0]?.text !== ')') {
        const [token, ...others] = rest;
        if (token === undefined) break;
        rest = others;
        end = token.at + token.text.length;
        if (token.text === '(') {
          const inner = this.#commands(rest, context, depth + 1);
          if (inner.rest[0]?.text !== ')') throw this.#error(token.at, 'unclosed left paren');
          operands.push(inner.expression);
          rest = inner.rest.slice(1);
        } else if (/^[A-Za-z_]/.test(token.text) && token.text !== 'true' && token.text !== 'false') {
          if (!Object.hasOwn(FUNCTIONS, token.text))
            throw this.#error(token.at, `function ${JSON.stringify(token.text)} not defined`);
          if (called === undefined && operands.length === 0) called = token;
          else operands.push({ type: 'call', name: token.text, args: [], at: this.#place(token) });
        } else operands.push(this.#operand(token, context));
      }
      const given = piped === undefined ? operands : [...operands, piped];
      const [only, ...more] = operands;
      if (called !== undefined) {
        const source = this.#source.slice(called.at, end);
        piped = { type: 'call', name: called.text, args: given, at: { ...this.#place(called), source } };
      } else if (only?.type === 'field' && given.length > 1) {
        piped = { type: 'method', of: only, args: given.slice(1), at: only.at };
      } else if (only === undefined || more.length > 0 || piped !== undefined)
        throw this.#error(rest[0]?.at ?? this.#source.length, `missing value for ${context}`);
      else piped = only;
      if (rest[0]?.text !== '|') return { expression: piped, rest };
      rest = rest.slice(1);
    }
  }

  #operand(token: Token, context: string): Expression {
    const { text } = token;
    const at = this.#place(token);
    if (text === 'true' || text === 'false') return { type: 'literal', value: text === 'true', at };
    if (text.startsWith('"')) return { type: 'literal', value: unquoted(text), at };
    if (text.startsWith('`')) return { type: 'literal', value: text.slice(1, -1), at };
    if (/^[-+\d]/.test(text)) return { type: 'literal', value: Number(text), at };
    if (!/^\$?(\.|$)/.test(text)) throw this.#error(token.at, `unexpected ${JSON.stringify(text)} in ${context}`);
    const root = text.startsWith('$');
    return { type: 'field', path: text.split('.').filter((part) => part !== '' && part !== '$'), root, at };
  }

  /** Text and actions in turn, comments left out and blanks trimmed where an action says so. */
  #split(): Piece[] {
    const pieces: Piece[] = [];
    let at = 0;
    let trim = false;
    for (;;) {
      const open = this.#source.indexOf('{{', at);
      const literal = this.#source.slice(at, open < 0 ? undefined : open);
      const start = trim ? literal.trimStart() : literal;
      if (open < 0) return [...pieces, { text: start }];
      const trimmed = /^-\s/.test(this.#source.slice(open + 2, open + 4));
      pieces.push({ text: trimmed ? start.trimEnd() : start });
      const from = open + (trimmed ? 3 : 2);
      const comment = /^\s*\/\*/.test(this.#source.slice(from));
      const close = comment ? this.#source.indexOf('*/', from) + 2 : this.#endOf(from);
      if (comment && close < 2) throw this.#error(open, 'unclosed comment');
      const end = /^(?:\s-)?\}\}/.exec(this.#source.slice(close))?.[0] ?? (comment ? undefined : '}}');
      if (end === undefined) throw this.#error(open, 'comment ends before closing delimiter');
      trim = /\s-\}\}$/.test(this.#source.slice(from, close + end.length));
      if (!comment) pieces.push({ tokens: this.#tokens(from, trim ? close - 2 : close), at: open });
      at = close + end.length;
    }
  }

  /** Where the action that starts here ends; quotes may hold braces. */
  #endOf(from: number): number {
    const rest = this.#source.slice(from);
    const match = /^(?:[^"`}]|"(?:[^"\\\n]|\\.)*"|`[^`]*`|\}(?!\}))*?\}\}/.exec(rest);
    if (match === null) throw this.#error(from, rest.includes('}}') ? 'unterminated quoted string' : 'unclosed action');
    return from + match[0].length - 2;
  }

  #tokens(from: number, to: number): Token[] {
    const tokens: Token[] = [];
    TOKEN.lastIndex = from;
    while (TOKEN.lastIndex < to) {
      const at = TOKEN.lastIndex;
      const text = TOKEN.exec(this.#source)?.[0];
      if (text === undefined) {
        const sign = String.fromCodePoint(this.#source.codePointAt(at) ?? 0);
        throw this.#error(at, `unexpected ${JSON.stringify(sign)} in command`);
      }
      if (text.trim() !== '') tokens.push({ text, at });
    }
    return tokens;
  }

  #place({ at, text }: Token): Place {
    const before = this.#source.slice(0, at).split('\n');
    return { line: before.length, column: Buffer.byteLength(before.at(-1) ?? ''), source: text };
  }

  #error(at: number, message: string): TemplateError {
    return new TemplateError(`template: ${this.#name}:${this.#source.slice(0, at).split('\n').length}: ${message}`);
  }
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
