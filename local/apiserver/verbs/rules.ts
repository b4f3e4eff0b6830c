/** What a kind's schema has to say, built-in or custom: unknown fields, defaults, problems, shape. */
import type { CustomResourceDefinition } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { ApiError, failure } from '../../../kube/errors.ts';
import { builtinDefaults, builtinShape, pruneBuiltin, unknownFields, validateBuiltin } from '../builtin/kinds.ts';
import type { KindInfo } from '../registry.ts';
import { shapeOf, type Shape } from '../patch/shape.ts';
import { defaultCrd, validateCrd } from '../schema/crd.ts';
import { validateObjectMeta } from '../schema/object-meta.ts';
import type { FieldProblem } from '../schema/problems.ts';
import type { Call } from './call.ts';

/**
 * The object without fields its kind does not have.
 * @throws ApiError 400 when the call asked for strict validation and there are some
 */
export function withoutUnknownFields(
  call: Pick<Call, 'fieldValidation' | 'warnings'>,
  info: KindInfo,
  object: KubeObject,
): KubeObject {
  const { fieldValidation } = call;
  if (info.custom !== undefined) {
    const { structural } = info.custom;
    if (structural === undefined) return object;
    const pruned = structural.prune(object);
    if (pruned.unknown.length > 0) report(call, info, pruned.unknown);
    return pruned.object;
  }
  if (fieldValidation !== 'Ignore') {
    const unknown = unknownFields(info.group, info.version, info.kind, object);
    if (unknown.length > 0) report(call, info, unknown);
  }
  return pruneBuiltin(info.group, info.version, info.kind, object);
}

function report(call: Pick<Call, 'fieldValidation' | 'warnings'>, info: KindInfo, unknown: readonly string[]): void {
  const texts = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (call.fieldValidation === 'Warn') call.warnings.push(...texts);
  if (call.fieldValidation !== 'Strict') return;
  const problem = `strict decoding error: ${texts.join(', ')}`;
  const message =
    info.custom === undefined
      ? `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: ${problem}`
      : problem;
  throw new ApiError(failure(400, 'BadRequest', message));
}

export function withDefaults(info: KindInfo, object: KubeObject): KubeObject {
  if (isDefinition(info)) return defaultCrd(object as CustomResourceDefinition);
  if (info.custom !== undefined) return info.custom.structural?.defaults(object) ?? object;
  return builtinDefaults(info.group, info.version, info.kind, object);
}

/** Problems of metadata and of the rest. */
export function problemsOf(info: KindInfo, object: KubeObject, old: KubeObject | undefined): FieldProblem[] {
  const problems = validateObjectMeta(info, object.metadata, 'metadata', old?.metadata);
  return [...problems, ...schemaProblems(info, object, old)];
}

function schemaProblems(info: KindInfo, object: KubeObject, old: KubeObject | undefined): FieldProblem[] {
  if (isDefinition(info))
    return validateCrd(object as CustomResourceDefinition, old as CustomResourceDefinition | undefined);
  if (info.custom !== undefined) return info.custom.structural?.validate(object, old) ?? [];
  return validateBuiltin(info.group, info.kind, object, old);
}

const customShapes = new WeakMap<object, Shape>();

export function shapeFor(info: KindInfo): Shape {
  if (info.custom === undefined) return builtinShape(info.group, info.version, info.kind);
  let shape = customShapes.get(info.custom);
  if (shape === undefined)
    customShapes.set(info.custom, (shape = shapeOf(info.custom.schema, info.subresources.includes('status'))));
  return shape;
}

export function isDefinition(info: Pick<KindInfo, 'group' | 'plural'>): boolean {
  return info.group === 'apiextensions.k8s.io' && info.plural === 'customresourcedefinitions';
}
