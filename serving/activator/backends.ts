/** Ready addresses behind revisions and Services, kept from EndpointSlices one slice at a time. */
import type { EndpointSlice } from '../../api/core.ts';
import { SERVICE_TYPE_LABEL } from '../../api/networking/serverless-service.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const REVISION_LABEL = 'serving.knative.dev/revision';

interface SliceEntry {
  readonly owner: string;
  readonly addresses: readonly (Address & { readonly portName: string })[];
}

/** `revision:NS/NAME` or `service:NS/NAME`. */
export type BackendKey = string;

export const revisionKey = (namespace: string, name: string): BackendKey => `revision:${namespace}/${name}`;
export const serviceKey = (namespace: string, name: string): BackendKey => `service:${namespace}/${name}`;

export class Backends {
  readonly #slices = new Map<string, SliceEntry>();
  readonly #byOwner = new Map<BackendKey, Set<string>>();
  readonly #onChange: (owner: BackendKey) => void;

  /** @param onChange called after the addresses of an owner may have changed */
  constructor(onChange: (owner: BackendKey) => void) {
    this.#onChange = onChange;
  }

  /** One informer event. */
  take(previous: EndpointSlice | undefined, current: EndpointSlice | undefined): void {
    const slice = current ?? previous;
    if (slice === undefined) return;
    const key = `${slice.metadata.namespace ?? ''}/${slice.metadata.name}`;
    const before = this.#slices.get(key);
    const after = current === undefined ? undefined : entryOf(current);
    if (before !== undefined) {
      const keys = this.#byOwner.get(before.owner);
      keys?.delete(key);
      if (keys?.size === 0) this.#byOwner.delete(before.owner);
      this.#slices.delete(key);
    }
    if (after !== undefined) {
      this.#slices.set(key, after);
      const keys = this.#byOwner.get(after.owner) ?? new Set();
      keys.add(key);
      this.#byOwner.set(after.owner, keys);
    }
    if (before !== undefined) this.#onChange(before.owner);
    if (after !== undefined && after.owner !== before?.owner) this.#onChange(after.owner);
  }

  has(owner: BackendKey): boolean {
    return this.#byOwner.has(owner);
  }

  /**
   * Ready addresses, sorted and without duplicates.
   * @param portName the Service port wanted; without it, or where no slice knows it, `http`, `http2` or the first one
   */
  addressesOf(owner: BackendKey, portName?: string): Address[] {
    const entries = [...(this.#byOwner.get(owner) ?? [])].flatMap((key) => this.#slices.get(key)?.addresses ?? []);
    const names = new Set(entries.map((entry) => entry.portName));
    const chosen = [portName, 'http', 'http2'].find((name) => name !== undefined && names.has(name));
    const wanted = chosen ?? entries[0]?.portName;
    const unique = new Map<string, Address>();
    for (const { host, port, portName: name } of entries)
      if (name === wanted) unique.set(`${host}:${port}`, { host, port });
    return [...unique.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
  }
}

function entryOf(slice: EndpointSlice): SliceEntry | undefined {
  const { namespace = '', labels = {} } = slice.metadata;
  const service = labels[SERVICE_NAME_LABEL];
  // The public Service of a revision leads to the activators themselves.
  if (service === undefined || labels[SERVICE_TYPE_LABEL] === 'Public') return undefined;
  const revision = labels[SERVICE_TYPE_LABEL] === 'Private' ? labels[REVISION_LABEL] : undefined;
  const owner = revision === undefined ? serviceKey(namespace, service) : revisionKey(namespace, revision);
  const addresses = [];
  for (const endpoint of slice.endpoints ?? []) {
    if (endpoint.conditions?.ready === false) continue;
    for (const host of endpoint.addresses)
      for (const { port, name, protocol } of slice.ports ?? [])
        if (port !== undefined && (protocol ?? 'TCP') === 'TCP') addresses.push({ host, port, portName: name ?? '' });
  }
  return { owner, addresses };
}
