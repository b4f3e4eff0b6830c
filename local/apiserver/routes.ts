/** From a REST path to what it addresses. Source: Kubernetes API concepts, "Resource URIs". */
import { badRequest } from './errors.ts';

export type Route =
  | {
      readonly type: 'resource';
      readonly group: string;
      readonly version: string;
      readonly plural: string;
      readonly namespace: string | undefined;
      readonly name: string | undefined;
      /** `status`, `scale`, … */
      readonly subresource: string | undefined;
      /** What follows the subresource (`proxy/PATH`), with its leading slash; empty otherwise. */
      readonly rest: string;
      /** The old form `/api/v1/watch/…`. */
      readonly watch: boolean;
    }
  | { readonly type: 'legacyVersions' }
  | { readonly type: 'groups' }
  | { readonly type: 'group'; readonly group: string }
  | { readonly type: 'version'; readonly group: string; readonly version: string }
  | { readonly type: 'other' };

/** @throws ApiError 400 for a broken percent escape */
export function parsePath(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts[0] === 'api') {
    if (parts.length === 1) return { type: 'legacyVersions' };
    return versioned('', parts.slice(1));
  }
  if (parts[0] === 'apis') {
    if (parts.length === 1) return { type: 'groups' };
    const group = decode(parts[1]);
    if (parts.length === 2) return { type: 'group', group };
    return versioned(group, parts.slice(2));
  }
  return { type: 'other' };
}

function versioned(group: string, parts: readonly string[]): Route {
  const version = decode(parts[0]);
  if (parts.length === 1) return { type: 'version', group, version };
  const watch = parts[1] === 'watch';
  const rest = parts.slice(watch ? 2 : 1).map(decode);
  if (rest.length === 0) return { type: 'other' };
  const base = { type: 'resource', group, version, watch } as const;
  const ofNamespace = rest[0] === 'namespaces' && rest.length > 2 && !isNamespaceSubresource(rest);
  if (ofNamespace) return { ...base, namespace: rest[1], ...target(rest.slice(2)) };
  return { ...base, namespace: undefined, ...target(rest) };
}

function isNamespaceSubresource(parts: readonly string[]): boolean {
  return parts.length === 3 && (parts[2] === 'status' || parts[2] === 'finalize');
}

function target(parts: readonly string[]): {
  plural: string;
  name: string | undefined;
  subresource: string | undefined;
  rest: string;
} {
  const [plural = '', name, subresource, ...more] = parts;
  return { plural, name, subresource, rest: more.length === 0 ? '' : `/${more.join('/')}` };
}

function decode(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? '');
  } catch {
    throw badRequest(`invalid percent escape in path segment ${JSON.stringify(part)}`);
  }
}
