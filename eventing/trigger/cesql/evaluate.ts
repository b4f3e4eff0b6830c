/**
 * Evaluates an expression over an event's attributes, failing fast: the first error ends it, and every operator around
 * it results in the zero value of its type. Source: CloudEvents Expression Language 1.0, sections 3 and 4.1.
 */
import type { EventAttributes } from '../attributes.ts';
import {
  CesqlError,
  type Arithmetic,
  type CesqlType,
  type CesqlValue,
  type Comparison,
  type Expression,
} from './ast.ts';
import { castTo, toBoolean, toInteger, toText, typeOf, type Cast } from './cast.ts';
import { findFunction } from './functions.ts';
import { compileLike } from './like.ts';

export type Evaluation = Cast;

/** Evaluates against one event. Never throws. */
export type Evaluator = (attributes: EventAttributes) => Evaluation;

const ZERO: Readonly<Record<CesqlType, CesqlValue>> = { String: '', Integer: 0, Boolean: false };

/** Turns an expression into a function once, so that events pay for no parsing. */
export function compileCesql(expression: Expression): Evaluator {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => ({ value });
    }
    case 'attribute':
      return (attributes) => attribute(attributes, expression.name);
    case 'exists':
      return (attributes) => ({ value: Object.hasOwn(attributes, expression.name) });
    case 'not':
      return unary(expression.operand, 'Boolean', negation);
    case 'negate':
      return unary(expression.operand, 'Integer', (x) => {
        const { value, error } = toInteger(x);
        return error === undefined ? within(-value) : { value: 0, error };
      });
    case 'like': {
      const like = compileLike(expression.pattern);
      return unary(expression.operand, 'Boolean', (x) => ({ value: like(toText(x).value) !== expression.negated }));
    }
    case 'in':
      return membership(expression.operand, expression.set, expression.negated);
    case 'compare':
      return binary(expression.left, expression.right, 'Boolean', (x, y) => compare(expression.operator, x, y));
    case 'math':
      return binary(expression.left, expression.right, 'Integer', (x, y) => calculate(expression.operator, x, y));
    case 'logic':
      return logic(expression.operator, compileCesql(expression.left), compileCesql(expression.right));
    case 'call':
      return call(expression.name, expression.args.map(compileCesql));
  }
}

function attribute(attributes: EventAttributes, name: string): Evaluation {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (value !== undefined) return { value };
  return { value: false, error: new CesqlError('missingAttribute', `the event has no attribute "${name}"`) };
}

function unary(operand: Expression, returns: CesqlType, apply: (x: CesqlValue) => Evaluation): Evaluator {
  const evaluate = compileCesql(operand);
  return (attributes) => {
    const { value, error } = evaluate(attributes);
    return error === undefined ? apply(value) : { value: ZERO[returns], error };
  };
}

function binary(
  left: Expression,
  right: Expression,
  returns: CesqlType,
  apply: (x: CesqlValue, y: CesqlValue) => Evaluation,
): Evaluator {
  const [first, second] = [compileCesql(left), compileCesql(right)];
  return (attributes) => {
    const x = first(attributes);
    if (x.error !== undefined) return { value: ZERO[returns], error: x.error };
    const y = second(attributes);
    if (y.error !== undefined) return { value: ZERO[returns], error: y.error };
    return apply(x.value, y.value);
  };
}

/** The specification's tests want an integer refused here, though it can be cast to a boolean elsewhere. */
function negation(x: CesqlValue): Evaluation {
  if (typeof x === 'number')
    return { value: true, error: new CesqlError('cast', `NOT ${x}: an integer is no boolean`) };
  const { value, error } = toBoolean(x);
  return { value: !value, error };
}

