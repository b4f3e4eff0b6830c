/**
 * REST names of a kind that is only known by apiVersion and kind. Asked of the API server's discovery; a transport that
 * serves objects alone (the in-process one) is asked for its custom resource definitions instead.
 */
import { CustomResourceDefinition, Service } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource.ts';
import type { Client } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';

/** The kind of Kubernetes' own that everything may refer to. */
const WELL_KNOWN: readonly ResourceType[] = [Service as unknown as ResourceType];

export class KindDirectory {
  readonly #client: Client;
  readonly #known = new Map<string, ResourceType>();

  constructor(client: Client) {
    this.#client = client;
    for (const type of WELL_KNOWN) this.#known.set(`${apiVersionOf(type)}/${type.kind}`, type);
  }

  /** Undefined when the server does not serve the kind (yet). Rejects when it cannot be asked. */
  async find(apiVersion: string, kind: string): Promise<ResourceType<KubeObject> | undefined> {
    const key = `${apiVersion}/${kind}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const slash = apiVersion.indexOf('/');
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const type = (await this.#discover(group, version, kind)) ?? (await this.#defined(group, version, kind));
    if (type !== undefined) this.#known.set(key, type);
    return type;
  }

  async #discover(group: string, version: string, kind: string): Promise<ResourceType | undefined> {
    const root = group === '' ? '/api' : `/apis/${encodeURIComponent(group)}`;
    const path = `${root}/${encodeURIComponent(version)}`;
    const response = await this.#client.transport.request({ method: 'GET', path });
    if (response.status === 404) return undefined;
    if (response.status >= 400) throw new Error(`discovery of ${path} answered ${response.status}`);
    const found = resourcesOf(response.body).find((one) => one.kind === kind && !one.name.includes('/'));
    return found && { group, version, kind, plural: found.name, namespaced: found.namespaced };
  }

  async #defined(group: string, version: string, kind: string): Promise<ResourceType | undefined> {
    if (group === '') return undefined;
    try {
      const { items } = await this.#client.list(CustomResourceDefinition);
      const spec = items.map((one) => one.spec).find((one) => one.group === group && one.names.kind === kind);
      if (!spec?.versions.some((one) => one.name === version && one.served)) return undefined;
      return { group, version, kind, plural: spec.names.plural, namespaced: spec.scope === 'Namespaced' };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
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
