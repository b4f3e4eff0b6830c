/** The kinds of an API server whose objects can be listed, watched and deleted, as discovery tells them. */
import { CustomResourceDefinition } from '../../../api/core.ts';
import { resourceKey, resourcePath, resourceType, type ResourceType } from '../../../api/resource.ts';
import { ApiError, asStatus } from '../../../kube/errors.ts';
import type { Transport } from '../../../kube/transport.ts';
import { builtInKinds } from './built-in-kinds.ts';

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

interface GroupList {
  readonly groups?: readonly { readonly versions?: readonly { readonly groupVersion: string }[] }[];
}

const NEEDED = ['list', 'watch', 'delete'];

/**
 * Each kind once, in the first version of its group that has it. Events are left out: they own nothing, nothing owns
 * them, and they are many.
 * @throws ApiError when discovery is refused
 */
export async function discoverKinds(transport: Transport): Promise<ResourceType[]> {
  const groups = await read<GroupList>(transport, '/apis');
  if (groups === undefined) return servedBuiltIns(transport);
  const versions = (groups.groups ?? []).flatMap((group) => group.versions ?? []).map((one) => one.groupVersion);
  const lists = await Promise.all(
    ['v1', ...versions].map(async (version) => {
      const path = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
      return { version, list: await read<ResourceList>(transport, path) };
    }),
  );
  const kinds = new Map<string, ResourceType>();
  for (const { version, list } of lists) {
    for (const { name, kind, namespaced, verbs } of list?.resources ?? []) {
      if (name.includes('/') || kind === 'Event' || !NEEDED.every((verb) => verbs.includes(verb))) continue;
      const type = resourceType(version, kind, name, namespaced);
      if (!kinds.has(resourceKey(type))) kinds.set(resourceKey(type), type);
    }
  }
  return [...kinds.values()];
}

/** The kind that a CRD serves; `undefined` while it serves none. */
export function kindOf(crd: CustomResourceDefinition): ResourceType | undefined {
  const established = crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  const version =
    crd.spec.versions.find(({ served, storage }) => served && storage) ?? crd.spec.versions.find(isServed);
  if (established !== true || version === undefined || crd.metadata.deletionTimestamp !== undefined) return undefined;
  const { group, names, scope } = crd.spec;
  return resourceType(`${group}/${version.name}`, names.kind, names.plural, scope === 'Namespaced');
}

function isServed({ served }: { served: boolean }): boolean {
  return served;
}

/** The embedded server answers in-process for resources only: its own kinds are tried, CRDs are followed anyway. */
async function servedBuiltIns(transport: Transport): Promise<ResourceType[]> {
  const served = await Promise.all(
    builtInKinds.map(async (type) => {
      const answer = await transport.request({ method: 'GET', path: resourcePath(type), query: { limit: '1' } });
      return answer.status === 200;
    }),
  );
  return builtInKinds.filter((_type, index) => served[index]);
}

/** @returns undefined where the server has no such path */
async function read<T>(transport: Transport, path: string): Promise<T | undefined> {
  const { status, body } = await transport.request({ method: 'GET', path });
  if (status === 404) return undefined;
  if (status >= 400) throw new ApiError(asStatus(status, body));
  return body as T;
}
