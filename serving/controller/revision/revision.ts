/** Runs a Revision: resolves its images, keeps Deployment, Images and PodAutoscaler, and says how they fare. */
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { Image } from '../../../api/caching.ts';
import { Deployment, Pod } from '../../../api/core.ts';
import { Revision, REVISION_CONDITIONS, type RevisionStatus } from '../../../api/serving/revision.ts';
import type { Conditions } from '../../../kube/conditions.ts';
import type { Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import type { ConfigStore } from '../config/store.ts';
import { ensure } from '../ensure.ts';
import { NotOwnedError } from '../errors.ts';
import { REVISION_LABEL, REVISION_UID_LABEL } from '../keys.ts';
import { beginPass, endPass } from '../observe.ts';
import type { DigestResolver } from './digest.ts';
import { DEPLOYING, isTroubled, judgeDeployment, judgePodAutoscaler, replicasOf } from './health.ts';
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
      const wasReady =
        revision.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
      const status: RevisionStatus = { ...revision.status, logUrl: logUrl(revision, config) };
      const done = (again?: number): Outcome<RevisionStatus> => ({
        status: endPass(revision, status, conditions),
        again,
      });

      if (!hasDigests(revision)) {
        const state = await resolveImages(revision, config, digests);
        if (state.state === 'failed') {
          conditions.markFalse(CONTAINER_HEALTHY, 'ContainerMissing', state.error.message);
          return done(state.retryIn);
        }
        if (state.state === 'pending') {
          // A failure stays what it is while the next attempt is under way.
          conditions.markUnknown(RESOURCES_AVAILABLE, 'ResolvingDigests');
          return done();
        }
        const statuses = (containers: readonly { name: string; image?: string }[]) =>
          containers.map(({ name, image = '' }) => {
            const imageDigest = state.digests.get(image) ?? '';
            return imageDigest === '' ? { name } : { name, imageDigest };
          });
        status.containerStatuses = statuses(revision.spec.containers);
        if ((revision.spec.initContainers ?? []).length > 0)
          status.initContainerStatuses = statuses(revision.spec.initContainers ?? []);
      } else digests.forget({ namespace: revision.metadata.namespace, name: revision.metadata.name });

      const resolved: Revision = { ...revision, status };
      try {
        const deployment = await reconcileDeployment(resolved, config, conditions, world);
        await reconcileImages(resolved, world);
        const autoscaler = await reconcilePodAutoscaler(resolved, deployment, conditions, world);
        Object.assign(status, replicasOf(autoscaler));
      } catch (error) {
        if (!(error instanceof NotOwnedError)) throw error;
        conditions.markFalse(RESOURCES_AVAILABLE, 'NotOwned', error.message);
        return done(RETRY_NOT_OWNED);
      }
      if (!wasReady && conditions.isTrue('Ready'))
        world.event(revision, 'Normal', 'RevisionReady', 'Revision becomes ready upon all resources being ready');
      return done();
    },
  };
}

/** Milliseconds: nothing tells us when somebody else's Deployment goes away. */
const RETRY_NOT_OWNED = 10_000;

async function reconcileDeployment(
  revision: Revision,
  config: ConfigStore,
  conditions: Conditions,
  world: World,
): Promise<Deployment> {
  const desired = makeDeployment(revision, config);
  const { object, created } = await ensure(world, {
    type: Deployment,
    owner: revision,
    desired,
    update: (existing) => updateDeployment(existing, desired),
  });
  if (created) {
    conditions.markUnknown(RESOURCES_AVAILABLE, DEPLOYING);
    conditions.markUnknown(CONTAINER_HEALTHY, DEPLOYING);
  } else judgeDeployment(conditions, object, podsOf(revision, world), config.deployment.podIsAlwaysSchedulable);
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
      judgePodAutoscaler(conditions, existing);
      return updatePodAutoscaler(existing, make());
    },
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
