/** ValidatingAdmissionPolicies and their bindings, read once from their stored objects. Source: admissionregistration.k8s.io/v1. */
import type { KubeObject } from '../../../api/object.ts';
import { isObject, type JsonObject } from '../json.ts';
import { concernOf, objects, rulesIn, text, texts, type Concern } from './hook.ts';

export interface PolicyConcern extends Concern {
  readonly excluded: Concern['rules'];
}

export interface Validation {
  readonly expression: string;
  readonly message: string;
  readonly messageExpression: string;
  readonly reason: string;
}

export interface ParamReference {
  readonly name: string;
  readonly namespace: string;
  readonly selector: JsonObject | undefined;
  /** `parameterNotFoundAction: Deny`: otherwise nothing is checked without a parameter. */
  readonly isRequired: boolean;
}

export interface Binding {
  readonly name: string;
  readonly policyName: string;
  readonly concern: PolicyConcern;
  readonly actions: readonly string[];
  readonly param: ParamReference | undefined;
}

export interface Policy {
  readonly name: string;
  readonly concern: PolicyConcern;
  readonly failsOpen: boolean;
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly Validation[];
  readonly paramKind: { readonly apiVersion: string; readonly kind: string } | undefined;
  readonly bindings: readonly Binding[];
}

type Specified = KubeObject & { readonly spec?: unknown };

export function bindingOf(object: Specified): Binding {
  const spec = fields(object.spec);
  return {
    name: object.metadata.name,
    policyName: text(spec.policyName),
    concern: policyConcern(spec.matchResources),
    actions: texts(spec.validationActions),
    param: isObject(spec.paramRef) ? paramOf(spec.paramRef) : undefined,
  };
}

export function policyOf(object: Specified, bindings: readonly Binding[]): Policy {
  const spec = fields(object.spec);
  const { name } = object.metadata;
  const expressions = (list: unknown) =>
    objects(list).map((one) => ({ name: text(one.name), expression: text(one.expression) }));
  return {
    name,
    concern: policyConcern(spec.matchConstraints),
    failsOpen: spec.failurePolicy === 'Ignore',
    matchConditions: expressions(spec.matchConditions),
    variables: expressions(spec.variables),
    validations: objects(spec.validations).map((one) => ({
      expression: text(one.expression),
      message: text(one.message),
      messageExpression: text(one.messageExpression),
      reason: text(one.reason),
    })),
    paramKind: isObject(spec.paramKind)
      ? { apiVersion: text(spec.paramKind.apiVersion), kind: text(spec.paramKind.kind) }
      : undefined,
    bindings: bindings.filter(({ policyName }) => policyName === name),
  };
}

/** Without rules everything is meant: a binding need not repeat those of its policy. */
function policyConcern(value: unknown): PolicyConcern {
  const resources = fields(value);
  const given = concernOf(resources, resources.resourceRules);
  return { ...given, excluded: rulesIn(resources.excludeResourceRules) };
}

function paramOf(reference: JsonObject): ParamReference {
  return {
    name: text(reference.name),
    namespace: text(reference.namespace),
    selector: isObject(reference.selector) ? reference.selector : undefined,
    isRequired: reference.parameterNotFoundAction !== 'Allow',
  };
}

function fields(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
