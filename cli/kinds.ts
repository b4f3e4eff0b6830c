/** From a word such as `ksvc`, `services.serving.knative.dev` or `pod` to the kind the server means by it. */
import type { Json } from '../api/object.ts';
import { apiVersionOf, type ResourceType } from '../api/resource.ts';
import type { Cluster } from './cluster.ts';
import { CommandError } from './errors.ts';
import { isObject } from './json.ts';

const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

interface DiscoveredKind extends ResourceType {
  readonly names: readonly string[];
}

/** The kind of a manifest. Throws `CommandError` when the server has no such kind. */
export async function kindOf(cluster: Cluster, manifest: { apiVersion: string; kind: string }): Promise<ResourceType> {
  const kinds = await discoverAll(cluster);
  const found = kinds.find((kind) => apiVersionOf(kind) === manifest.apiVersion && kind.kind === manifest.kind);
  if (found !== undefined) return found;
  throw new CommandError(`no matches for kind "${manifest.kind}" in version "${manifest.apiVersion}"`);
}

/** Throws `CommandError` when no kind of the server has that name. The core group and Knative's win over others. */
export async function findKind(cluster: Cluster, word: string): Promise<ResourceType> {
  const [name = '', ...group] = word.toLowerCase().split('.');
  const kinds = await discoverAll(cluster);
  const found = kinds.filter(
    (kind) =>
      kind.names.includes(name) &&
      (group.length === 0 || `${kind.version}.${kind.group}` === group.join('.') || kind.group === group.join('.')),
  );
  const [first] = found;
  if (first === undefined) throw new CommandError(`error: the server doesn't have a resource type "${word}"`);
  return first;
}

async function discoverAll(cluster: Cluster): Promise<DiscoveredKind[]> {
  return (await Promise.all([discover(cluster, '/api'), discover(cluster, '/apis')])).flat();
}

async function discover(cluster: Cluster, path: string): Promise<DiscoveredKind[]> {
  const list = await cluster.send({ path, accept: DISCOVERY });
  return items(list, 'items').flatMap((group) => {
    const metadata = group['metadata'];
    const groupName = isObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : '';
    return items(group, 'versions').flatMap((version) =>
      items(version, 'resources').map((resource) => {
        const responseKind = resource['responseKind'];
        const kind = isObject(responseKind) ? text(responseKind['kind']) : '';
        const plural = text(resource['resource']);
        return {
          group: groupName,
          version: text(version['version']),
          kind,
          plural,
          namespaced: resource['scope'] === 'Namespaced',
          names: [plural, text(resource['singularResource']), kind.toLowerCase(), ...strings(resource['shortNames'])],
        };
      }),
    );
  });
}

function items(value: Json, key: string): { [key: string]: Json }[] {
  const list = isObject(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter((item) => isObject(item)) : [];
}

function strings(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
