/**
 * `x-kubernetes-validations`: CEL rules of a structural schema, transition rules with `oldSelf` among them.
 * The CEL library is loaded only when a schema has rules. Source: "Validation rules" in Kubernetes' CRD docs.
 */
import { ApiError, failure } from '../../../kube/errors.ts';
import type { CelEngine, CelProgram } from './cel.ts';
import { celValue } from './cel-value.ts';
import { invalid, required, type FieldProblem, type ProblemType } from './problems.ts';
import { type Schema, type ValidationRule, propertyOf } from './schema.ts';
import { messageOf } from '../../../kube/message.ts';

export interface RuleSet {
  /** Resolves once rules can be checked; rejects when the CEL library cannot be loaded. */
  readonly ready: Promise<void>;
  /**
   * @param old the object before an update; undefined on create
   * @throws ApiError 503 before `ready`
   */
  check(value: unknown, old: unknown, problems: FieldProblem[]): void;
  /**
   * Problems of the rules themselves: what does not parse, under the path of the schema.
   * @throws ApiError 503 before `ready`
   */
  compile(path: string): FieldProblem[];
}

/** A part of the schema that holds rules, or leads to one. */
interface RuleNode {
  readonly schema: Schema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly rest: RuleNode | undefined;
  readonly items: RuleNode | undefined;
}

interface CompiledRule {
  readonly source: ValidationRule;
  readonly transition: boolean;
  program?: CelProgram;
  message?: CelProgram;
}

let loading: Promise<CelEngine> | undefined;
/** One for all schemas, once it is loaded. */
let engine: CelEngine | undefined;

function loadEngine(): Promise<CelEngine> {
  loading ??= import('./cel.ts').then((module) => (engine = module.celEngine()));
  return loading;
}

/** @returns undefined when the schema has no rules */
export function ruleSetOf(schema: Schema): RuleSet | undefined {
  const root = ruleNode(schema);
  if (root === undefined) return undefined;
  const ready = loadEngine().then(() => undefined);
  // Whoever needs the rules learns of a failure from `ready` or from `check`.
  ready.catch(() => undefined);
  const need = (): CelEngine => {
    if (engine !== undefined) return engine;
    const message = 'the engine of validation rules is still being loaded';
    throw new ApiError(failure(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 }));
  };
  return {
    ready,
    check: (value, old, problems) => checkNode(root, value, old, '', true, need(), problems),
    compile: (path) => compileAll(root, path, need()),
  };
}

function ruleNode(schema: Schema): RuleNode | undefined {
  const rules = (schema['x-kubernetes-validations'] ?? []).map((source): CompiledRule => ({
    source,
    transition: /\boldSelf\b/.test(source.rule),
  }));
  const properties = new Map<string, RuleNode>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const node = ruleNode(property);
    if (node !== undefined) properties.set(name, node);
  }
  const rest = typeof schema.additionalProperties === 'object' ? ruleNode(schema.additionalProperties) : undefined;
  const items = schema.items === undefined ? undefined : ruleNode(schema.items);
  if (rules.length === 0 && properties.size === 0 && rest === undefined && items === undefined) return undefined;
  return { schema, rules, properties, rest, items };
}

