/** Role-based access: what a user may do, by the roles bound to it. Source: Kubernetes "Using RBAC Authorization". */
import type { KubeObject } from '../../api/object.ts';
import { isObject } from './json.ts';
import type { Store } from './store/store.ts';
import type { User } from './user.ts';

export interface AccessRequest {
  readonly verb: string;
  /** Set for a resource, undefined for a path outside of resources. */
  readonly resource?: {
    readonly group: string;
    readonly plural: string;
    readonly subresource: string | undefined;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
  };
  readonly path?: string;
}

export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

export interface AccessAnswer {
  readonly allowed: boolean;
  readonly reason: string;
}

export const MASTERS = 'system:masters';

const RBAC = 'rbac.authorization.k8s.io';

export function mayDo(store: Store, user: User, request: AccessRequest): AccessAnswer {
  if (user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
  for (const { rules, source } of rulesFor(store, user, request.resource?.namespace))
    if (rules.some((rule) => covers(rule, request))) return { allowed: true, reason: `RBAC: allowed by ${source}` };
  return { allowed: false, reason: '' };
}

/** Rules of every role bound to the user: everywhere, and in one namespace. */
export function* rulesFor(
  store: Store,
  user: User,
  namespace: string | undefined,
): Generator<{ rules: Rule[]; source: string }> {
  for (const [, binding] of store.entries(`${RBAC}/clusterrolebindings`)) {
    if (!binds(binding, user, undefined)) continue;
    const role = roleOf(store, binding, undefined);
    yield { rules: rulesOf(role), source: `ClusterRoleBinding "${binding.metadata.name}" of ${roleName(binding)}` };
  }
  if (namespace === undefined || namespace === '') return;
  for (const [, binding] of store.entries(`${RBAC}/rolebindings`, `${namespace}/`)) {
    if (!binds(binding, user, namespace)) continue;
    const role = roleOf(store, binding, namespace);
    yield {
      rules: rulesOf(role),
      source: `RoleBinding "${binding.metadata.name}/${namespace}" of ${roleName(binding)}`,
    };
  }
}

function covers(rule: Rule, { verb, resource, path }: AccessRequest): boolean {
  if (!has(rule.verbs, verb)) return false;
  if (resource === undefined)
    return rule.nonResourceURLs.some((url) =>
      url.endsWith('*') ? (path ?? '').startsWith(url.slice(0, -1)) : url === path,
    );
  const { plural, subresource } = resource;
  const name = subresource === undefined || subresource === '' ? plural : `${plural}/${subresource}`;
  const named = has(rule.resources, name) || (subresource !== undefined && rule.resources.includes(`*/${subresource}`));
  if (!named || !has(rule.apiGroups, resource.group)) return false;
  return rule.resourceNames.length === 0 || rule.resourceNames.includes(resource.name ?? '');
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

function binds(binding: KubeObject & { subjects?: unknown }, user: User, namespace: string | undefined): boolean {
  const subjects: unknown[] = Array.isArray(binding.subjects) ? binding.subjects : [];
  return subjects.some((subject) => {
    if (!isObject(subject)) return false;
    const name = String(subject.name);
    switch (subject.kind) {
      case 'User':
        return name === user.name;
      case 'Group':
        return user.groups.includes(name);
      case 'ServiceAccount':
        return user.name === `system:serviceaccount:${String(subject.namespace ?? namespace ?? '')}:${name}`;
      default:
        return false;
    }
  });
}

function roleOf(store: Store, binding: KubeObject & { roleRef?: unknown }, namespace: string | undefined) {
  const { roleRef } = binding;
  if (!isObject(roleRef) || typeof roleRef.name !== 'string') return undefined;
  return roleRef.kind === 'Role'
    ? store.get(`${RBAC}/roles`, `${namespace ?? ''}/${roleRef.name}`)
    : store.get(`${RBAC}/clusterroles`, `/${roleRef.name}`);
}

function roleName(binding: KubeObject & { roleRef?: unknown }): string {
  const { roleRef } = binding;
  return isObject(roleRef) ? `${String(roleRef.kind)} "${String(roleRef.name)}"` : '';
}

function rulesOf(role: (KubeObject & { rules?: unknown }) | undefined): Rule[] {
  const rules: unknown[] = Array.isArray(role?.rules) ? role.rules : [];
  return rules.filter(isObject).map((rule) => ({
    verbs: texts(rule.verbs),
    apiGroups: texts(rule.apiGroups),
    resources: texts(rule.resources),
    resourceNames: texts(rule.resourceNames),
    nonResourceURLs: texts(rule.nonResourceURLs),
  }));
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
