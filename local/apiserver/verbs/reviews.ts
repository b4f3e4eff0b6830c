/** Kinds that are answered, not stored: who am I, may I, is this token good. */
import { methodNotAllowed } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { MASTERS, mayDo, rulesFor, type AccessRequest, type Rule } from '../rbac.ts';
import { groupVersion } from '../registry.ts';
import { objectIn } from './body.ts';
import type { User } from '../user.ts';
import type { Answer, Call, Core } from './call.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export function review(core: Core, call: Call): Answer {
  const { info } = call;
  const object = objectIn(call, info);
  const spec = isObject(object.spec) ? object.spec : {};
  const status = statusOf(core, call, spec);
  const body = {
    kind: info.kind,
    apiVersion: groupVersion(info),
    metadata: { ...object.metadata, creationTimestamp: info.kind === 'SelfSubjectReview' ? timestamp(call.now) : null },
    ...(info.kind === 'SelfSubjectReview' ? {} : { spec }),
    status,
  };
  return { status: 201, body };
}

function statusOf(core: Core, call: Call, spec: JsonObject): JsonObject {
  switch (call.info.kind) {
    case 'SelfSubjectReview':
      return { userInfo: userInfo(call.user) };
    case 'TokenReview':
      return reviewToken(core, call, spec);
    case 'SelfSubjectRulesReview':
      return rulesOf(core, call.user, spec);
    case 'SelfSubjectAccessReview':
      return access(core, call.user, spec);
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview':
      return access(core, subjectIn(spec), spec);
    default:
      throw methodNotAllowed();
  }
}

function access(core: Core, user: User, spec: JsonObject): JsonObject {
  const { allowed, reason } = mayDo(core.store, user, accessIn(spec));
  return reason === '' ? { allowed } : { allowed, reason };
}

function accessIn(spec: JsonObject): AccessRequest {
  if (isObject(spec.nonResourceAttributes)) {
    const { path, verb } = spec.nonResourceAttributes;
    return { verb: text(verb), path: text(path) };
  }
  const attributes = isObject(spec.resourceAttributes) ? spec.resourceAttributes : {};
  const { verb, group, resource, subresource, namespace, name } = attributes;
  return {
    verb: text(verb),
    resource: {
      group: text(group),
      plural: text(resource),
      subresource: text(subresource) || undefined,
      namespace: text(namespace) || undefined,
      name: text(name) || undefined,
    },
  };
}

function subjectIn(spec: JsonObject): User {
  const groups = Array.isArray(spec.groups) ? spec.groups.filter((one) => typeof one === 'string') : [];
  return { name: text(spec.user), groups };
}

function rulesOf(core: Core, user: User, spec: JsonObject): JsonObject {
  const everything: Rule = {
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
    resourceNames: [],
    nonResourceURLs: [],
  };
  const everywhere: Rule = { ...everything, apiGroups: [], resources: [], nonResourceURLs: ['*'] };
  const rules = user.groups.includes(MASTERS)
    ? [everything, everywhere]
    : [...rulesFor(core.store, user, text(spec.namespace))].flatMap((one) => one.rules);
  return {
    resourceRules: rules
      .filter((rule) => rule.resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames.length > 0 ? { resourceNames } : {}),
      })),
    nonResourceRules: rules
      .filter((rule) => rule.nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}

function reviewToken(core: Core, call: Call, spec: JsonObject): JsonObject {
  const claims = core.tokens.verify(text(spec.token), call.now);
  if (claims === undefined) return { authenticated: false, user: {}, error: 'invalid bearer token' };
  const wanted = Array.isArray(spec.audiences) ? spec.audiences.filter((one) => typeof one === 'string') : [];
  const audiences = wanted.length === 0 ? claims.audiences : wanted.filter((one) => claims.audiences.includes(one));
  if (audiences.length === 0)
    return {
      authenticated: false,
      user: {},
      error: `token audiences ${JSON.stringify(claims.audiences)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
    };
  return { authenticated: true, user: userInfo(serviceAccountUser(claims)), audiences };
}

export function serviceAccountUser(claims: {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly uid: string;
  readonly pod?: { readonly name: string; readonly uid: string };
}): User {
  const { namespace, serviceAccount, uid, pod } = claims;
  return {
    name: `system:serviceaccount:${namespace}:${serviceAccount}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra:
      pod === undefined
        ? undefined
        : {
            'authentication.kubernetes.io/pod-name': [pod.name],
            'authentication.kubernetes.io/pod-uid': [pod.uid],
          },
  };
}

function userInfo(user: User): JsonObject {
  return { username: user.name, uid: user.uid, groups: user.groups, extra: user.extra };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
