/** Text to tokens. Keywords are case-insensitive, strings keep their case. */
import { CesqlError } from './ast.ts';

export interface Token {
  readonly kind: 'word' | 'integer' | 'string' | 'symbol' | 'end';
  /** A keyword in upper case, another word, digits or a symbol as written, a string's content. */
  readonly text: string;
  readonly at: number;
  /** Index behind the token: a sign belongs to a number that follows it at once. */
  readonly end: number;
}

const TOKEN = /[ \t\r\n]+|[A-Za-z0-9_]+|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|<=|>=|<>|!=|[(),*/%+\-=<>]/sy;
const KEYWORDS = new Set(['AND', 'OR', 'XOR', 'NOT', 'LIKE', 'EXISTS', 'IN', 'TRUE', 'FALSE']);

/** @throws CesqlError `parse` */
export function tokenize(expression: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < expression.length) {
    TOKEN.lastIndex = at;
    const text = TOKEN.exec(expression)?.[0];
    if (text === undefined)
      throw new CesqlError('parse', `unexpected ${JSON.stringify(expression[at])} at position ${at}`);
    const end = at + text.length;
    if (!/^\s/.test(text)) tokens.push({ ...classify(text), at, end });
    at = end;
  }
  tokens.push({ kind: 'end', text: '', at, end: at });
  return tokens;
}

function classify(text: string): Pick<Token, 'kind' | 'text'> {
  const first = text.charAt(0);
  if (first === "'" || first === '"') return { kind: 'string', text: unquote(text, first) };
  if (/^\d+$/.test(text)) return { kind: 'integer', text };
  if (!/\w/.test(first)) return { kind: 'symbol', text };
  const upper = text.toUpperCase();
  return { kind: 'word', text: KEYWORDS.has(upper) ? upper : text };
}

/** Only the delimiter is unescaped: other backslashes are LIKE's. */
function unquote(text: string, quote: string): string {
  return text.slice(1, -1).replaceAll(`\\${quote}`, quote);
}
