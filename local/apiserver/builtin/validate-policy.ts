/** Validation of ValidatingAdmissionPolicies and their bindings. Source: admissionregistration.k8s.io/v1. */
import { dns1123Subdomain, pathSegment } from '../schema/names.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldProblem } from '../schema/problems.ts';
import { checkName, fieldAt, itemsAt, textAt } from './check.ts';
import { fieldsOf, type Fields } from './fill.ts';
import {
  checkConditions,
  checkExpression,
  checkOptional,
  checkRule,
  checkSelector,
  textsAt,
  type Check,
} from './validate-webhook.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];
const NOTHING_TO_DO = 'validations or auditAnnotations must contain at least one item';
const TWICE =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';

export function validatePolicy(object: Fields): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const spec = fieldAt(object, 'spec');
  checkOptional(spec, 'failurePolicy', ['Fail', 'Ignore'], 'spec', problems);
  const paramKind = fieldsOf(spec.paramKind);
  if (paramKind !== undefined)
    for (const key of ['apiVersion', 'kind'])
      if (textAt(paramKind, key) === '') problems.push(required(`spec.paramKind.${key}`));
  const constraints = fieldsOf(spec.matchConstraints);
  if (constraints === undefined) problems.push(required('spec.matchConstraints'));
  else {
    checkMatchResources(constraints, 'spec.matchConstraints', problems);
    if (itemsAt(constraints, 'resourceRules').length === 0)
      problems.push(required('spec.matchConstraints.resourceRules'));
  }
  checkConditions(itemsAt(spec, 'matchConditions'), 'spec.matchConditions', problems);
  itemsAt(spec, 'variables').forEach((variable, index) =>
    checkVariable(variable, `spec.variables[${index}]`, problems),
  );
  const validations = itemsAt(spec, 'validations');
  if (validations.length === 0 && itemsAt(spec, 'auditAnnotations').length === 0)
    problems.push(required('spec.validations', NOTHING_TO_DO), required('spec.auditAnnotations', NOTHING_TO_DO));
  validations.forEach((validation, index) => checkValidation(validation, `spec.validations[${index}]`, problems));
  return problems;
}

export function validatePolicyBinding(object: Fields): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const spec = fieldAt(object, 'spec');
  const policyName = textAt(spec, 'policyName');
  if (policyName === '') problems.push(required('spec.policyName'));
  else checkName(dns1123Subdomain, policyName, 'spec.policyName', problems);
  const param = fieldsOf(spec.paramRef);
  if (param !== undefined) checkParam(param, 'spec.paramRef', problems);
  checkMatchResources(fieldAt(spec, 'matchResources'), 'spec.matchResources', problems);
  checkActions(textsAt(spec, 'validationActions'), 'spec.validationActions', problems);
  return problems;
}

const checkMatchResources: Check = (resources, path, problems) => {
  checkOptional(resources, 'matchPolicy', ['Equivalent', 'Exact'], path, problems);
  for (const key of ['namespaceSelector', 'objectSelector'])
    checkSelector(fieldAt(resources, key), `${path}.${key}`, problems);
  for (const key of ['resourceRules', 'excludeResourceRules'])
    itemsAt(resources, key).forEach((rule, index) => {
      const at = `${path}.${key}[${index}]`;
      checkRule(rule, at, problems);
      const names = textsAt(rule, 'resourceNames');
      names.forEach((name, i) => {
        checkName(pathSegment, name, `${at}.resourceNames[${i}]`, problems);
        if (names.indexOf(name) < i) problems.push(duplicate(`${at}.resourceNames[${i}]`, name));
      });
    });
};

const checkVariable: Check = (variable, path, problems) => {
  const name = textAt(variable, 'name');
  if (name.trim() === '') problems.push(required(`${path}.name`, 'name is not specified'));
  else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name))
    problems.push(invalid(`${path}.name`, name, 'must be a valid CEL identifier'));
  checkRequiredExpression(variable, path, problems);
};

const checkValidation: Check = (validation, path, problems) => {
  checkRequiredExpression(validation, path, problems);
  const given = textAt(validation, 'messageExpression');
  if (given !== '' && given.trim() === '')
    problems.push(invalid(`${path}.messageExpression`, given, 'must be non-empty if specified'));
  else if (given !== '') checkExpression(given, `${path}.messageExpression`, problems);
  const message = textAt(validation, 'message');
  if (message !== '' && message.trim() === '')
    problems.push(invalid(`${path}.message`, message, 'must be non-empty if specified'));
  else if (/[\n\r]/.test(message.trim()))
    problems.push(invalid(`${path}.message`, message, 'must not contain line breaks'));
  checkOptional(validation, 'reason', REASONS, path, problems);
};

const checkRequiredExpression: Check = (fields, path, problems) => {
  const expression = textAt(fields, 'expression');
  if (expression.trim() === '') problems.push(required(`${path}.expression`, 'expression is not specified'));
  else checkExpression(expression, `${path}.expression`, problems);
};

const checkParam: Check = (param, path, problems) => {
  const name = textAt(param, 'name');
  const selector = fieldsOf(param.selector);
  if (name !== '') checkName(pathSegment, name, `${path}.name`, problems);
  if (name !== '' && selector !== undefined)
    for (const key of ['name', 'selector'])
      problems.push(forbidden(`${path}.${key}`, 'name and selector are mutually exclusive'));
  if (selector !== undefined) checkSelector(selector, `${path}.selector`, problems);
  if (name === '' && selector === undefined) problems.push(required(path, 'one of name or selector must be specified'));
  if (textAt(param, 'parameterNotFoundAction') === '') problems.push(required(`${path}.parameterNotFoundAction`));
  else checkOptional(param, 'parameterNotFoundAction', ['Deny', 'Allow'], path, problems);
};

function checkActions(actions: readonly string[], path: string, problems: FieldProblem[]): void {
  actions.forEach((action, index) => {
    if (!ACTIONS.includes(action)) problems.push(notSupported(`${path}[${index}]`, action, ACTIONS));
    if (actions.indexOf(action) < index) problems.push(duplicate(`${path}[${index}]`, action));
  });
  if (actions.includes('Deny') && actions.includes('Warn')) problems.push(invalid(path, actions, TWICE));
  if (actions.length === 0) problems.push(required(path, 'at least one validation action is required'));
}
