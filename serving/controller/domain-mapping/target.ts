/** What a DomainMapping leads to: the address of an addressable, as a Service of its namespace. Reference section 2.5. */
import { Service as KubeService } from '../../../api/core.ts';
import type { DuckStatus, KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import type { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import type { Addressable } from '../../../api/serving/route.ts';
import { CLUSTER_LOCAL_DOMAIN } from '../config/domain.ts';
import type { World } from '../../../kube/reconciler.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { clusterHost } from '../route/domains.ts';

export interface Target {
  readonly host: string;
  /** The Service that stands behind the host. */
  readonly service: string;
}

/** Why a reference leads nowhere, for the condition. */
export interface Unresolved {
  readonly problem: string;
}

type AddressableObject = KubeObject & {
  status?: DuckStatus & { address?: Addressable; addresses?: readonly Addressable[] };
};

/** Asks the API server: any kind with `status.address.url` will do, and a Service of Kubernetes. */
export async function resolveTarget(mapping: DomainMapping, world: World): Promise<Target | Unresolved> {
  const { apiVersion = '', kind, name } = mapping.spec.ref;
  const { namespace = '' } = mapping.metadata;
  if (apiVersion === 'v1' && kind === 'Service') {
    return (await world.client.find(KubeService, namespace, name)) === undefined
      ? { problem: `failed to get object ${namespace}/${name}: services "${name}" not found` }
      : { host: clusterHost(name, namespace), service: name };
  }
  const type = resourceType<AddressableObject>(apiVersion, kind, pluralOf(kind));
  let object: AddressableObject;
  try {
    object = await world.client.get(type, namespace, name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { problem: `failed to get object ${namespace}/${name}: ${error instanceof Error ? error.message : ''}` };
  }
  const what = `${kind} ${namespace}/${name}`;
  const { address, addresses = [] } = object.status ?? {};
  if (address === undefined && addresses.length === 0) return { problem: `address not set for ${what}` };
  const wanted = mapping.spec.ref.address ?? '';
  const chosen = wanted === '' ? (addresses[0] ?? address) : addresses.find((one) => one.name === wanted);
  if (chosen === undefined) return { problem: `address with name ${JSON.stringify(wanted)} not found for ${what}` };
  return chosen.url === undefined ? { problem: `URL missing in address of ${what}` } : targetOf(chosen.url, namespace);
}

/** Pure part: only `NAME.NAMESPACE.svc.CLUSTER_DOMAIN` of the mapping's namespace, without a path, can be led to. */
export function targetOf(url: string, namespace: string): Target | Unresolved {
  const quoted = JSON.stringify(url);
  if (!URL.canParse(url)) return { problem: `resolved URI ${quoted} is not a URL` };
  const { hostname, pathname } = new URL(url);
  if (pathname !== '/' && pathname !== '') return { problem: `resolved URI ${quoted} contains a path` };
  const suffix = `.${CLUSTER_LOCAL_DOMAIN}`;
  const [service = '', space, ...more] = hostname.endsWith(suffix) ? hostname.slice(0, -suffix.length).split('.') : [];
  if (space === undefined || more.length > 0)
    return { problem: `resolved URI ${quoted} must be of the form {name}.{namespace}${suffix}` };
  if (space !== namespace) return { problem: `resolved URI ${quoted} must be in same namespace as DomainMapping` };
  return { host: hostname, service };
}

/** The plural that Kubernetes' own guess gives a kind. */
function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (/(s|x|ch|sh)$/.test(lower)) return `${lower}es`;
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}
