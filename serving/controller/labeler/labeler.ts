/**
 * Tells Revisions and Configurations which Routes send traffic to them. It asks each object who holds it, rather than
 * telling each Route's targets, so that a deleted Route needs no finalizer: who is held by nobody finds out by itself.
 */
import { Configuration } from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { ResourceType } from '../../../api/resource.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { controllerOf, type ObjectKey, type Reconciler, type World } from '../../../kube/reconciler.ts';
import { revisionsOf } from '../configuration/configuration.ts';
import { CONFIGURATION_LABEL, ROUTES_ANNOTATION } from '../keys.ts';
import { timestamp } from '../observe.ts';
import { routesOfConfiguration, routesOfRevision, routesTouchedBy } from '../route/references.ts';
import {
  holdsConfiguration,
  holdsRevision,
  isSettled,
  patchConfiguration,
  patchRevision,
  routesToName,
  type MetadataPatch,
} from './references.ts';

const BY_ROUTES = 'routes-annotation';

export const revisionLabeler: Reconciler<Revision> = {
  name: 'labeler-controller',
  kind: Revision,
  owns: [],
  watches: [
    { type: Route, keys: revisionsTouched },
    {
      type: Configuration,
      keys: (configuration: Configuration, world) => revisionsOf(world, configuration).map(keyOf),
    },
  ],

  async reconcile(revision, world) {
    const { namespace } = revision.metadata;
    const configuration = configurationOf(revision, world);
    const holders = routesTouchedBy(world, revision)
      .filter((route) => holdsRevision(route, revision, configuration))
      .map((route) => route.metadata.name);
    // It goes with its Configuration: that nobody sends it traffic any more is news to no one.
    if (holders.length === 0 && configuration === undefined && controllerOf(revision)?.kind === 'Configuration') return;
    const routes = routesToName(revision, holders, (name) => mayComeBack(world, namespace, name, configuration));
    await patch(world, Revision, revision, patchRevision(revision, routes, timestamp(world.clock)));
  },
};

export const configurationLabeler: Reconciler<Configuration> = {
  name: 'labeler-configuration-controller',
  kind: Configuration,
  owns: [],
  watches: [{ type: Route, keys: configurationsTouched }],
  reads: [Revision],

  async reconcile(configuration, world) {
    const revisions = revisionsOf(world, configuration);
    const owned = revisions.map((revision) => revision.metadata.name);
    const candidates = [
      ...routesOfConfiguration(world, configuration),
      ...revisions.flatMap((revision) => routesOfRevision(world, revision)),
    ];
    const holders = candidates
      .filter((route) => holdsConfiguration(route, configuration, owned))
      .map((route) => route.metadata.name);
    // A Service names its Route on its Configuration whatever the traffic, and would put it back for ever.
    const routes = routesToName(
      configuration,
      holders,
      (name) =>
        isOwnRoute(name, configuration) || mayComeBack(world, configuration.metadata.namespace, name, configuration),
    );
    await patch(world, Configuration, configuration, patchConfiguration(configuration, routes));
  },
};

/** A Route stays named while it has not settled; a Service's own Route even before it exists. */
function mayComeBack(
  world: World,
  namespace: string | undefined,
  name: string,
  configuration: Configuration | undefined,
): boolean {
  const route = world.informer(Route).get(namespace, name);
  return route === undefined ? isOwnRoute(name, configuration) : !isSettled(route);
}

function isOwnRoute(name: string, configuration: Configuration | undefined): boolean {
  const owner = configuration === undefined ? undefined : controllerOf(configuration);
  return owner?.kind === 'Service' && owner.name === name;
}

function configurationOf(revision: Revision, world: World): Configuration | undefined {
  const name = revision.metadata.labels?.[CONFIGURATION_LABEL];
  return name === undefined ? undefined : world.informer(Configuration).get(revision.metadata.namespace, name);
}

/** What a Route sends traffic to, and what still names it although it does so no more. */
function revisionsTouched(route: Route, world: World): ObjectKey[] {
  const { namespace } = route.metadata;
  const targeted = targets(route).flatMap(({ revisionName = '', configurationName = '' }) => {
    if (revisionName !== '') return [{ namespace, name: revisionName }];
    const configuration = world.informer(Configuration).get(namespace, configurationName);
    return configuration === undefined ? [] : revisionsOf(world, configuration).map(keyOf);
  });
  return [...targeted, ...naming(world, Revision, route)];
}

function configurationsTouched(route: Route, world: World): ObjectKey[] {
  const { namespace } = route.metadata;
  const targeted = targets(route).flatMap(({ revisionName = '', configurationName = '' }) => {
    const revision = world.informer(Revision).get(namespace, revisionName);
    const name = configurationName !== '' ? configurationName : revision?.metadata.labels?.[CONFIGURATION_LABEL];
    return name === undefined ? [] : [{ namespace, name }];
  });
  return [...targeted, ...naming(world, Configuration, route)];
}

function naming<T extends Revision | Configuration>(world: World, type: ResourceType<T>, route: Route): ObjectKey[] {
  return world
    .informer(type)
    .index(BY_ROUTES, ({ metadata: { namespace = '', annotations } }) =>
      (annotations?.[ROUTES_ANNOTATION] ?? '').split(',').map((name) => `${namespace}/${name}`),
    )
    .byIndex(BY_ROUTES, `${route.metadata.namespace ?? ''}/${route.metadata.name}`)
    .map(keyOf);
}

function targets(route: Route) {
  return [...(route.spec.traffic ?? []), ...(route.status?.traffic ?? [])];
}

function keyOf({ metadata: { namespace, name } }: KubeObject): ObjectKey {
  return { namespace, name };
}

async function patch<T extends Revision | Configuration>(
  world: World,
  type: ResourceType<T>,
  object: T,
  metadata: MetadataPatch | undefined,
): Promise<void> {
  if (metadata === undefined) return;
  try {
    await world.client.patch(type, object.metadata.namespace, object.metadata.name, { metadata });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