function membership(operand: Expression, set: readonly Expression[], negated: boolean): Evaluator {
  const left = compileCesql(operand);
  const elements = set.map(compileCesql);
  return (attributes) => {
    const x = left(attributes);
    if (x.error !== undefined) return { value: false, error: x.error };
    const type = typeOf(x.value);
    let found = false;
    for (const element of elements) {
      const y = element(attributes);
      if (y.error !== undefined) return { value: false, error: y.error };
      const { value, error } = castTo(type, y.value);
      if (error !== undefined) return { value: false, error };
      if (value === x.value) found = true;
    }
    return { value: found !== negated };
  };
}

/** Equality takes the right operand's type, order is one of integers. */
function compare(operator: Comparison, left: CesqlValue, right: CesqlValue): Evaluation {
  if (operator === '=' || operator === '!=') {
    const x = castTo(typeOf(right), left);
    if (x.error !== undefined) return { value: false, error: x.error };
    return { value: (x.value === right) === (operator === '=') };
  }
  const x = toInteger(left);
  const y = toInteger(right);
  const error = x.error ?? y.error;
  if (error !== undefined) return { value: false, error };
  switch (operator) {
    case '<':
      return { value: x.value < y.value };
    case '<=':
      return { value: x.value <= y.value };
    case '>':
      return { value: x.value > y.value };
    case '>=':
      return { value: x.value >= y.value };
  }
}

function calculate(operator: Arithmetic, left: CesqlValue, right: CesqlValue): Evaluation {
  const x = toInteger(left);
  const y = toInteger(right);
  const error = x.error ?? y.error;
  if (error !== undefined) return { value: 0, error };
  switch (operator) {
    case '+':
      return within(x.value + y.value);
    case '-':
      return within(x.value - y.value);
    case '*':
      return within(x.value * y.value);
    case '/':
      return y.value === 0 ? byZero(x.value, '/') : within(Math.trunc(x.value / y.value));
    case '%':
      return y.value === 0 ? byZero(x.value, '%') : within(x.value % y.value);
  }
}

function byZero(x: number, operator: string): Evaluation {
  return { value: 0, error: new CesqlError('math', `${x} ${operator} 0`) };
}

/** An integer, or the zero value and an error when it exceeds 32 bits. Never minus zero. */
function within(value: number): Evaluation {
  if (value >= -(2 ** 31) && value <= 2 ** 31 - 1) return { value: value + 0 === 0 ? 0 : value };
  return { value: 0, error: new CesqlError('math', `${value} exceeds 32 bits`) };
}

function logic(operator: 'AND' | 'OR' | 'XOR', left: Evaluator, right: Evaluator): Evaluator {
  const operand = (evaluate: Evaluator, attributes: EventAttributes): Cast<boolean> => {
    const { value, error } = evaluate(attributes);
    return error === undefined ? toBoolean(value) : { value: false, error };
  };
  return (attributes) => {
    const x = operand(left, attributes);
    if (x.error !== undefined) return { value: false, error: x.error };
    if (operator === 'AND' && !x.value) return { value: false };
    if (operator === 'OR' && x.value) return { value: true };
    const y = operand(right, attributes);
    if (y.error !== undefined) return { value: false, error: y.error };
    return { value: operator === 'XOR' ? x.value !== y.value : y.value };
  };
}

function call(name: string, args: readonly Evaluator[]): Evaluator {
  const found = findFunction(name, args.length);
  if (found === undefined) {
    const error = new CesqlError('missingFunction', `there is no function ${name} of ${args.length} arguments`);
    return () => ({ value: false, error });
  }
  const { parameters, rest, returns, run } = found;
  return (attributes) => {
    const values: CesqlValue[] = [];
    for (const [i, evaluate] of args.entries()) {
      const given = evaluate(attributes);
      if (given.error !== undefined) return { value: ZERO[returns], error: given.error };
      const type = i < parameters.length ? parameters[i] : rest;
      const { value, error } = type === undefined ? given : castTo(type, given.value);
      if (error !== undefined) return { value: ZERO[returns], error };
      values.push(value);
    }
    return run(values);
  };
}
