/** Validation of ConfigMap, Secret, Lease and RBAC kinds. Source: the Kubernetes API reference. */
import { deepEqual } from '../../../kube/equal.ts';
import { dataKey } from '../schema/names.ts';
import { forbidden, invalid, required, tooLong, type FieldProblem } from '../schema/problems.ts';
import { checkOneOf, fieldAt, IMMUTABLE, itemsAt, textAt } from './check.ts';
import type { Fields } from './fill.ts';

const LARGEST = 1024 * 1024;
const FROZEN = 'field is immutable when `immutable` is set';

export function validateConfigMap(object: Fields, old: Fields | undefined): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const data = fieldAt(object, 'data');
  const binary = fieldAt(object, 'binaryData');
  checkKeys(data, 'data', problems);
  checkKeys(binary, 'binaryData', problems);
  for (const key of Object.keys(data))
    if (Object.hasOwn(binary, key))
      problems.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
  if (textSize(data) + decodedSize(binary) > LARGEST) problems.push(tooLong('', LARGEST));
  checkFrozen(object, old, ['data', 'binaryData'], problems);
  return problems;
}

/** Keys that a Secret of a type must have. */
const SECRET_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

export function validateSecret(object: Fields, old: Fields | undefined): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const data = fieldAt(object, 'data');
  checkKeys(data, 'data', problems);
  if (decodedSize(data) > LARGEST) problems.push(tooLong('data', LARGEST));
  for (const key of SECRET_KEYS[textAt(object, 'type')] ?? [])
    if (data[key] === undefined) problems.push(required(`data[${key}]`));
  if (object.type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined)
    problems.push(required('data[username]'), required('data[password]'));
  if (old !== undefined && old.type !== object.type) problems.push(invalid('type', object.type, IMMUTABLE));
  checkFrozen(object, old, ['data'], problems);
  return problems;
}

function checkKeys(data: Fields, path: string, problems: FieldProblem[]): void {
  for (const key of Object.keys(data))
    for (const detail of dataKey(key)) problems.push(invalid(`${path}[${key}]`, key, detail));
}

function checkFrozen(object: Fields, old: Fields | undefined, keys: readonly string[], problems: FieldProblem[]): void {
  if (old?.immutable !== true) return;
  if (object.immutable !== true) problems.push(forbidden('immutable', FROZEN));
  for (const key of keys)
    if (!deepEqual(fieldAt(object, key), fieldAt(old, key))) problems.push(forbidden(key, FROZEN));
}

function textSize(data: Fields): number {
  let size = 0;
  for (const value of Object.values(data)) if (typeof value === 'string') size += Buffer.byteLength(value);
  return size;
}

function decodedSize(data: Fields): number {
  let size = 0;
  for (const value of Object.values(data)) if (typeof value === 'string') size += Math.floor((value.length * 3) / 4);
  return size;
}

export function validateLease(object: Fields): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const spec = fieldAt(object, 'spec');
  const seconds = spec.leaseDurationSeconds;
  if (typeof seconds === 'number' && seconds <= 0)
    problems.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
  const transitions = spec.leaseTransitions;
  if (typeof transitions === 'number' && transitions < 0)
    problems.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  return problems;
}

export function validateRole(object: Fields): FieldProblem[] {
  const problems: FieldProblem[] = [];
  itemsAt(object, 'rules').forEach((rule, index) => {
    const at = `rules[${index}]`;
    const has = (key: string): boolean => Array.isArray(rule[key]) && rule[key].length > 0;
    if (!has('verbs')) problems.push(required(`${at}.verbs`, 'verbs must contain at least one value'));
    if (has('nonResourceURLs')) {
      if (has('apiGroups') || has('resources') || has('resourceNames'))
        problems.push(
          invalid(
            `${at}.nonResourceURLs`,
            rule.nonResourceURLs,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      return;
    }
    if (!has('apiGroups'))
      problems.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
    if (!has('resources'))
      problems.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
  });
  return problems;
}

export function validateBinding(object: Fields, old: Fields | undefined): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const role = fieldAt(object, 'roleRef');
  checkOneOf(role.kind, ['ClusterRole', 'Role'], 'roleRef.kind', problems);
  if (textAt(role, 'name') === '') problems.push(required('roleRef.name'));
  itemsAt(object, 'subjects').forEach((subject, index) => {
    const at = `subjects[${index}]`;
    checkOneOf(subject.kind, ['Group', 'ServiceAccount', 'User'], `${at}.kind`, problems);
    if (textAt(subject, 'name') === '') problems.push(required(`${at}.name`));
    if (
      subject.kind === 'ServiceAccount' &&
      textAt(subject, 'namespace') === '' &&
      object.kind === 'ClusterRoleBinding'
    )
      problems.push(required(`${at}.namespace`));
  });
  if (old !== undefined && !deepEqual(role, fieldAt(old, 'roleRef')))
    problems.push(invalid('roleRef', role, 'cannot change roleRef'));
  return problems;
}
