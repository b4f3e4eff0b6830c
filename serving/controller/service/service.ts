/** Keeps a Service's Configuration and Route in step with it, and its status in step with theirs. */
import { Configuration } from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service, SERVICE_CONDITIONS, type ServiceStatus } from '../../../api/serving/service.ts';
import type { KubeObject } from '../../../api/object.ts';
import { conditionOf, type Conditions } from '../../../kube/conditions.ts';
import { deepEqual } from '../../../kube/equal.ts';
import type { ObjectKey, Reconciler, World } from '../../../kube/reconciler.ts';
import { revisionNameConflict } from '../configuration/latest.ts';
import { defaultConfiguration, defaultRoute } from '../defaults/serving.ts';
import { ensure, replaceSpec } from '../ensure.ts';
import { NotOwnedError, ReconcileError } from '../errors.ts';
import { beginPass, concludePass, mirror, timestamp } from '../observe.ts';
import { servingContext, type ServingContext } from '../validation/context.ts';
import { makeConfiguration, makeRoute } from './resources.ts';
import { isTrafficMigrated } from './traffic.ts';

const [CONFIGURATIONS_READY, ROUTES_READY] = SERVICE_CONDITIONS;

/** A child has its Service's name, also one that is in the way of it. */
const sameName = (object: KubeObject): ObjectKey[] => [
  { namespace: object.metadata.namespace, name: object.metadata.name },
];

export const serviceReconciler: Reconciler<Service> = {
  name: 'service-controller',
  kind: Service,
  owns: [],
  watches: [
    { type: Configuration, keys: sameName },
    { type: Route, keys: sameName },
  ],
  reads: [Revision],

  async reconcile(service, world) {
    const conditions = beginPass(service, SERVICE_CONDITIONS, world.clock);
    const status: ServiceStatus = { ...service.status };
    return concludePass(service, status, conditions, async () => {
      await reconcileService(service, status, conditions, world);
      return undefined;
    });
  },
};

async function reconcileService(
  service: Service,
  status: ServiceStatus,
  conditions: Conditions,
  world: World,
): Promise<void> {
  const configuration = await owned(service, 'Configuration', CONFIGURATIONS_READY, conditions, () =>
    ensure(world, {
      type: Configuration,
      owner: service,
      desired: makeConfiguration(service),
      update: (existing) =>
        changedBeyondDefaults(existing, makeConfiguration(service, existing), (one) =>
          defaultConfiguration(one, undefined, defaulting(world)),
        ),
      updating: 'reconcile',
      label: 'Configuration',
    }),
  );
  if (configuration.metadata.generation !== configuration.status?.observedGeneration) {
    conditions.markUnknown(CONFIGURATIONS_READY, 'OutOfDate', outOfDate('Configuration'));
    // A revision name of the user's own may still turn out to be taken: traffic waits for that.
    if (revisionNameOf(configuration) !== '') return;
  } else {
    status.latestCreatedRevisionName = configuration.status?.latestCreatedRevisionName;
    status.latestReadyRevisionName = configuration.status?.latestReadyRevisionName;
    mirror(conditions, CONFIGURATIONS_READY, conditionOf(configuration.status, 'Ready'));
  }

  const named = world.informer(Revision).get(service.metadata.namespace, revisionNameOf(configuration));
  if (named !== undefined && revisionNameConflict(configuration, named)) {
    conditions.markFalse(
      ROUTES_READY,
      'RevisionNameTaken',
      `The revision name "${named.metadata.name}" is taken by a conflicting Revision, so traffic will not be migrated`,
    );
    return;
  }

  const route = await owned(service, 'Route', ROUTES_READY, conditions, () =>
    ensure(world, {
      type: Route,
      owner: service,
      desired: makeRoute(service),
      update: (existing) =>
        changedBeyondDefaults(existing, makeRoute(service), (one) => defaultRoute(one, undefined, defaulting(world))),
      updating: 'reconcile',
      label: 'Route',
    }),
  );
  if (route.metadata.generation !== route.status?.observedGeneration) {
    conditions.markUnknown(ROUTES_READY, 'OutOfDate', outOfDate('Route'));
  } else {
    status.url = route.status?.url;
    status.address = route.status?.address;
    status.traffic = route.status?.traffic;
    mirror(conditions, ROUTES_READY, conditionOf(route.status, 'Ready'));
  }
  if (conditions.isTrue(ROUTES_READY) && !isTrafficMigrated(route, configuration))
    conditions.markUnknown(ROUTES_READY, 'TrafficNotMigrated', 'Traffic is not yet migrated to the latest revision.');
}

/** The child as stored; one that is somebody else's becomes a condition, and an error for the Event. */
async function owned<T extends KubeObject>(
  service: Service,
  kind: 'Configuration' | 'Route',
  condition: string,
  conditions: Conditions,
  make: () => Promise<{ readonly object: T }>,
): Promise<T> {
  try {
    return (await make()).object;
  } catch (error) {
    if (!(error instanceof NotOwnedError)) throw error;
    conditions.markFalse(condition, 'NotOwned', error.message);
    const { name } = service.metadata;
    throw new ReconcileError(`service: "${name}" does not own ${kind.toLowerCase()}: "${error.objectName}"`);
  }
}

/**
 * The child as desired; as it is when it lacks nothing but defaults that the Service got later (from a newer version,
 * or a ConfigMap): they are no wish of the user's, and would make a new Revision.
 */
function changedBeyondDefaults<T extends KubeObject & { spec?: unknown }>(
  existing: T,
  desired: T,
  withDefaults: (object: T) => T,
): T {
  const wanted = replaceSpec(existing, desired);
  if (deepEqual(wanted, existing)) return existing;
  const defaulted = withDefaults(existing);
  return deepEqual(replaceSpec(defaulted, desired), defaulted) ? existing : wanted;
}

function defaulting(world: World): ServingContext {
  return servingContext({
    operation: 'UPDATE',
    subresource: undefined,
    dryRun: false,
    username: '',
    now: timestamp(world.clock),
    config: (_, name) => world.config(name),
  });
}

function revisionNameOf(configuration: Configuration): string {
  return configuration.spec.template.metadata?.name ?? '';
}

function outOfDate(kind: string): string {
  return `The ${kind} is still working to reflect the latest desired specification.`;
}
