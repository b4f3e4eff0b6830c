/**
 * Destinations to addresses: any object with `status.address.url`, core Services, absolute URIs. Each kind that is
 * referenced gets a cache, so that a change of the referenced object wakes those that point at it.
 * Source: knative.dev/pkg resolver (behaviour; reference section 1 "Destination").
 */
import type { Destination, KReference } from '../../api/eventing/destination.ts';
import type { DuckStatus, KubeObject } from '../../api/object.ts';
import { resourceKey, type ResourceType } from '../../api/resource.ts';
import type { Addressable } from '../../api/serving/route.ts';
import { CLUSTER_DOMAIN } from '../../api/zeroth.ts';
import type { Client } from '../../kube/client.ts';
import type { Informers } from '../../kube/informers.ts';
import { TriggerError } from './errors.ts';
import { KindDirectory } from './kinds.ts';

/** What a Destination leads to. */
export interface Address {
  readonly url: string;
  readonly CACerts?: string;
  readonly audience?: string;
}

/** An object as anything may refer to it. */
export interface Addressed extends KubeObject {
  status?: DuckStatus & { address?: Addressable; addresses?: Addressable[] };
}

/** Longest wait for the first list of a kind, ms. */
const SYNC_TIMEOUT = 5_000;

export class Resolver {
  readonly #informers: Informers;
  readonly #kinds: KindDirectory;
  readonly #watched = new Set<string>();
  readonly #listeners: ((reference: string) => void)[] = [];

  constructor(client: Client, informers: Informers) {
    this.#informers = informers;
    this.#kinds = new KindDirectory(client);
  }

  /** Calls back with the `referenceKey` of an object that was referenced and has changed. */
  onChange(listener: (reference: string) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * @param namespace of the object that holds the Destination
   * @param clusterPort printed behind a core Service's host unless "" or "80"
   * @throws TriggerError `Unresolved` or `KindUnknown` with a message for the object's condition
   */
  async resolve(destination: Destination, namespace: string, clusterPort: string): Promise<Address> {
    const { ref, uri } = destination;
    if (ref === undefined) return absolute(destination);
    const address = await this.#ofReference(destination, ref, namespace, clusterPort);
    if (uri === undefined || uri === '') return address;
    if (isAbsolute(uri)) throw unresolved('an absolute uri must not stand beside a ref');
    return { ...address, url: new URL(uri, address.url).href };
  }

  /**
   * The object a reference names; undefined when it does not exist.
   * @throws TriggerError `KindUnknown`
   */
  async find(ref: KReference, namespace: string): Promise<Addressed | undefined> {
    const apiVersion = ref.apiVersion ?? '';
    const type = await this.#kinds.find(apiVersion, ref.kind);
    if (type === undefined)
      throw new TriggerError(
        'KindUnknown',
        `the API server has no kind ${ref.kind} in ${apiVersion}: is its definition installed?`,
      );
    const informer = this.#informers.of(type as ResourceType<Addressed>);
    this.#watch(type as ResourceType<Addressed>);
    await within(informer.synced, SYNC_TIMEOUT, `${ref.kind} objects of ${apiVersion} cannot be listed`);
    return informer.get(type.namespaced ? (ref.namespace ?? namespace) : undefined, ref.name);
  }

  async #ofReference(
    destination: Destination,
    ref: KReference,
    namespace: string,
    clusterPort: string,
  ): Promise<Address> {
    const where = `${ref.kind} ${ref.namespace ?? namespace}/${ref.name}`;
    const object = await this.find(ref, namespace);
    if (object === undefined) throw unresolved(`${where} does not exist`);
    const own = defined({ CACerts: destination.CACerts, audience: destination.audience });
    if (ref.apiVersion === 'v1' && ref.kind === 'Service') {
      const scheme = own.CACerts === undefined ? 'http' : 'https';
      const port = clusterPort === '' || clusterPort === '80' || scheme === 'https' ? '' : `:${clusterPort}`;
      return { url: `${scheme}://${ref.name}.${ref.namespace ?? namespace}.svc.${CLUSTER_DOMAIN}${port}`, ...own };
    }
    const address = selectAddress(object, ref, where);
    if (address.url === undefined || !isAbsolute(address.url))
      throw unresolved(`${where} has no URL in its address yet`);
    return { url: address.url, ...defined({ CACerts: address.CACerts, audience: address.audience }), ...own };
  }

  #watch(type: ResourceType<Addressed>): void {
    const key = resourceKey(type);
    if (this.#watched.has(key)) return;
    this.#watched.add(key);
    this.#informers.of(type).onChange((previous, current) => {
      const object = current ?? previous;
      if (object === undefined) return;
      const reference = referenceKey(
        {
          apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
          kind: type.kind,
          name: object.metadata.name,
        },
        object.metadata.namespace ?? '',
      );
      for (const listener of this.#listeners) listener(reference);
    });
  }
}

/** One text per referenced object, whatever version it is referenced by. Cluster-scoped objects have namespace "". */
export function referenceKey(ref: KReference, namespace: string): string {
  const apiVersion = ref.apiVersion ?? '';
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return `${group}/${ref.kind}/${ref.namespace ?? namespace}/${ref.name}`;
}

function selectAddress(object: Addressed, ref: KReference, where: string): Addressable {
  const { address, addresses = [] } = object.status ?? {};
  if (ref.address !== undefined && ref.address !== '') {
    const named = addresses.find((one) => one.name === ref.address);
    if (named === undefined) throw unresolved(`${where} has no address named "${ref.address}"`);
    return named;
  }
  const first = addresses[0] ?? address;
  if (first === undefined) throw unresolved(`${where} has no address yet`);
  return first;
}

function absolute(destination: Destination): Address {
  const { uri, CACerts, audience } = destination;
  if (uri === undefined || uri === '') throw unresolved('neither ref nor uri is given');
  if (!isAbsolute(uri)) throw unresolved(`the uri "${uri}" needs a scheme and a host`);
  return { url: uri, ...defined({ CACerts, audience }) };
}

export function isAbsolute(uri: string): boolean {
  try {
    return new URL(uri).host !== '';
  } catch {
    return false;
  }
}

function unresolved(message: string): TriggerError {
  return new TriggerError('Unresolved', message);
}

function defined(fields: { CACerts?: string; audience?: string }): { CACerts?: string; audience?: string } {
  const { CACerts, audience } = fields;
  return { ...(CACerts ? { CACerts } : {}), ...(audience ? { audience } : {}) };
}

async function within(promise: Promise<void>, timeout: number, message: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unresolved(message)), timeout);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
