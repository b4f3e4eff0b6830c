/** Writes a Route's placeholder Services, and takes away those of tags that are gone. */
import { Endpoints, Service } from '../../../api/core.ts';
import type { Ingress } from '../../../api/networking/ingress.ts';
import type { Route } from '../../../api/serving/route.ts';
import { includes } from '../../../kube/equal.ts';
import { isControlledBy, type World } from '../../../kube/reconciler.ts';
import { ensure } from '../ensure.ts';
import { NotOwnedError } from '../errors.ts';
import { ROUTE_LABEL, union, VISIBILITY_LABEL } from '../keys.ts';
import type { NamingConfig, Visibility } from './domains.ts';
import { makeBalanced, makePlaceholder } from './resources/placeholder.ts';

const BY_ROUTE = 'route-label';

/**
 * Makes one placeholder a tag where there is none.
 * @throws NotOwnedError when a Service or Endpoints of that name belongs to somebody else
 */
export async function reconcilePlaceholders(
  route: Route,
  tags: readonly string[],
  visibility: ReadonlyMap<string, Visibility>,
  config: NamingConfig,
  world: World,
): Promise<ReadonlyMap<string, Service>> {
  const services = new Map<string, Service>();
  for (const tag of tags) {
    const desired = makePlaceholder(route, tag, visibility.get(tag) ?? 'ExternalIP', config);
    const { object } = await ensure(world, {
      type: Service,
      owner: route,
      desired,
      update: (existing) => existing,
      what: 'placeholder service',
      label: 'placeholder service',
    });
    const endpoints = world.informer(Endpoints).get(object.metadata.namespace, object.metadata.name);
    // A selector-less Service's Endpoints may also be a mirror that the API server keeps without an owner.
    if (endpoints?.metadata.ownerReferences !== undefined && !isControlledBy(endpoints, route))
      throw new NotOwnedError(Endpoints.kind, object.metadata.name);
    services.set(tag, object);
  }
  await deleteOrphans(route, services, world);
  return services;
}

/** Leads the placeholders to the load balancer of the Ingress, as soon as there is one. */
export async function balancePlaceholders(
  route: Route,
  services: ReadonlyMap<string, Service>,
  ingress: Ingress,
  config: NamingConfig,
  world: World,
): Promise<void> {
  for (const [tag, service] of services) {
    const onlyPrivate = (service.metadata.labels?.[VISIBILITY_LABEL] ?? '') !== '';
    const wanted = makeBalanced(route, tag, ingress, onlyPrivate, config);
    if (wanted === undefined) continue;
    await updateService(service, wanted.service, world);
    await updateEndpoints(route, service, wanted.endpoints, world);
  }
}

async function updateService(service: Service, wanted: Service, world: World): Promise<void> {
  const { client } = world;
  const { namespace, name, labels, annotations } = service.metadata;
  if (!canBecome(service, wanted)) {
    await client.delete(Service, namespace, name);
    await client.create(Service, wanted);
    return;
  }
  const metadata = {
    ...service.metadata,
    labels: union(labels, wanted.metadata.labels),
    annotations: union(annotations, wanted.metadata.annotations),
  };
  const spec = includes(service.spec, wanted.spec)
    ? service.spec
    : { ...wanted.spec, clusterIP: wanted.spec?.clusterIP ?? keptAddress(service, wanted) };
  if (includes(service.metadata, metadata) && spec === service.spec) return;
  await client.update(Service, { ...service, metadata, spec });
}

function keptAddress(service: Service, wanted: Service): string | undefined {
  return wanted.spec?.type === 'ClusterIP' && service.spec?.type === 'ClusterIP' ? service.spec.clusterIP : undefined;
}

/** Kubernetes lets an ExternalName become anything; a cluster IP, or having none, is for ever. */
function canBecome(service: Service, wanted: Service): boolean {
  const from = service.spec;
  const to = wanted.spec;
  if (from?.type === 'ExternalName') return true;
  if (from?.type !== to?.type) return false;
  return (from?.clusterIP === 'None') === (to?.clusterIP === 'None');
}

async function updateEndpoints(
  route: Route,
  service: Service,
  wanted: Endpoints | undefined,
  world: World,
): Promise<void> {
  const existing = world.informer(Endpoints).get(service.metadata.namespace, service.metadata.name);
  if (wanted !== undefined)
    await ensure(world, {
      type: Endpoints,
      owner: route,
      desired: wanted,
      update: (found) => (includes(found.subsets, wanted.subsets) ? found : { ...found, subsets: wanted.subsets }),
    });
  else if (existing !== undefined && isControlledBy(existing, route))
    await world.client.delete(Endpoints, existing.metadata.namespace, existing.metadata.name);
}

async function deleteOrphans(route: Route, active: ReadonlyMap<string, Service>, world: World): Promise<void> {
  const { namespace = '', name } = route.metadata;
  const kept = new Set([...active.values()].map((service) => service.metadata.name));
  for (const service of placeholdersOf(world, namespace, name)) {
    if (kept.has(service.metadata.name) || !isControlledBy(service, route)) continue;
    await world.client.delete(Service, namespace, service.metadata.name);
    const endpoints = world.informer(Endpoints).get(namespace, service.metadata.name);
    if (endpoints !== undefined && isControlledBy(endpoints, route))
      await world.client.delete(Endpoints, namespace, endpoints.metadata.name);
  }
}

export function placeholdersOf(world: World, namespace: string, route: string): Service[] {
  return world
    .informer(Service)
    .index(BY_ROUTE, (service) => {
      const label = service.metadata.labels?.[ROUTE_LABEL];
      return label === undefined ? [] : [`${service.metadata.namespace ?? ''}/${label}`];
    })
    .byIndex(BY_ROUTE, `${namespace}/${route}`);
}
