/** Makes a Revision of every new generation of a Configuration, and says which one is ready. */
import {
  Configuration,
  CONFIGURATION_CONDITIONS,
  type ConfigurationStatus,
} from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { conditionOf, type Conditions } from '../../../kube/conditions.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import type { Reconciler, World } from '../../../kube/reconciler.ts';
import { ReconcileError } from '../errors.ts';
import { CONFIGURATION_LABEL } from '../keys.ts';
import { beginPass, concludePass, timestamp } from '../observe.ts';
import { notYetReady } from '../revision/health.ts';
import { latestCreated, latestReady, revisionNameConflict, type CurrentRevision } from './latest.ts';
import { makeRevision, revisionName } from './resources.ts';
import { messageOf } from '../../../kube/message.ts';

const BY_CONFIGURATION = 'configuration';

export const configurationReconciler: Reconciler<Configuration> = {
  name: 'configuration-controller',
  kind: Configuration,
  owns: [Revision],
  watches: [],

  async reconcile(configuration, world) {
    const conditions = beginPass(configuration, CONFIGURATION_CONDITIONS, world.clock);
    const status: ConfigurationStatus = { ...configuration.status };
    return concludePass(configuration, status, conditions, async () => {
      await reconcileConfiguration(configuration, status, conditions, world);
      return undefined;
    });
  },
};

async function reconcileConfiguration(
  configuration: Configuration,
  status: ConfigurationStatus,
  conditions: Conditions,
  world: World,
): Promise<void> {
  const before = conditions.get('Ready');
  const revisions = revisionsOf(world, configuration);
  const created = await currentRevision(configuration, revisions, conditions, world);
  if (created === undefined) return;
  const { name } = created.found.metadata;
  status.latestCreatedRevisionName = name;

  const ready = conditionOf(created.found.status, 'Ready');
  if (ready?.status === 'True' && (status.latestReadyRevisionName ?? '') === '')
    world.event(configuration, 'Normal', 'ConfigurationReady', 'Configuration becomes ready');
  if (ready?.status === 'False') {
    const message = `Revision "${name}" failed with message: ${ready.message ?? ''}.`;
    conditions.markFalse('Ready', 'RevisionFailed', message);
    if (before?.status !== 'False' || before.message !== message) {
      const [reason, which] =
        name === status.latestReadyRevisionName
          ? ['LatestReadyFailed', 'Latest ready']
          : ['LatestCreatedFailed', 'Latest created'];
      world.event(configuration, 'Warning', reason, `${which} revision "${name}" has failed`);
    }
  }

  const newest = latestReady(configuration, revisions, created)?.metadata.name;
  if (newest !== undefined) {
    if (newest !== status.latestReadyRevisionName)
      world.event(configuration, 'Normal', 'LatestReadyUpdate', `LatestReadyRevisionName updated to "${newest}"`);
    status.latestReadyRevisionName = newest;
  }
  if (newest === name) conditions.markTrue('Ready');
  else if (status.latestReadyRevisionName !== name && ready?.status !== 'False')
    conditions.markUnknown('Ready', undefined, notYetReady(created.found));
}

/**
 * The Revision of the Configuration's generation, made when there is none.
 * @returns undefined when its name is taken
 * @throws ReconcileError when it cannot be made
 */
async function currentRevision(
  configuration: Configuration,
  revisions: readonly Revision[],
  conditions: Conditions,
  world: World,
): Promise<CurrentRevision | undefined> {
  const { namespace } = configuration.metadata;
  const lookup = latestCreated(
    configuration,
    revisions,
    world.informer(Revision).get(namespace, revisionName(configuration)),
  );
  if ('conflict' in lookup) {
    const why = `revisions.serving.knative.dev "${lookup.conflict}" already exists`;
    conditions.markFalse('Ready', 'RevisionFailed', `Revision creation failed with message: ${why}.`);
    return undefined;
  }
  if (lookup.found !== undefined) return lookup;
  const named = (configuration.spec.template.metadata?.name ?? '') !== '';
  const desired = makeRevision(configuration, timestamp(world.clock));
  try {
    const found = await world.client.create(Revision, desired);
    world.event(configuration, 'Normal', 'Created', `Created Revision "${found.metadata.name}"`);
    return { found, named };
  } catch (error) {
    if (isAlreadyExists(error)) {
      const found = await world.client.find(Revision, namespace, desired.metadata.name);
      if (found === undefined) throw new ReconcileError('failed to create Revision', error);
      // Ours: the cache lags behind a pass of our own.
      if (!revisionNameConflict(configuration, found)) return { found, named };
    }
    const why = messageOf(error);
    world.event(configuration, 'Warning', 'CreationFailed', `Failed to create Revision: ${why}`);
    conditions.markFalse('Ready', 'RevisionFailed', `Revision creation failed with message: ${why}.`);
    throw new ReconcileError('failed to create Revision', error);
  }
}

/** The Revisions labelled with a Configuration. */
export function revisionsOf(world: World, configuration: Configuration): Revision[] {
  const { namespace = '', name } = configuration.metadata;
  return world
    .informer(Revision)
    .index(BY_CONFIGURATION, (revision) => [
      `${revision.metadata.namespace ?? ''}/${revision.metadata.labels?.[CONFIGURATION_LABEL] ?? ''}`,
    ])
    .byIndex(BY_CONFIGURATION, `${namespace}/${name}`);
}
