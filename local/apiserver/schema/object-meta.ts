/** Validation of `metadata`. Source: Kubernetes' "Object Names and IDs", "Labels", "Annotations", "Finalizers". */
import type { ObjectMeta, OwnerReference } from '../../../api/object.ts';
import { deepEqual } from '../../../kube/equal.ts';
import type { KindInfo } from '../registry.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  pathSegment,
  qualifiedName,
  type NameRule,
} from './names.ts';
import { forbidden, invalid, required, tooLong, type FieldProblem } from './problems.ts';

const ANNOTATIONS_LIMIT = 256 * 1024;
const IMMUTABLE = 'field is immutable';

/** Kinds whose names follow other rules than a DNS subdomain's, by `GROUP/PLURAL`. */
const NAME_RULES: Readonly<Record<string, NameRule>> = {
  '/namespaces': dns1123Label,
  '/services': dns1035Label,
  'rbac.authorization.k8s.io/roles': pathSegment,
  'rbac.authorization.k8s.io/rolebindings': pathSegment,
  'rbac.authorization.k8s.io/clusterroles': pathSegment,
  'rbac.authorization.k8s.io/clusterrolebindings': pathSegment,
};

type Kind = Pick<KindInfo, 'group' | 'plural' | 'namespaced'>;

/**
 * @param path usually `metadata`
 * @param old metadata before an update: what may not change is checked against it
 */
export function validateObjectMeta(
  kind: Kind,
  meta: Partial<ObjectMeta>,
  path = 'metadata',
  old?: Partial<ObjectMeta>,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  checkName(kind, meta, path, problems);
  if (kind.namespaced) {
    if ((meta.namespace ?? '') === '') problems.push(required(`${path}.namespace`));
    else report(dns1123Label, meta.namespace, `${path}.namespace`, problems);
  } else if ((meta.namespace ?? '') !== '') {
    problems.push(forbidden(`${path}.namespace`, 'not allowed on this type'));
  }
  if ((meta.generation ?? 0) < 0)
    problems.push(invalid(`${path}.generation`, meta.generation, 'must be greater than or equal to 0'));
  checkLabels(meta.labels, `${path}.labels`, problems);
  checkAnnotations(meta.annotations, `${path}.annotations`, problems);
  checkOwners(meta.ownerReferences, `${path}.ownerReferences`, problems);
  for (const finalizer of meta.finalizers ?? []) checkFinalizer(kind, finalizer, `${path}.finalizers`, problems);
  if (old !== undefined) checkUpdate(meta, old, path, problems);
  return problems;
}

/** Labels of an object or a template. */
export function checkLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
  problems: FieldProblem[],
): void {
  for (const key of Object.keys(labels ?? {}).sort()) {
    report(qualifiedName, key, path, problems);
    report(labelValue, labels?.[key], path, problems);
  }
}

/** Annotations of an object or a template. */
export function checkAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
  problems: FieldProblem[],
): void {
  let size = 0;
  for (const key of Object.keys(annotations ?? {}).sort()) {
    const wrong = qualifiedName(key.toLowerCase());
    problems.push(...wrong.map((detail) => invalid(path, key, detail)));
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations?.[key] ?? '');
  }
  if (size > ANNOTATIONS_LIMIT) problems.push(tooLong(path, ANNOTATIONS_LIMIT));
}

function checkName(kind: Kind, meta: Partial<ObjectMeta>, path: string, problems: FieldProblem[]): void {
  const rule = NAME_RULES[`${kind.group}/${kind.plural}`] ?? dns1123Subdomain;
  // A generated name ends in random letters: a hyphen or dot before them is fine.
  if ((meta.generateName ?? '') !== '')
    report(rule, `${meta.generateName ?? ''}a`, `${path}.generateName`, problems, meta.generateName);
  if ((meta.name ?? '') === '') problems.push(required(`${path}.name`, 'name or generateName is required'));
  else report(rule, meta.name, `${path}.name`, problems);
}

function checkFinalizer(kind: Kind, finalizer: string, path: string, problems: FieldProblem[]): void {
  const wrong = qualifiedName(finalizer);
  problems.push(...wrong.map((detail) => invalid(path, finalizer, detail)));
  // The stricter rule is that of Kubernetes' core kinds; definitions and custom kinds take any qualified name.
  const strict =
    !kind.group.includes('.') || (kind.group.endsWith('.k8s.io') && !kind.group.startsWith('apiextensions.'));
  if (strict && wrong.length === 0 && !finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer))
    problems.push(invalid(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
}

const STANDARD_FINALIZERS: ReadonlySet<string> = new Set([
  'foregroundDeletion',
  'orphan',
  'kubernetes',
  // Custom resources may carry the name of their group alone; Kubernetes only warns.
]);

function checkOwners(owners: readonly OwnerReference[] | undefined, path: string, problems: FieldProblem[]): void {
  const controllers: string[] = [];
  (owners ?? []).forEach((owner, index) => {
    const at = `${path}[${index}]`;
    if ((owner.apiVersion ?? '') === '')
      problems.push(invalid(`${at}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    for (const field of ['kind', 'name', 'uid'] as const)
      if ((owner[field] ?? '') === '')
        problems.push(invalid(`${at}.${field}`, owner[field] ?? '', 'must not be empty'));
    if (owner.controller === true) controllers.push(owner.name);
  });
  if (controllers.length > 1) {
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]} and ${controllers[1]}`;
    problems.push(invalid(path, owners, detail));
  }
}

const FROZEN_FIELDS = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp'] as const;

function checkUpdate(
  meta: Partial<ObjectMeta>,
  old: Partial<ObjectMeta>,
  path: string,
  problems: FieldProblem[],
): void {
  for (const field of FROZEN_FIELDS)
    if (!deepEqual(meta[field], old[field])) problems.push(invalid(`${path}.${field}`, meta[field], IMMUTABLE));
  if (old.deletionTimestamp !== undefined) {
    const added = (meta.finalizers ?? []).filter((finalizer) => !(old.finalizers ?? []).includes(finalizer));
    if (added.length > 0)
      problems.push(
        forbidden(
          `${path}.finalizers`,
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((name) => JSON.stringify(name)).join(', ')}}`,
        ),
      );
  }
}

function report(
  rule: NameRule,
  value: string | undefined,
  path: string,
  problems: FieldProblem[],
  shown: string | undefined = value,
): void {
  for (const detail of rule(value ?? '')) problems.push(invalid(path, shown, detail));
}
