/**
 * Go templates as far as names, hosts and log lines are written in them: text, `{{.Field.key}}`, pipelines of functions
 * (`index`, `eq`, `and`, `printf` and their like), `if`, `with`, `else`, comments, and `-` that trims blanks. What is
 * missing in a map prints `<no value>`, or nothing by `index`. Source: Go text/template (behaviour and texts of errors).
 */
import { TemplateError } from './error.ts';
import { FUNCTIONS } from './functions.ts';
import { HttpHeader } from './http-header.ts';
import { parseTemplate, type Expression, type Node } from './parse.ts';
import { messageOf } from '../message.ts';

export interface GoTemplate {
  readonly source: string;
  /** @throws TemplateError when a field does not exist or a function cannot take its arguments */
  render(data: Readonly<Record<string, unknown>>): string;
}

export interface GoTemplateOptions {
  /** Of the template, for its errors. */
  readonly name: string;
  /** What its data is called there. */
  readonly type?: string;
}

/** @throws TemplateError when it does not parse */
export function compileGoTemplate(source: string, { name, type = 'struct' }: GoTemplateOptions): GoTemplate {
  const nodes = parseTemplate(name, source);
  return { source, render: (data) => renderAll(nodes, data, { name, type, root: data }) };
}

interface Context {
  readonly name: string;
  readonly type: string;
  readonly root: Readonly<Record<string, unknown>>;
}

function renderAll(nodes: readonly Node[], dot: unknown, context: Context): string {
  return nodes.map((node) => render(node, dot, context)).join('');
}

function render(node: Node, dot: unknown, context: Context): string {
  switch (node.type) {
    case 'text':
      return node.text;
    case 'value':
      return print(evaluate(node.pipeline, dot, context));
    case 'if':
    case 'with': {
      const value = evaluate(node.pipeline, dot, context);
      if (!isTruthy(value)) return renderAll(node.otherwise, dot, context);
      return renderAll(node.then, node.type === 'with' ? value : dot, context);
    }
  }
}

function evaluate(expression: Expression, dot: unknown, context: Context): unknown {
  switch (expression.type) {
    case 'literal':
      return expression.value;
    case 'field':
      return fieldOf(expression, expression.root ? context.root : dot, context);
    case 'method':
      return called(expression, dot, context);
    case 'call': {
      const args = expression.args.map((arg) => evaluate(arg, dot, context));
      try {
        return FUNCTIONS[expression.name]?.(...args);
      } catch (error) {
        throw failure(expression, context, messageOf(error));
      }
    }
  }
}

function called(expression: Extract<Expression, { type: 'method' }>, dot: unknown, context: Context): unknown {
  const { of, args } = expression;
  const value = fieldOf({ ...of, path: of.path.slice(0, -1) }, of.root ? context.root : dot, context);
  const method = of.path.at(-1);
  const [name] = args.map((arg) => evaluate(arg, dot, context));
  if (value instanceof HttpHeader && method === 'Get' && args.length === 1 && typeof name === 'string')
    return value.first(name);
  throw failure(expression, context, `${method} has arguments but cannot be invoked as function`);
}

/** The data's own fields must exist; entries of the maps in it need not. */
function fieldOf(expression: Extract<Expression, { type: 'field' }>, from: unknown, context: Context): unknown {
  let value = from;
  for (const [depth, key] of expression.path.entries()) {
    const isMap = typeof value === 'object' && value !== null;
    const found = isMap && Object.hasOwn(value as object, key);
    const at = { ...expression.at, column: expression.at.column + stepsBefore(expression, depth) };
    if (!found && value === context.root && depth === 0)
      throw failure({ ...expression, at }, context, `can't evaluate field ${key} in type ${context.type}`);
    if (!isMap && value !== undefined)
      throw failure({ ...expression, at }, context, `can't evaluate field ${key} in type ${typeof value}`);
    value = found ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

/** How far into a chain such as `.Labels.team` a step stands. */
function stepsBefore({ path, root }: Extract<Expression, { type: 'field' }>, depth: number): number {
  return path.slice(0, depth).reduce((sum, key) => sum + key.length + 1, root ? 1 : 0);
}

function failure(expression: Expression, { name }: Context, why: string): TemplateError {
  const { line, column, source } = expression.at;
  return new TemplateError(
    `template: ${name}:${line}:${column}: executing ${JSON.stringify(name)} at <${source}>: ${why}`,
  );
}

function isTruthy(value: unknown): boolean {
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== '' && value !== 0;
}

function print(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (typeof value === 'number') return decimal(value);
  if (Array.isArray(value)) return `[${value.map(print).join(' ')}]`;
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .map(([k, v]) => `${k}:${print(v)}`)
      .join(' ')}]`;
  return String(value as string | number | boolean);
}

/** Go prints a fraction with an exponent below 1e-4. */
function decimal(value: number): string {
  const isSmall = value !== 0 && Math.abs(value) < 1e-4;
  return (isSmall ? value.toExponential() : String(value)).replace(/e([+-])(\d)$/, 'e$10$2');
}
