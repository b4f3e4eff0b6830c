/** Validation of webhook configurations. Source: the Kubernetes API reference, admissionregistration.k8s.io/v1. */
import { loadedAdmissionCel } from '../admission/cel.ts';
import { dns1035Label, dns1123Subdomain, labelValue, qualifiedName } from '../schema/names.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooMany,
  type FieldProblem,
} from '../schema/problems.ts';
import { checkName, fieldAt, itemsAt, PORT_RANGE, textAt } from './check.ts';
import { fieldsOf, type Fields } from './fill.ts';
import { messageOf } from '../../../kube/message.ts';

const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];
const LONGEST_TIMEOUT = 30;
const MOST_CONDITIONS = 64;

export type Check = (value: Fields, path: string, problems: FieldProblem[]) => void;

export function validateMutatingWebhooks(object: Fields): FieldProblem[] {
  return validateWebhooks(object, (webhook, path, problems) =>
    checkOptional(webhook, 'reinvocationPolicy', ['IfNeeded', 'Never'], path, problems),
  );
}

export function validateValidatingWebhooks(object: Fields): FieldProblem[] {
  return validateWebhooks(object, () => undefined);
}

function validateWebhooks(object: Fields, more: Check): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const names = new Set<string>();
  itemsAt(object, 'webhooks').forEach((webhook, index) => {
    const path = `webhooks[${index}]`;
    checkWebhook(webhook, path, problems);
    more(webhook, path, problems);
    checkReviewVersions(textsAt(webhook, 'admissionReviewVersions'), `${path}.admissionReviewVersions`, problems);
    const name = textAt(webhook, 'name');
    if (name !== '' && names.has(name)) problems.push(duplicate(`${path}.name`, name));
    names.add(name);
  });
  return problems;
}

const checkWebhook: Check = (webhook, path, problems) => {
  checkFullName(textAt(webhook, 'name'), `${path}.name`, problems);
  itemsAt(webhook, 'rules').forEach((rule, index) => checkRule(rule, `${path}.rules[${index}]`, problems));
  checkOptional(webhook, 'failurePolicy', ['Fail', 'Ignore'], path, problems);
  checkOptional(webhook, 'matchPolicy', ['Equivalent', 'Exact'], path, problems);
  if (webhook.sideEffects === undefined || webhook.sideEffects === null)
    problems.push(required(`${path}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(', ')}`));
  else checkOptional(webhook, 'sideEffects', SIDE_EFFECTS, path, problems);
  const { timeoutSeconds } = webhook;
  if (typeof timeoutSeconds === 'number' && (timeoutSeconds < 1 || timeoutSeconds > LONGEST_TIMEOUT))
    problems.push(
      invalid(
        `${path}.timeoutSeconds`,
        timeoutSeconds,
        `the timeout value must be between 1 and ${LONGEST_TIMEOUT} seconds`,
      ),
    );
  for (const name of ['namespaceSelector', 'objectSelector'])
    checkSelector(fieldAt(webhook, name), `${path}.${name}`, problems);
  checkClient(fieldAt(webhook, 'clientConfig'), `${path}.clientConfig`, problems);
  checkConditions(itemsAt(webhook, 'matchConditions'), `${path}.matchConditions`, problems);
};

function checkFullName(name: string, path: string, problems: FieldProblem[]): void {
  if (name === '') return void problems.push(required(path));
  const details = dns1123Subdomain(name);
  if (details.length > 0) problems.push(invalid(path, name, details.join(',')));
  else if (name.split('.').length < 3)
    problems.push(invalid(path, name, 'should be a domain with at least three segments separated by dots'));
}

export const checkRule: Check = (rule, path, problems) => {
  const operations = textsAt(rule, 'operations');
  checkWildcard(operations, `${path}.operations`, 'operations', problems);
  operations.forEach((operation, index) => {
    if (!OPERATIONS.includes(operation))
      problems.push(notSupported(`${path}.operations[${index}]`, operation, OPERATIONS));
  });
  checkWildcard(textsAt(rule, 'apiGroups'), `${path}.apiGroups`, 'API groups', problems);
  const versions = textsAt(rule, 'apiVersions');
  checkWildcard(versions, `${path}.apiVersions`, 'API versions', problems);
  versions.forEach((version, index) => {
    if (version === '') problems.push(required(`${path}.apiVersions[${index}]`));
  });
  checkResources(textsAt(rule, 'resources'), `${path}.resources`, problems);
  checkOptional(rule, 'scope', SCOPES, path, problems);
};

function checkWildcard(values: readonly string[], path: string, what: string, problems: FieldProblem[]): void {
  if (values.length === 0) problems.push(required(path));
  if (values.length > 1 && values.includes('*'))
    problems.push(invalid(path, values, `if '*' is present, must not specify other ${what}`));
}

