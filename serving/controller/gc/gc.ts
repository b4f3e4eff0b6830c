/** Deletes Revisions that have had no traffic for long enough, as config-gc says. */
import { Configuration } from '../../../api/serving/configuration.ts';
import { Revision } from '../../../api/serving/revision.ts';
import type { Reconciler } from '../../../kube/reconciler.ts';
import type { ConfigStore } from '../config/store.ts';
import { revisionsOf } from '../configuration/configuration.ts';
import { ReconcileError } from '../errors.ts';
import { CONFIGURATION_LABEL } from '../keys.ts';
import { planCollection } from './policy.ts';

export function revisionCollector(config: ConfigStore): Reconciler<Configuration> {
  return {
    name: 'revision-gc-controller',
    kind: Configuration,
    owns: [],
    watches: [
      {
        type: Revision,
        keys: ({ metadata: { namespace, labels } }: Revision) => {
          const name = labels?.[CONFIGURATION_LABEL];
          return name === undefined ? [] : [{ namespace, name }];
        },
      },
    ],
    configs: ['config-gc'],

    async reconcile(configuration, world) {
      const { remove, next } = planCollection(
        configuration,
        revisionsOf(world, configuration).filter((one) => one.metadata.deletionTimestamp === undefined),
        config.gc,
        world.clock.now(),
      );
      let failure: unknown;
      for (const { metadata } of remove) {
        world.log.info('deleting a Revision without traffic', {
          revision: `${metadata.namespace ?? ''}/${metadata.name}`,
        });
        try {
          await world.client.delete(Revision, metadata.namespace, metadata.name, { uid: metadata.uid });
        } catch (error) {
          // One that may not be deleted keeps none of the others.
          failure ??= new ReconcileError(`failed to delete Revision "${metadata.name}"`, error);
        }
      }
      return { again: next, failure };
    },
  };
}
