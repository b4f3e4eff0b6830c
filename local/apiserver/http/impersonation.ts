/** `kubectl --as`: a user who may, acts as another one. Source: Kubernetes "User impersonation". */
import type { IncomingHttpHeaders } from 'node:http';
import { badRequest, forbidden } from '../errors.ts';
import { mayDo } from '../rbac.ts';
import type { User } from '../user.ts';
import type { Core } from '../verbs/call.ts';

const AUTHENTICATED = 'system:authenticated';
const EXTRA = 'impersonate-extra-';
const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** @throws ApiError 403 when the user may not, 400 for groups of nobody */
export function actingAs(core: Core, user: User, headers: IncomingHttpHeaders): User {
  const name = texts(headers['impersonate-user'])[0];
  const groups = texts(headers['impersonate-group']);
  const extras = Object.keys(headers).filter((header) => header.startsWith(EXTRA));
  const uid = texts(headers['impersonate-uid'])[0];
  if (name === undefined || name === '') {
    if (groups.length > 0 || extras.length > 0 || uid !== undefined)
      throw badRequest('requested impersonation without impersonating a user');
    return user;
  }
  const account = ACCOUNT.exec(name);
  if (account === null) requireImpersonation(core, user, 'users', undefined, name);
  else requireImpersonation(core, user, 'serviceaccounts', account[1], account[2] ?? '');
  for (const group of groups) requireImpersonation(core, user, 'groups', undefined, group);
  const own = account === null ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
  return {
    name,
    uid,
    groups: [...new Set([...groups, ...(groups.length === 0 ? own : []), AUTHENTICATED])],
    extra: Object.fromEntries(extras.map((header) => [header.slice(EXTRA.length), texts(headers[header])])),
  };
}

function requireImpersonation(
  core: Core,
  user: User,
  plural: string,
  namespace: string | undefined,
  name: string,
): void {
  const resource = { group: '', plural, subresource: undefined, namespace, name };
  if (mayDo(core.store, user, { verb: 'impersonate', resource }).allowed) return;
  throw forbidden(
    { group: '', plural },
    name,
    `User "${user.name}" cannot impersonate resource "${plural}" in API group "" at the cluster scope`,
  );
}

function texts(header: string | string[] | undefined): string[] {
  return header === undefined ? [] : Array.isArray(header) ? header : header.split(',').map((one) => one.trim());
}