function checkResources(resources: readonly string[], path: string, problems: FieldProblem[]): void {
  if (resources.length === 0) problems.push(required(path));
  const wholeResources = new Set<string>();
  const wholeSubresources = new Set<string>();
  resources.forEach((text, index) => {
    const at = `${path}[${index}]`;
    if (text === '') return void problems.push(required(at));
    const slash = text.indexOf('/');
    if (slash < 0) return;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    if (wholeResources.has(resource))
      problems.push(invalid(at, text, `if '${resource}/*' is present, must not specify ${text}`));
    if (wholeSubresources.has(subresource))
      problems.push(invalid(at, text, `if '*/${subresource}' is present, must not specify ${text}`));
    if (subresource === '*') wholeResources.add(resource);
    if (resource === '*') wholeSubresources.add(subresource);
  });
  if (resources.length > 1 && resources.includes('*/*'))
    problems.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  if (resources.includes('*') && resources.some((text) => text !== '*' && !text.includes('/')))
    problems.push(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"));
}

const checkClient: Check = (client, path, problems) => {
  const { url } = client;
  const service = fieldsOf(client.service);
  const hasUrl = url !== undefined && url !== null;
  if (hasUrl === (service !== undefined)) problems.push(required(path, 'exactly one of url or service is required'));
  else if (hasUrl) checkUrl(String(url), `${path}.url`, problems);
  else if (service !== undefined) checkService(service, `${path}.service`, problems);
};

const FORM = '; desired format: https://host[/path]';

function checkUrl(text: string, path: string, problems: FieldProblem[]): void {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // Without a scheme it is a path to whoever parses it, and has neither scheme nor host.
  }
  if (url?.protocol !== 'https:')
    problems.push(invalid(path, url?.protocol.slice(0, -1) ?? '', `'https' is the only allowed URL scheme${FORM}`));
  if ((url?.host ?? '') === '') problems.push(invalid(path, '', `host must be specified${FORM}`));
  if (url === undefined) return;
  if (url.username !== '' || url.password !== '')
    problems.push(invalid(path, url.username, 'user information is not permitted in the URL'));
  if (url.hash !== '') problems.push(invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '')
    problems.push(invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL'));
}

const checkService: Check = (service, path, problems) => {
  // Kubernetes takes each of the two for the other.
  if (textAt(service, 'namespace') === '') problems.push(required(`${path}.name`));
  if (textAt(service, 'name') === '') problems.push(required(`${path}.namespace`));
  const { port = 443 } = service;
  if (typeof port !== 'number' || port < 1 || port > 65_535)
    problems.push(invalid(`${path}.port`, port, `port is not valid: ${PORT_RANGE}`));
  const given = textAt(service, 'path');
  if (given === '' || given === '/') return;
  const at = `${path}.path`;
  if (given === '//') return void problems.push(invalid(at, given, 'segment[0] may not be empty'));
  if (!given.startsWith('/')) problems.push(invalid(at, given, "must start with a '/'"));
  given
    .slice(1)
    .replace(/\/$/, '')
    .split('/')
    .forEach((segment, index) => {
      if (segment === '') problems.push(invalid(at, given, `segment[${index}] may not be empty`));
      else
        for (const detail of dns1123Subdomain(segment))
          problems.push(invalid(at, given, `segment[${index}]: ${detail}`));
    });
};

export const checkSelector: Check = (selector, path, problems) => {
  for (const [key, value] of Object.entries(fieldAt(selector, 'matchLabels'))) {
    checkName(qualifiedName, key, `${path}.matchLabels`, problems);
    checkName(labelValue, String(value), `${path}.matchLabels`, problems);
  }
  itemsAt(selector, 'matchExpressions').forEach((expression, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const { operator } = expression;
    const values = textsAt(expression, 'values');
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        problems.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        problems.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else problems.push(invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator'));
    checkName(qualifiedName, textAt(expression, 'key'), `${at}.key`, problems);
    values.forEach((value, i) => checkName(labelValue, value, `${at}.values[${i}]`, problems));
  });
};

export function checkConditions(conditions: readonly Fields[], path: string, problems: FieldProblem[]): void {
  if (conditions.length > MOST_CONDITIONS) problems.push(tooMany(path, conditions.length, MOST_CONDITIONS));
  const names = new Set<string>();
  conditions.forEach((condition, index) => {
    const at = `${path}[${index}]`;
    const expression = textAt(condition, 'expression').trim();
    if (expression === '') problems.push(required(`${at}.expression`));
    else checkExpression(expression, `${at}.expression`, problems);
    const name = textAt(condition, 'name');
    if (name === '') return void problems.push(required(`${at}.name`));
    checkName(qualifiedName, name, `${at}.name`, problems);
    if (names.has(name)) problems.push(duplicate(`${at}.name`, name));
    names.add(name);
  });
}

export function checkExpression(expression: string, path: string, problems: FieldProblem[]): void {
  try {
    loadedAdmissionCel()?.compile(expression);
  } catch (error) {
    const [line = ''] = messageOf(error).split('\n', 1);
    problems.push(invalid(path, expression, `compilation failed: ${line}`));
  }
}

function checkReviewVersions(versions: readonly string[], path: string, problems: FieldProblem[]): void {
  if (versions.length === 0)
    return void problems.push(required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`));
  versions.forEach((version, index) => {
    if (versions.indexOf(version) < index) problems.push(invalid(`${path}[${index}]`, version, 'duplicate version'));
    else checkName(dns1035Label, version, `${path}[${index}]`, problems);
  });
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version)))
    problems.push(invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
}

export function checkOptional(
  object: Fields,
  key: string,
  supported: readonly string[],
  path: string,
  problems: FieldProblem[],
): void {
  const value = object[key];
  if (value === undefined || value === null) return;
  if (typeof value !== 'string' || !supported.includes(value))
    problems.push(notSupported(`${path}.${key}`, value, supported));
}

export function textsAt(object: Fields, key: string): string[] {
  const list = object[key];
  return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [];
}
