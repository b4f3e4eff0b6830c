/** REST names of a kind that is only known by apiVersion and kind, asked of the API server's discovery and remembered. */
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import type { Client } from '../../kube/client.ts';

export class KindDirectory {
  readonly #client: Client;
  readonly #known = new Map<string, ResourceType>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Undefined when the server does not serve the kind (yet). Rejects when it cannot be asked. */
  async find(apiVersion: string, kind: string): Promise<ResourceType<KubeObject> | undefined> {
    const key = `${apiVersion}/${kind}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const slash = apiVersion.indexOf('/');
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const path =
      group === ''
        ? `/api/${encodeURIComponent(version)}`
        : `/apis/${encodeURIComponent(group)}/${encodeURIComponent(version)}`;
    const response = await this.#client.transport.request({ method: 'GET', path });
    if (response.status === 404) return undefined;
    if (response.status >= 400) throw new Error(`discovery of ${apiVersion} answered ${response.status}`);
    const found = resourcesOf(response.body).find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (found === undefined) return undefined;
    const type = { group, version, kind, plural: found.name, namespaced: found.namespaced };
    this.#known.set(key, type);
    return type;
  }
}

interface Discovered {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

function resourcesOf(body: unknown): Discovered[] {
  if (typeof body !== 'object' || body === null || !('resources' in body) || !Array.isArray(body.resources)) return [];
  return body.resources.filter(
    (resource: unknown): resource is Discovered =>
      typeof resource === 'object' &&
      resource !== null &&
      'name' in resource &&
      typeof resource.name === 'string' &&
      'kind' in resource &&
      'namespaced' in resource,
  );
}
