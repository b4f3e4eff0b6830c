/**
 * Tokens to an expression, by recursive descent. From loosest to tightest: AND OR XOR (to the right), comparison,
 * + -, * / %, LIKE and IN, NOT and -, EXISTS, function, literal. Source: CESQLParser.g4 of the specification.
 */
import { CesqlError, type Arithmetic, type Comparison, type Expression, type Logic } from './ast.ts';
import { tokenize, type Token } from './lexer.ts';

/** Deeper nesting than anyone writes, well below what would exhaust the stack. */
const DEEPEST = 200;
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** @throws CesqlError `parse` that says where */
export function parseCesql(expression: string): Expression {
  return new Parser(tokenize(expression)).parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    const expression = this.#logic();
    if (this.#peek().kind !== 'end') throw this.#unexpected('the end');
    return expression;
  }

  #logic(): Expression {
    return this.#nested(() => {
      const left = this.#comparison();
      const { text } = this.#peek();
      if (!this.#isWord('AND', 'OR', 'XOR')) return left;
      this.#next++;
      return { kind: 'logic', operator: text as Logic, left, right: this.#logic() };
    });
  }

  #comparison(): Expression {
    let left = this.#additive();
    for (;;) {
      const token = this.#peek();
      const operator = token.kind === 'symbol' ? COMPARISONS[token.text] : undefined;
      if (operator === undefined) return left;
      this.#next++;
      left = { kind: 'compare', operator, left, right: this.#additive() };
    }
  }

  #additive(): Expression {
    let left = this.#multiplicative();
    while (this.#isSymbol('+', '-')) {
      const operator = this.#take().text as Arithmetic;
      left = { kind: 'math', operator, left, right: this.#multiplicative() };
    }
    return left;
  }

  #multiplicative(): Expression {
    let left = this.#postfix();
    while (this.#isSymbol('*', '/', '%')) {
      const operator = this.#take().text as Arithmetic;
      left = { kind: 'math', operator, left, right: this.#postfix() };
    }
    return left;
  }

  #postfix(): Expression {
    let operand = this.#unary();
    for (;;) {
      const negated = this.#isWord('NOT');
      const word = this.#tokens[this.#next + (negated ? 1 : 0)];
      if (word?.kind !== 'word' || (word.text !== 'LIKE' && word.text !== 'IN')) return operand;
      this.#next += negated ? 2 : 1;
      if (word.text === 'IN') operand = { kind: 'in', operand, set: this.#list(1), negated };
      else {
        if (this.#peek().kind !== 'string') throw this.#unexpected('a string literal behind LIKE');
        operand = { kind: 'like', operand, pattern: this.#take().text, negated };
      }
    }
  }

  #unary(): Expression {
    return this.#nested(() => {
      if (this.#isWord('NOT')) {
        this.#next++;
        return { kind: 'not', operand: this.#unary() };
      }
      if (!this.#isSymbol('-', '+')) return this.#primary();
      const sign = this.#take();
      const number = this.#peek();
      if (number.kind === 'integer' && number.at === sign.end) {
        this.#next++;
        return { kind: 'literal', value: this.#integer(sign.text + number.text) };
      }
      if (sign.text === '+') throw this.#unexpected('a number behind +');
      return { kind: 'negate', operand: this.#unary() };
    });
  }

  #primary(): Expression {
    const token = this.#take();
    switch (token.kind) {
      case 'string':
        return { kind: 'literal', value: token.text };
      case 'integer':
        return { kind: 'literal', value: this.#integer(token.text) };
      case 'word':
        return this.#word(token);
      case 'symbol': {
        if (token.text !== '(') break;
        const inner = this.#logic();
        this.#expect(')');
        return inner;
      }
      case 'end':
        break;
    }
    this.#next--;
    throw this.#unexpected('an expression');
  }

  #word(token: Token): Expression {
    if (token.text === 'TRUE' || token.text === 'FALSE') return { kind: 'literal', value: token.text === 'TRUE' };
    if (token.text === 'EXISTS') return { kind: 'exists', name: this.#attribute(this.#take()) };
    if (!this.#isSymbol('(')) return { kind: 'attribute', name: this.#attribute(token) };
    if (!/^[A-Za-z][A-Za-z_]*$/.test(token.text))
      throw new CesqlError('parse', `"${token.text}" cannot name a function`);
    return { kind: 'call', name: token.text.toUpperCase(), args: this.#list(0) };
  }

  #attribute(token: Token): string {
    const keyword = ['AND', 'OR', 'XOR', 'NOT', 'LIKE', 'EXISTS', 'IN', 'TRUE', 'FALSE'].includes(token.text);
    if ((token.kind !== 'word' && token.kind !== 'integer') || keyword || token.text.includes('_')) {
      this.#next--;
      throw this.#unexpected('the name of an attribute');
    }
    return token.text.toLowerCase();
  }

  #list(least: number): Expression[] {
    this.#expect('(');
    const items: Expression[] = [];
    if (least === 0 && this.#isSymbol(')')) {
      this.#next++;
      return items;
    }
    for (;;) {
      items.push(this.#logic());
      if (!this.#isSymbol(',')) break;
      this.#next++;
    }
    this.#expect(')');
    return items;
  }

  #integer(text: string): number {
    const value = Number(text);
    if (value < -(2 ** 31) || value > 2 ** 31 - 1) throw new CesqlError('parse', `${text} does not fit into 32 bits`);
    return value;
  }

  #nested(parse: () => Expression): Expression {
    if (++this.#depth > DEEPEST) throw new CesqlError('parse', `the expression is nested deeper than ${DEEPEST}`);
    const expression = parse();
    this.#depth--;
    return expression;
  }

  #peek(): Token {
    const token = this.#tokens[this.#next] ?? this.#tokens[this.#tokens.length - 1];
    if (token === undefined) throw new CesqlError('parse', 'the expression is empty');
    return token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #isWord(...words: string[]): boolean {
    const token = this.#peek();
    return token.kind === 'word' && words.includes(token.text);
  }

  #isSymbol(...symbols: string[]): boolean {
    const token = this.#peek();
    return token.kind === 'symbol' && symbols.includes(token.text);
  }

  #expect(symbol: string): void {
    if (!this.#isSymbol(symbol)) throw this.#unexpected(`"${symbol}"`);
    this.#next++;
  }

  #unexpected(wanted: string): CesqlError {
    const token = this.#peek();
    const found = token.kind === 'end' ? 'the end' : JSON.stringify(token.text);
    return new CesqlError('parse', `expected ${wanted} at position ${token.at}, found ${found}`);
  }
}