function checkNode(
  node: RuleNode,
  value: unknown,
  old: unknown,
  path: string,
  root: boolean,
  engine: CelEngine,
  problems: FieldProblem[],
): void {
  if (value === undefined || value === null) return;
  if (node.rules.length > 0) {
    const variables: Record<string, unknown> = { self: celValue(value, node.schema, root) };
    if (old !== undefined && old !== null) variables.oldSelf = celValue(old, node.schema, root);
    for (const rule of node.rules) checkRule(rule, variables, node.schema, path, engine, problems);
  }
  if (Array.isArray(value)) {
    const { items } = node;
    if (items === undefined) return;
    const before = correlateItems(old, node.schema);
    value.forEach((item: unknown, index) =>
      checkNode(items, item, before(item), `${path}[${index}]`, false, engine, problems),
    );
    return;
  }
  if (typeof value !== 'object') return;
  const oldFields = typeof old === 'object' && old !== null ? (old as Record<string, unknown>) : {};
  for (const [key, item] of Object.entries(value)) {
    const named = propertyOf(node.schema, key) !== undefined;
    const child = named ? node.properties.get(key) : node.rest;
    if (child === undefined) continue;
    const field = named ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`;
    const was = Object.hasOwn(oldFields, key) ? oldFields[key] : undefined;
    checkNode(child, item, was, field, false, engine, problems);
  }
}

/** Finds an item's former self: only lists whose items have keys can tell. */
function correlateItems(old: unknown, schema: Schema): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return () => undefined;
  const identity = (item: unknown): string =>
    JSON.stringify(keys.map((key) => (item as Record<string, unknown> | null)?.[key] ?? null));
  const byKey = new Map(old.map((item: unknown) => [identity(item), item]));
  return (item) => byKey.get(identity(item));
}

const REASONS: Readonly<Record<string, ProblemType>> = {
  FieldValueInvalid: 'FieldValueInvalid',
  FieldValueForbidden: 'FieldValueForbidden',
  FieldValueRequired: 'FieldValueRequired',
  FieldValueDuplicate: 'FieldValueDuplicate',
};

function checkRule(
  rule: CompiledRule,
  variables: Readonly<Record<string, unknown>>,
  schema: Schema,
  path: string,
  engine: CelEngine,
  problems: FieldProblem[],
): void {
  const { source } = rule;
  if (rule.transition && variables.oldSelf === undefined && source.optionalOldSelf !== true) return;
  const given =
    source.optionalOldSelf === true ? { ...variables, oldSelf: engine.optional(variables.oldSelf) } : variables;
  const badValue = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : (schema.type ?? 'object');
  const type = REASONS[source.reason ?? ''] ?? 'FieldValueInvalid';
  const field = `${path}${source.fieldPath ?? ''}`.replace(/^\./, '');
  try {
    rule.program ??= engine.compile(source.rule);
    if (rule.program(given) === true) return;
  } catch (error) {
    const detail = `${firstLine(error)} evaluating rule: ${source.message ?? source.rule}`;
    problems.push({ type: 'FieldValueInvalid', field: path, detail, badValue });
    return;
  }
  problems.push({ type, field, detail: ruleMessage(rule, given, engine), badValue });
}

function ruleMessage(rule: CompiledRule, variables: Readonly<Record<string, unknown>>, engine: CelEngine): string {
  const { source } = rule;
  if (source.messageExpression !== undefined) {
    try {
      rule.message ??= engine.compile(source.messageExpression);
      const text = rule.message(variables);
      if (typeof text === 'string' && text.trim() !== '' && !text.includes('\n')) return text;
    } catch {
      // Kubernetes falls back to the plain message, too.
    }
  }
  return source.message ?? `failed rule: ${source.rule.trim()}`;
}

function compileAll(node: RuleNode, path: string, engine: CelEngine): FieldProblem[] {
  const problems: FieldProblem[] = [];
  node.rules.forEach((rule, index) => {
    const at = `${path}.x-kubernetes-validations[${index}].rule`;
    if (rule.source.rule.trim() === '') problems.push(required(at, 'rule is not specified'));
    try {
      rule.program ??= engine.compile(rule.source.rule);
    } catch (error) {
      problems.push(invalid(at, rule.source.rule, `compilation failed: ${firstLine(error)}`));
    }
  });
  for (const [name, child] of node.properties)
    problems.push(...compileAll(child, `${path}.properties[${name}]`, engine));
  if (node.rest !== undefined) problems.push(...compileAll(node.rest, `${path}.additionalProperties`, engine));
  if (node.items !== undefined) problems.push(...compileAll(node.items, `${path}.items`, engine));
  return problems;
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? '';
}
