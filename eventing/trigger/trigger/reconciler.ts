/** Resolves where each Trigger's events go and says whether they flow. The broker process reads the status. */
import { Broker } from '../../../api/eventing/broker.ts';
import { Trigger } from '../../../api/eventing/trigger.ts';
import { ConfigMap } from '../../../api/core.ts';
import { keyOf } from '../../../kube/informer.ts';
import type { ObjectKey, Reconciler, Watch, World } from '../../../kube/reconciler.ts';
import { TriggerError } from '../errors.ts';
import { compileTriggerFilter } from '../filters.ts';
import { brokerOf, isServed } from '../names.ts';
import { clusterPort, isNetworkConfig } from '../network-config.ts';
import { LOOK_AGAIN, resolution, type Resolution } from '../resolution.ts';
import { referenceKey, type Resolver } from '../resolve.ts';
import { dependencyRef, observeDependency } from './dependency.ts';
import { planTrigger } from './plan.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const BY_REFERENCE = 'references';
const BY_BROKER = 'broker';

export function triggerReconciler(resolver: Resolver): Reconciler<Trigger> {
  let wake: (reference: string) => void = () => undefined;
  let wakeKey: ((key: ObjectKey) => void) | undefined;
  resolver.onChange((reference) => wake(reference));
  return {
    name: 'trigger-controller',
    kind: Trigger,
    owns: [],
    watches: [
      {
        type: Broker,
        keys: ({ metadata }, world) => keys(ofBroker(world, metadata.namespace, metadata.name)),
      } satisfies Watch<Broker>,
      {
        type: ConfigMap,
        keys: (map, world) => (isNetworkConfig(map) ? keys(world.informer(Trigger).list()) : []),
      } satisfies Watch<ConfigMap>,
    ],
    wakes: (one) => (wakeKey = one),
    async reconcile(trigger, world) {
      const namespace = trigger.metadata.namespace ?? '';
      const broker = world.informer(Broker).get(namespace, brokerOf(trigger));
      if (broker !== undefined && !isServed(broker)) return;
      const cache = world.informer(Trigger).index(BY_REFERENCE, referencesOf);
      wake = (reference) => {
        for (const key of keys(cache.byIndex(BY_REFERENCE, reference))) wakeKey?.(key);
      };
      const port = clusterPort(world);
      const subscriber = await resolution(resolver, trigger.spec.subscriber, namespace, port);
      const deadLetterSink = await resolution(resolver, trigger.spec.delivery?.deadLetterSink, namespace, port);
      const dependency = await observeDependency(trigger, resolver);
      const status = planTrigger(trigger, {
        broker,
        subscriber,
        deadLetterSink,
        dependency,
        filterFault: filterFault(trigger),
        now: timestamp(world.clock.now()),
      });
      return { status, again: lookAgain([subscriber, deadLetterSink], dependency.state === 'missing') };
    },
  };
}

/** A kind that is not defined yet cannot be watched. */
function lookAgain(resolutions: readonly Resolution[], missing: boolean): number | undefined {
  return missing || resolutions.some((one) => one.state === 'failed') ? LOOK_AGAIN : undefined;
}

function filterFault(trigger: Trigger): string | undefined {
  try {
    compileTriggerFilter(trigger.spec);
    return undefined;
  } catch (error) {
    if (!(error instanceof TriggerError)) throw error;
    return error.message;
  }
}

function referencesOf(trigger: Trigger): string[] {
  const refs = [trigger.spec.subscriber.ref, trigger.spec.delivery?.deadLetterSink?.ref];
  try {
    refs.push(dependencyRef(trigger));
  } catch {
    // The status says so; there is nothing to follow.
  }
  return refs.filter((ref) => ref !== undefined).map((ref) => referenceKey(ref, trigger.metadata.namespace ?? ''));
}

function ofBroker(world: World, namespace: string | undefined, name: string): Trigger[] {
  return world
    .informer(Trigger)
    .index(BY_BROKER, (trigger) => [keyOf(trigger.metadata.namespace, brokerOf(trigger))])
    .byIndex(BY_BROKER, keyOf(namespace, name));
}

function keys(triggers: readonly Trigger[]): ObjectKey[] {
  return triggers.map(({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name }));
}
