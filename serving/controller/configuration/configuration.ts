/** Makes a Revision of every new generation of a Configuration, and says which one is ready. */
import {
  Configuration,
  CONFIGURATION_CONDITIONS,
  type ConfigurationStatus,
} from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { conditionOf } from '../../../kube/conditions.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import { isControlledBy, type Reconciler, type World } from '../../../kube/reconciler.ts';
import { CONFIGURATION_LABEL } from '../keys.ts';
import { beginPass, endPass, timestamp } from '../observe.ts';
import { latestCreated, latestReady } from './latest.ts';
import { makeRevision, revisionName } from './resources.ts';

const BY_CONFIGURATION = 'configuration';

export const configurationReconciler: Reconciler<Configuration> = {
  name: 'configuration-controller',
  kind: Configuration,
  owns: [Revision],
  watches: [],

  async reconcile(configuration, world) {
    const conditions = beginPass(configuration, CONFIGURATION_CONDITIONS, world.clock);
    const status: ConfigurationStatus = { ...configuration.status };
    const { namespace } = configuration.metadata;
    const before = conditions.get('Ready');
    const done = () => ({ status: endPass(configuration, status, conditions) });

    const revisions = revisionsOf(world, configuration);
    const lookup = latestCreated(
      configuration,
      revisions,
      world.informer(Revision).get(namespace, revisionName(configuration)),
    );
    if ('conflict' in lookup) {
      const why = `revisions.serving.knative.dev "${lookup.conflict}" already exists`;
      conditions.markFalse('Ready', 'RevisionFailed', `Revision creation failed with message: ${why}.`);
      return done();
    }
    let created: { readonly found: Revision; readonly named: boolean };
    if (lookup.found === undefined) {
      const named = (configuration.spec.template.metadata?.name ?? '') !== '';
      const desired = makeRevision(configuration, timestamp(world.clock));
      try {
        created = { found: await world.client.create(Revision, desired), named };
      } catch (error) {
        const other = world.informer(Revision).get(namespace, desired.metadata.name);
        // Already there, and not somebody else's: the cache lags behind a pass of ours.
        if (isAlreadyExists(error) && (other === undefined || isControlledBy(other, configuration)))
          return { again: CACHE_LAG };
        const why = error instanceof Error ? error.message : String(error);
        world.event(configuration, 'Warning', 'CreationFailed', `Failed to create Revision: ${why}`);
        conditions.markFalse('Ready', 'RevisionFailed', `Revision creation failed with message: ${why}.`);
        return { ...done(), again: RETRY_CREATION };
      }
      world.event(configuration, 'Normal', 'Created', `Created Revision "${created.found.metadata.name}"`);
    } else created = lookup;

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
    else if (status.latestReadyRevisionName !== name && ready?.status !== 'False') conditions.markUnknown('Ready');
    return done();
  },
};

/** Milliseconds. What denied the Revision (a quota, a webhook) may change its mind without our hearing of it. */
const RETRY_CREATION = 10_000;

/** Milliseconds that a watch may be behind a write; the Revision's arrival wakes the Configuration sooner. */
const CACHE_LAG = 1_000;

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
