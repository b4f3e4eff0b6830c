/**
 * Keeps the EndpointSlices and Endpoints of Services with a selector. A pod that turns ready is in its slice one write
 * later; Endpoints follow. Source: Kubernetes, "EndpointSlices", "Services without selectors".
 */
import { Endpoints, EndpointSlice, Pod, Service } from '../../../api/core.ts';
import type { ControllerOptions } from '../../../kube/controller.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { isConflict } from '../../../kube/errors.ts';
import type { ObjectKey, Reconciler, World } from '../../../kube/reconciler.ts';
import { matchesAll } from '../../../kube/label-selector.ts';
import { labelKeys, selectorKey } from '../label-index.ts';
import { portSets, type PortSet } from './port-sets.ts';
import { MANAGED_BY, MANAGER, planSlices, SERVICE_NAME, type SlicePlan } from './slices.ts';
import { makeEndpoints } from './subsets.ts';

const BY_LABEL = 'label';
const BY_SELECTOR = 'selector';
const BY_SERVICE = 'service';

export const endpointSliceReconciler: Reconciler<Service> = {
  name: 'endpointslice-controller',
  kind: Service,
  owns: [],
  watches: [
    { type: Pod, keys: servicesOf },
    { type: EndpointSlice, keys: serviceOfSlice },
  ],

  async reconcile(service, world) {
    const sets = setsOf(service, world);
    if (sets === undefined) return;
    const { namespace, name } = service.metadata;
    const slices = world.informer(EndpointSlice).index(BY_SERVICE, sliceService);
    await writeSlices(planSlices(service, sets, slices.byIndex(BY_SERVICE, `${namespace}/${name}`)), world);
  },
};

/** A loop of its own, woken by the slices rather than the pods: a slice never waits for it. */
export const endpointsReconciler: Reconciler<Service> = {
  name: 'endpoint-controller',
  kind: Service,
  owns: [],
  watches: [
    { type: EndpointSlice, keys: serviceOfSlice },
    { type: Endpoints, keys: ({ metadata }) => [{ namespace: metadata.namespace, name: metadata.name }] },
  ],
  reads: [Pod],

  async reconcile(service, world) {
    const sets = setsOf(service, world);
    if (sets === undefined) return;
    const { namespace, name } = service.metadata;
    const existing = world.informer(Endpoints).get(namespace, name);
    const endpoints = makeEndpoints(service, sets, existing);
    if (existing === undefined) await world.client.create(Endpoints, endpoints);
    else if (!deepEqual(existing, endpoints)) await world.client.update(Endpoints, endpoints);
  },
};

/** Endpoints go with their Service, whoever wrote them; those left from an earlier run too. */
export async function removeEndpointsWithServices({ informers, client, log }: ControllerOptions): Promise<void> {
  const [services, endpoints] = [informers.of(Service), informers.of(Endpoints)];
  const remove = (namespace: string | undefined, name: string): void => {
    client.delete(Endpoints, namespace, name).catch((error: unknown) => {
      log.warn('Endpoints of a deleted Service not removed', { namespace, name, error });
    });
  };
  await Promise.all([services.synced, endpoints.synced]);
  for (const { metadata } of endpoints.list()) {
    if (services.get(metadata.namespace, metadata.name) === undefined) remove(metadata.namespace, metadata.name);
  }
  services.onChange((previous, current) => {
    if (current === undefined && previous !== undefined) {
      const { namespace, name } = previous.metadata;
      if (endpoints.get(namespace, name) !== undefined) remove(namespace, name);
    }
  });
}

/** `undefined` for a Service whose endpoints are someone else's to write. */
function setsOf(service: Service, world: World): PortSet[] | undefined {
  const { selector, type } = service.spec ?? {};
  if (selector === undefined || Object.keys(selector).length === 0 || type === 'ExternalName') return undefined;
  return portSets(service, podsOf(service.metadata.namespace, selector, world));
}

async function writeSlices({ creates, updates, deletes }: SlicePlan, world: World): Promise<void> {
  const { client } = world;
  await Promise.all([
    ...updates.map((slice) => client.update(EndpointSlice, slice)),
    ...creates.map((slice) => client.create(EndpointSlice, slice)),
  ]);
  // Only now: no pod may be missing in between.
  await Promise.all(
    deletes.map(({ metadata: { namespace, name, uid } }) =>
      client.delete(EndpointSlice, namespace, name, { uid }).catch((error: unknown) => {
        if (!isConflict(error)) throw error;
      }),
    ),
  );
}

function podsOf(namespace: string | undefined, selector: Readonly<Record<string, string>>, world: World): Pod[] {
  const key = selectorKey(namespace, selector);
  if (key === undefined) return [];
  const pods = world.informer(Pod).index(BY_LABEL, labelKeys).byIndex(BY_LABEL, key);
  return pods.filter(({ metadata }) => matchesAll(selector, metadata.labels));
}

/** The Services that select a pod. */
function servicesOf(pod: Pod, world: World): ObjectKey[] {
  const services = world.informer(Service).index(BY_SELECTOR, ({ metadata, spec }) => {
    const key = selectorKey(metadata.namespace, spec?.selector ?? {});
    return key === undefined ? [] : [key];
  });
  return labelKeys(pod)
    .flatMap((key) => services.byIndex(BY_SELECTOR, key))
    .filter(({ spec }) => matchesAll(spec?.selector ?? {}, pod.metadata.labels))
    .map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function serviceOfSlice(slice: EndpointSlice): ObjectKey[] {
  return sliceService(slice).map((key) => ({
    namespace: slice.metadata.namespace,
    name: key.slice(key.indexOf('/') + 1),
  }));
}

/** `NAMESPACE/SERVICE` of a slice that this controller made. */
function sliceService({ metadata: { namespace, labels } }: EndpointSlice): string[] {
  const name = labels?.[SERVICE_NAME];
  return name !== undefined && labels?.[MANAGED_BY] === MANAGER ? [`${namespace}/${name}`] : [];
}
