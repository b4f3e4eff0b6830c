/** Gives a Route's traffic to its Revisions: placeholder Services, the Ingress, URLs, rollout. */
import { Endpoints, Service } from '../../../api/core.ts';
import { Certificate } from '../../../api/networking/certificate.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route, ROUTE_CONDITIONS, type RouteStatus } from '../../../api/serving/route.ts';
import { conditionOf, isReady, type Conditions } from '../../../kube/conditions.ts';
import type { Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import { parseDuration } from '../../../kube/go-duration.ts';
import type { ConfigStore } from '../config/store.ts';
import { ensure, replaceSpec } from '../ensure.ts';
import { DomainNameError, NotOwnedError, ReconcileError } from '../errors.ts';
import { firstOf, ROLLOUT_ANNOTATION, ROLLOUT_DURATION } from '../keys.ts';
import { beginPass, concludePass, mirror } from '../observe.ts';
import { markCertificateNotOwned, reconcileCertificates, routesUnderWildcard } from './certificates.ts';
import { clusterHost, DEFAULT_TARGET, urlOf } from './domains.ts';
import { balancePlaceholders, placeholdersOf, reconcilePlaceholders } from './placeholders.ts';
import { keysOf, routesOfConfiguration, routesTouchedBy } from './references.ts';
import { ingressName, makeIngress, notConfigured } from './resources/ingress.ts';
import { isDone, observeReady, parseRollout, settledRollout, stepRollout, type Rollout } from './rollout.ts';
import { statusTraffic, tagUrl } from './status-traffic.ts';
import { planTraffic, type TrafficPlan } from './traffic.ts';
import { visibilityOf } from './visibility.ts';

const [ALL_TRAFFIC_ASSIGNED, INGRESS_READY] = ROUTE_CONDITIONS;

export function routeReconciler(config: ConfigStore): Reconciler<Route> {
  return {
    name: 'route-controller',
    kind: Route,
    owns: [Ingress, Service, Endpoints, Certificate],
    watches: [
      {
        type: Configuration,
        keys: (configuration: Configuration, world) => keysOf(routesOfConfiguration(world, configuration)),
      },
      { type: Revision, keys: (revision: Revision, world) => keysOf(routesTouchedBy(world, revision)) },
      // One that is in the way of the placeholder's name, and may go.
      {
        type: Service,
        keys: ({ metadata: { namespace, name } }: Service, world) =>
          world.informer(Route).get(namespace, name) === undefined ? [] : [{ namespace, name }],
      },
      { type: Certificate, keys: routesUnderWildcard },
    ],
    configs: ['config-network', 'config-domain', 'config-features'],

    async reconcile(route, world): Promise<Outcome<RouteStatus>> {
      const conditions = beginPass(route, ROUTE_CONDITIONS, world.clock);
      const status: RouteStatus = { ...route.status };
      // A generation that was not seen before is not ready because the one before it was.
      if (route.metadata.generation !== route.status?.observedGeneration)
        conditions.markUnknown(INGRESS_READY, ...notConfigured(route.metadata.annotations, config.network));
      return concludePass(route, status, conditions, async () => {
        try {
          return await reconcileRoute(route, status, conditions, config, world);
        } catch (error) {
          if (error instanceof DomainNameError)
            conditions.markFalse(ALL_TRAFFIC_ASSIGNED, 'ErrorConfig', error.message);
          if (!(error instanceof NotOwnedError)) throw error;
          if (error.kind === Certificate.kind) markCertificateNotOwned(conditions, error);
          else markNotOwned(conditions, error);
          const { name } = route.metadata;
          throw new ReconcileError(`route: "${name}" does not own ${error.kind}: "${error.objectName}"`);
        }
      });
    },
  };
}

function markNotOwned(conditions: Conditions, { kind, objectName }: NotOwnedError): void {
  const what = kind === Service.kind ? 'placeholder Service' : kind === Endpoints.kind ? 'placeholder Endpoint' : kind;
  conditions.markFalse(INGRESS_READY, 'NotOwned', `There is an existing ${what} "${objectName}" that we do not own.`);
}

/** @returns ms after which a rollout takes its next step */
async function reconcileRoute(
  route: Route,
  status: RouteStatus,
  conditions: Conditions,
  config: ConfigStore,
  world: World,
): Promise<number | undefined> {
  const { name, namespace = '' } = route.metadata;
  const plan = planTraffic(route, {
    configuration: (wanted) => world.informer(Configuration).get(namespace, wanted),
    revision: (wanted) => world.informer(Revision).get(namespace, wanted),
  });
  const placeholders = new Map(placeholdersOf(world, namespace, name).map((one) => [one.metadata.name, one]));
  const visibility = visibilityOf(route, (wanted) => placeholders.get(wanted), config);
  status.url = tagUrl(route, DEFAULT_TARGET, visibility.get(DEFAULT_TARGET) ?? 'ExternalIP', config);
  if ('reason' in plan) {
    if (plan.status === 'False') conditions.markFalse(ALL_TRAFFIC_ASSIGNED, plan.reason, plan.message);
    else conditions.markUnknown(ALL_TRAFFIC_ASSIGNED, plan.reason, plan.message);
    return undefined;
  }
  const { rollout, again } = currentRollout(route, plan, conditions, config, world);
  status.traffic = statusTraffic(route, plan, rollout, visibility, config);
  conditions.markTrue(ALL_TRAFFIC_ASSIGNED);
  status.address = { url: urlOf('http', clusterHost(name, namespace), config.network.clusterPort) };

  const tags = [...plan.groups.keys()].sort();
  const services = await reconcilePlaceholders(route, tags, visibility, config, world);
  const { tls, challenges } = await reconcileCertificates({
    route,
    tags,
    visibility,
    status,
    conditions,
    config,
    world,
  });
  const desired = makeIngress(route, { plan, rollout, visibility, tls, challenges, config });
  const { object: ingress } = await ensure(world, {
    type: Ingress,
    owner: route,
    desired,
    update: (existing) => replaceSpec(existing, desired),
    label: 'Ingress',
    namedInFailure: false,
  });
  const waiting = notConfigured(route.metadata.annotations, config.network);
  const settled = isDone(rollout);
  if (ingress.metadata.generation !== ingress.status?.observedGeneration)
    conditions.markUnknown(INGRESS_READY, ...waiting);
  else if (settled) {
    const ready = conditionOf(ingress.status, 'Ready');
    if (ready === undefined) conditions.markUnknown(INGRESS_READY, ...waiting);
    else mirror(conditions, INGRESS_READY, ready);
  }
  await balancePlaceholders(route, services, ingress, config, world);
  if (!settled)
    conditions.markUnknown(
      INGRESS_READY,
      'RolloutInProgress',
      'A gradual rollout of the latest revision(s) is in progress.',
    );
  return again;
}

/** Where the rollout stands now, from what the Ingress carries; without a duration all is settled at once. */
function currentRollout(
  route: Route,
  plan: TrafficPlan,
  conditions: Conditions,
  config: ConfigStore,
  world: World,
): { readonly rollout: Rollout; readonly again: number | undefined } {
  const goal = settledRollout(plan);
  const ingress = world.informer(Ingress).get(route.metadata.namespace, ingressName(route));
  const annotated = parseDuration(firstOf(route.metadata.annotations, ROLLOUT_DURATION) ?? '') ?? 0;
  const seconds = Math.floor(annotated / 1000) || config.network.rolloutDuration;
  if (ingress === undefined || seconds <= 0) return { rollout: goal, again: undefined };
  const now = world.clock.now() * 1e6;
  let previous = parseRollout(ingress.metadata.annotations?.[ROLLOUT_ANNOTATION]);
  if (previous !== undefined && isReady(ingress) && !conditions.isTrue(INGRESS_READY))
    previous = observeReady(previous, now, seconds);
  const { rollout, next } = stepRollout(goal, previous, now);
  return { rollout, again: next === 0 ? undefined : Math.max(1, Math.ceil((next - now) / 1e6)) };
}
