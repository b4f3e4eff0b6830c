/** May this user do this? 403 in Kubernetes' words otherwise. */
import { ApiError, failure } from '../../../kube/errors.ts';
import { forbidden } from '../errors.ts';
import type { ResourceRoute } from '../handler.ts';
import { mayDo } from '../rbac.ts';
import type { User } from '../user.ts';
import type { Core } from '../verbs/call.ts';

/** @throws ApiError 403 */
export function authorizeResource(core: Core, user: User, verb: string, route: ResourceRoute): void {
  const { group, plural, subresource, name } = route;
  // A Namespace is asked for in itself.
  const namespace = route.namespace ?? (group === '' && plural === 'namespaces' ? name : undefined);
  const resource = { group, plural, subresource, namespace, name };
  if (mayDo(core.store, user, { verb, resource }).allowed) return;
  const target = subresource === undefined ? plural : `${plural}/${subresource}`;
  const where = route.namespace === undefined ? 'at the cluster scope' : `in the namespace "${route.namespace}"`;
  throw forbidden(
    { group, plural },
    name ?? '',
    `User "${user.name}" cannot ${verb} resource "${target}" in API group "${group}" ${where}`,
  );
}

/** @throws ApiError 403 */
export function authorizePath(core: Core, user: User, method: string, path: string): void {
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  if (mayDo(core.store, user, { verb, path }).allowed) return;
  throw new ApiError(failure(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {}));
}
