/** Runs a Revision: resolves its images, keeps Deployment, Images and PodAutoscaler, and says how they fare. */
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { Image } from '../../../api/caching.ts';
import { Deployment, Pod } from '../../../api/core.ts';
import { Revision, REVISION_CONDITIONS, type RevisionStatus } from '../../../api/serving/revision.ts';
import { isReady, type Conditions } from '../../../kube/conditions.ts';
import type { Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import type { ConfigStore } from '../config/store.ts';
import { ensure } from '../ensure.ts';
import { NotOwnedError, ReconcileError } from '../errors.ts';
import { REVISION_LABEL, REVISION_UID_LABEL } from '../keys.ts';
import { beginPass, concludePass } from '../observe.ts';
import type { DigestResolver } from './digest.ts';
import {
  isTroubled,
  judgeDeployment,
  judgePodAutoscaler,
  LOOKING_UP,
  markDeploying,
  replicasOf,
  RESOLVING_DIGESTS,
  waitingFor,
} from './health.ts';
import { makeDeployment, updateDeployment } from './resources/deployment.ts';
import { imageName, makeImage } from './resources/image.ts';
import { makePodAutoscaler, reachabilityOf, updatePodAutoscaler } from './resources/pod-autoscaler.ts';

const [RESOURCES_AVAILABLE, CONTAINER_HEALTHY] = REVISION_CONDITIONS;
const BY_REVISION_UID = 'revision-uid';

export function revisionReconciler(config: ConfigStore, digests: DigestResolver): Reconciler<Revision> {
  return {
    name: 'revision-controller',
    kind: Revision,
    owns: [Deployment, PodAutoscaler, Image],
    watches: [
      {
        type: Pod,
        keys: (pod: Pod) => {
          const name = pod.metadata.labels?.[REVISION_LABEL];
          return name !== undefined && isTroubled(pod) ? [{ namespace: pod.metadata.namespace, name }] : [];
        },
      },
      {
        type: Revision,
        // Runs before and after a change; a Revision that is gone needs its images no more.
        keys: (revision: Revision, world) => {
          const key = { namespace: revision.metadata.namespace, name: revision.metadata.name };
          if (world.informer(Revision).get(key.namespace, key.name) === undefined) digests.forget(key);
          return [];
        },
      },
    ],
    configs: ['config-defaults', 'config-deployment', 'config-features', 'config-observability', 'config-autoscaler'],
    wakes: (wake) => digests.onSettled(wake),

    async reconcile(revision, world): Promise<Outcome<RevisionStatus>> {
      const conditions = beginPass(revision, REVISION_CONDITIONS, world.clock);
      const status: RevisionStatus = { ...revision.status, logUrl: logUrl(revision, config) };
      return concludePass(revision, status, conditions, async () => {
        const again = await reconcileImageDigests(revision, status, conditions, { config, digests, world });
        if (again === undefined) await reconcileChildren(revision, status, conditions, config, world);
        return again === NEVER ? undefined : again;
      });
    },
  };
}

/** The digests are on their way: whoever looks them up wakes the Revision. */
const NEVER = Infinity;

/** @returns undefined once the images are known, else the ms after which to ask again */
async function reconcileImageDigests(
  revision: Revision,
  status: RevisionStatus,
  conditions: Conditions,
  { config, digests, world }: { config: ConfigStore; digests: DigestResolver; world: World },
): Promise<number | undefined> {
  const { namespace, name } = revision.metadata;
  if (hasDigests(revision)) {
    digests.forget({ namespace, name });
    return undefined;
  }
  const state = await resolveImages(revision, config, digests);
  if (state.state === 'failed') {
    const { message } = state.error;
    // Said once: each new attempt fails for the same reason until the image can be had.
    if (conditions.get(CONTAINER_HEALTHY)?.message !== message)
      world.event(revision, 'Warning', 'InternalError', message);
    conditions.markFalse(CONTAINER_HEALTHY, 'ContainerMissing', message);
    return state.retryIn;
  }
  if (state.state === 'pending') {
    // A failure stays what it is while the next attempt is under way.
    conditions.markUnknown(RESOURCES_AVAILABLE, RESOLVING_DIGESTS, LOOKING_UP);
    return NEVER;
  }
  const statuses = (containers: readonly { name: string; image?: string }[]) =>
    containers.map(({ name, image = '' }) => {
      const imageDigest = state.digests.get(image) ?? '';
      return imageDigest === '' ? { name } : { name, imageDigest };
    });
  status.containerStatuses = statuses(revision.spec.containers);
  if ((revision.spec.initContainers ?? []).length > 0)
    status.initContainerStatuses = statuses(revision.spec.initContainers ?? []);
  return undefined;
}

async function reconcileChildren(
  revision: Revision,
  status: RevisionStatus,
  conditions: Conditions,
  config: ConfigStore,
  world: World,
): Promise<void> {
  const wasReady = isReady(revision);
  const resolved: Revision = { ...revision, status };
  try {
    const deployment = await reconcileDeployment(resolved, config, conditions, world);
    await reconcileImages(resolved, world);
    const autoscaler = await reconcilePodAutoscaler(resolved, deployment, conditions, world);
    Object.assign(status, replicasOf(autoscaler));
  } catch (error) {
    if (!(error instanceof NotOwnedError)) throw error;
    conditions.markFalse(RESOURCES_AVAILABLE, 'NotOwned', error.message);
    throw new ReconcileError(`revision: "${revision.metadata.name}" does not own ${error.kind}: "${error.objectName}"`);
  }
  if (!wasReady && conditions.isTrue('Ready'))
    world.event(revision, 'Normal', 'RevisionReady', 'Revision becomes ready upon all resources being ready');
}

async function reconcileDeployment(
  revision: Revision,
  config: ConfigStore,
  conditions: Conditions,
  world: World,
): Promise<Deployment> {
  const desired = makeDeployment(revision, config);
  const { namespace, name } = desired.metadata;
  if (world.informer(Deployment).get(namespace, name) === undefined) markDeploying(conditions);
  const { object, created } = await ensure(world, {
    type: Deployment,
    owner: revision,
    desired,
    update: (existing) => updateDeployment(existing, desired),
    what: `deployment "${name}"`,
  });
  if (!created) judgeDeployment(conditions, object, podsOf(revision, world), config.deployment.podIsAlwaysSchedulable);
  return object;
}

async function reconcileImages(revision: Revision, world: World): Promise<void> {
  const images = world.informer(Image);
  const { containerStatuses = [], initContainerStatuses = [] } = revision.status ?? {};
  for (const { name, imageDigest } of [...containerStatuses, ...initContainerStatuses]) {
    // Revisions are immutable, so is the Image of one; what has no digest cannot be fetched ahead.
    if (imageDigest === undefined || images.get(revision.metadata.namespace, imageName(revision, name)) !== undefined)
      continue;
    await ensure(world, {
      type: Image,
      owner: revision,
      desired: makeImage(revision, name, imageDigest),
      update: (existing) => existing,
      what: `image cache "${imageName(revision, name)}"`,
    });
  }
}

async function reconcilePodAutoscaler(
  revision: Revision,
  deployment: Deployment,
  conditions: Conditions,
  world: World,
): Promise<PodAutoscaler> {
  const make = (): PodAutoscaler => {
    const broken = conditions.isFalse(RESOURCES_AVAILABLE) || conditions.isFalse(CONTAINER_HEALTHY);
    return makePodAutoscaler(revision, reachabilityOf(revision, broken, deployment));
  };
  const { object, created } = await ensure(world, {
    type: PodAutoscaler,
    owner: revision,
    desired: make(),
    update: (existing) => {
      judgePodAutoscaler(conditions, existing, waitingFor(podsOf(revision, world)));
      return updatePodAutoscaler(existing, make());
    },
    what: `PA "${revision.metadata.name}"`,
  });
  if (created) judgePodAutoscaler(conditions, object);
  return object;
}

function podsOf(revision: Revision, world: World): Pod[] {
  return world
    .informer(Pod)
    .index(BY_REVISION_UID, (pod) => {
      const uid = pod.metadata.labels?.[REVISION_UID_LABEL];
      return uid === undefined ? [] : [uid];
    })
    .byIndex(BY_REVISION_UID, revision.metadata.uid ?? '')
    .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1));
}

function resolveImages(revision: Revision, config: ConfigStore, digests: DigestResolver) {
  const { containers, initContainers = [] } = revision.spec;
  const { digestResolutionTimeout, registriesSkippingTagResolving } = config.deployment;
  return digests.resolve(
    { namespace: revision.metadata.namespace, name: revision.metadata.name },
    {
      images: [...containers, ...initContainers].map(({ image = '' }) => image),
      timeout: digestResolutionTimeout,
      skipRegistries: registriesSkippingTagResolving,
    },
  );
}

function hasDigests(revision: Revision): boolean {
  const { containerStatuses = [], initContainerStatuses = [] } = revision.status ?? {};
  const { containers, initContainers = [] } = revision.spec;
  return containerStatuses.length + initContainerStatuses.length === containers.length + initContainers.length;
}

function logUrl(revision: Revision, config: ConfigStore): string | undefined {
  const template = config.observability.revisionUrlTemplate;
  return template === '' ? undefined : template.replaceAll('${REVISION_UID}', revision.metadata.uid ?? '');
}
