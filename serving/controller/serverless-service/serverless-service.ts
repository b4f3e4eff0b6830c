/** Keeps the public and the private Service of a revision, and says whether pods stand behind it. */
import { Deployment, EndpointSlice, Endpoints, Service } from '../../../api/core.ts';
import {
  SERVERLESS_SERVICE_CONDITIONS,
  SERVICE_TYPE_LABEL,
  ServerlessService,
} from '../../../api/networking/serverless-service.ts';
import { SERVING_NAMESPACE } from '../../../api/zeroth.ts';
import type { Conditions } from '../../../kube/conditions.ts';
import { includes } from '../../../kube/equal.ts';
import type { ObjectKey, Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import { ensure } from '../ensure.ts';
import { NotOwnedError, ReconcileError } from '../errors.ts';
import { SERVERLESS_SERVICE_LABEL } from '../keys.ts';
import { beginPass, concludePass } from '../observe.ts';
import { USER_PORT_NAME } from '../revision/resources/port.ts';
import {
  activatorPorts,
  ENDPOINTS_POPULATED,
  makePrivateService,
  makePublicEndpoints,
  makePublicService,
  privateServiceName,
} from './resources/services.ts';
import { subsetOf, type Subset } from './subset.ts';

const ACTIVATOR_SERVICE = 'activator-service';
const ACTIVATOR_POPULATED = 'ActivatorEndpointsPopulated';
const NOT_READY = 'K8s Service is not ready';
const BY_SERVICE = 'kubernetes-service';
const BY_TARGET = 'scale-target';

type Sks = ServerlessService;
type Status = NonNullable<Sks['status']>;

/** @param systemNamespace where the activators' own Service is */
export function serverlessServiceReconciler(systemNamespace: string = SERVING_NAMESPACE): Reconciler<Sks> {
  return {
    name: 'serverless-service-controller',
    kind: ServerlessService,
    owns: [Service, Endpoints],
    watches: [
      // The pods' selector and port come from the Deployment: once the private Service has them, it matters no more.
      { type: Deployment, keys: (deployment: Deployment, world) => waitingFor(deployment, world) },
      {
        type: EndpointSlice,
        keys: ({ metadata: { namespace, labels } }: EndpointSlice) => {
          const name = labels?.[SERVERLESS_SERVICE_LABEL];
          return name !== undefined && labels?.[SERVICE_TYPE_LABEL] === 'Private' ? [{ namespace, name }] : [];
        },
      },
      {
        type: Endpoints,
        keys: ({ metadata }: Endpoints, world) =>
          metadata.namespace === systemNamespace && metadata.name === ACTIVATOR_SERVICE
            ? world
                .informer(ServerlessService)
                .list()
                .map((sks) => ({ namespace: sks.metadata.namespace, name: sks.metadata.name }))
            : [],
      },
    ],

    async reconcile(sks, world): Promise<Outcome<Status>> {
      const deployment = world.informer(Deployment).get(sks.metadata.namespace, sks.spec.objectRef.name);
      if (deployment === undefined) return {};
      const conditions = beginPass(sks, SERVERLESS_SERVICE_CONDITIONS, world.clock);
      const status: Status = { ...sks.status };
      return concludePass(sks, status, conditions, async () => {
        try {
          await reconcileServices(sks, deployment, status, conditions, systemNamespace, world);
        } catch (error) {
          if (!(error instanceof NotOwnedError)) throw error;
          const { kind, objectName } = error;
          const message = `Resource ${objectName} of type ${kind} is not owned by SKS`;
          conditions.markFalse(ENDPOINTS_POPULATED, 'NotOwned', message);
          throw new ReconcileError(`SKS: ${sks.metadata.name} does not own ${kind}: ${objectName}`);
        }
        return undefined;
      });
    },
  };
}

async function reconcileServices(
  sks: Sks,
  deployment: Deployment,
  status: Status,
  conditions: Conditions,
  systemNamespace: string,
  world: World,
): Promise<void> {
  const { namespace, name } = sks.metadata;
  const selector = deployment.spec?.selector.matchLabels ?? {};
  const desired = makePrivateService(sks, selector, servedPort(deployment));
  const made = await ensure(world, {
    type: Service,
    owner: sks,
    desired,
    update: (existing) => withSpec(existing, desired, true),
    what: 'private K8s Service',
  });
  if (made.created) conditions.markUnknown(ENDPOINTS_POPULATED, 'CreatingPrivateService', NOT_READY);
  status.privateServiceName = privateServiceName(sks);

  const wanted = makePublicService(sks);
  const shown = await ensure(world, {
    type: Service,
    owner: sks,
    desired: wanted,
    update: (existing) => withSpec(existing, wanted, false),
    what: 'public K8s Service',
  });
  if (shown.created) conditions.markUnknown(ENDPOINTS_POPULATED, 'CreatingPublicService', NOT_READY);
  status.serviceName = name;

  await publishActivators(sks, systemNamespace, world);

  const ready = readyAddresses(world, namespace ?? '', status.privateServiceName);
  if (ready > 0) conditions.markTrue(ENDPOINTS_POPULATED);
  else conditions.markUnknown(ENDPOINTS_POPULATED, 'NoHealthyBackends', NOT_READY);
  if (ready === 0 || sks.spec.mode === 'Proxy') conditions.markTrue(ACTIVATOR_POPULATED);
  else conditions.markFalse(ACTIVATOR_POPULATED, 'ActivatorEndpointsRemoved', '');
}

/** ServerlessServices that could not be made yet for want of this Deployment. */
function waitingFor(deployment: Deployment, world: World): ObjectKey[] {
  const { namespace = '', name } = deployment.metadata;
  return world
    .informer(ServerlessService)
    .index(BY_TARGET, ({ metadata, spec }) => [`${metadata.namespace ?? ''}/${spec.objectRef.name}`])
    .byIndex(BY_TARGET, `${namespace}/${name}`)
    .filter((sks) => sks.status?.privateServiceName === undefined)
    .map((sks) => ({ namespace, name: sks.metadata.name }));
}

/** The part of a Service's spec that is ours: ports and selector. */
function withSpec(existing: Service, desired: Service, selects: boolean): Service {
  const same = includes(existing.spec?.ports, desired.spec?.ports);
  const selector = selects ? desired.spec?.selector : undefined;
  return {
    ...existing,
    spec: { ...existing.spec, ports: same ? existing.spec?.ports : desired.spec?.ports, selector },
  };
}

/**
 * The public Service leads to some of the activators, which stay in the path; to the pods only while there is no
 * activator. Where they have no Service of their own (the local gateway), names are resolved by the gateway itself and
 * there is nothing to publish.
 */
async function publishActivators(sks: Sks, systemNamespace: string, world: World): Promise<void> {
  const activators = world.informer(Endpoints).get(systemNamespace, ACTIVATOR_SERVICE);
  if (activators === undefined) return;
  const { name, namespace = '' } = sks.metadata;
  const ready = (activators.subsets ?? []).filter(({ addresses = [] }) => addresses.length > 0);
  const subsets =
    ready.length === 0
      ? podSubsets(world, namespace, privateServiceName(sks))
      : activatorPorts(sks, subsetOf(ready, sks.spec.numActivators ?? 0, name));
  const desired = makePublicEndpoints(sks, subsets);
  await ensure(world, {
    type: Endpoints,
    owner: sks,
    desired,
    update: (existing) =>
      includes(existing.subsets ?? [], subsets) ? existing : { ...existing, subsets: desired.subsets },
    what: 'public K8s Endpoints',
  });
}

/** The number that the serving container's port has: pods name it. */
function servedPort(deployment: Deployment): number {
  const ports = (deployment.spec?.template.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const port = ports.find((one) => one.name === USER_PORT_NAME) ?? ports[0];
  if (port === undefined) throw new Error(`Deployment "${deployment.metadata.name}" has no container port`);
  return port.containerPort;
}

function readyAddresses(world: World, namespace: string, service: string): number {
  return slicesOf(world, namespace, service).flatMap(readyEndpoints).length;
}

function podSubsets(world: World, namespace: string, service: string): Subset[] {
  return slicesOf(world, namespace, service)
    .map((slice) => ({
      addresses: readyEndpoints(slice)
        .flatMap(({ addresses }) => addresses)
        .map((ip) => ({ ip })),
      ports: (slice.ports ?? []).flatMap(({ name, port, protocol, appProtocol }) =>
        port === undefined ? [] : [{ name, port, protocol, appProtocol }],
      ),
    }))
    .filter(({ addresses }) => addresses.length > 0);
}

function readyEndpoints(slice: EndpointSlice) {
  return (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
}

function slicesOf(world: World, namespace: string, service: string): EndpointSlice[] {
  return world
    .informer(EndpointSlice)
    .index(BY_SERVICE, ({ metadata }) => {
      const label = metadata.labels?.['kubernetes.io/service-name'];
      return label === undefined ? [] : [`${metadata.namespace ?? ''}/${label}`];
    })
    .byIndex(BY_SERVICE, `${namespace}/${service}`);
}
