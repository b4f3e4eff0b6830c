/** Says of each Broker where it is reached and whether it takes events. The broker process does the work. */
import { Broker } from '../../../api/eventing/broker.ts';
import { ConfigMap, EndpointSlice } from '../../../api/core.ts';
import { EVENTING_NAMESPACE } from '../../../api/zeroth.ts';
import type { ObjectKey, Reconciler, Watch, World } from '../../../kube/reconciler.ts';
import { BROKER_INGRESS_SERVICE, isServed } from '../names.ts';
import { clusterPort, isNetworkConfig } from '../network-config.ts';
import { againAfter, resolution } from '../resolution.ts';
import { referenceKey, type Resolver } from '../resolve.ts';
import { planBroker } from './plan.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const BY_REFERENCE = 'references';

export function brokerReconciler(resolver: Resolver): Reconciler<Broker> {
  let wake: (reference: string) => void = () => undefined;
  resolver.onChange((reference) => wake(reference));
  let wakeKey: ((key: ObjectKey) => void) | undefined;
  return {
    name: 'broker-controller',
    kind: Broker,
    owns: [],
    watches: [
      {
        type: EndpointSlice,
        keys: (slice, world) => (isIngressSlice(slice) ? all(world) : []),
      } satisfies Watch<EndpointSlice>,
      {
        type: ConfigMap,
        keys: (map, world) => (isNetworkConfig(map) ? all(world) : []),
      } satisfies Watch<ConfigMap>,
    ],
    wakes: (one) => (wakeKey = one),
    async reconcile(broker, world) {
      if (!isServed(broker)) return;
      const cache = world.informer(Broker).index(BY_REFERENCE, referencesOf);
      wake = (reference) => {
        for (const { metadata } of cache.byIndex(BY_REFERENCE, reference))
          wakeKey?.({ namespace: metadata.namespace, name: metadata.name });
      };
      const port = clusterPort(world);
      const deadLetterSink = await resolution(
        resolver,
        broker.spec?.delivery?.deadLetterSink,
        broker.metadata.namespace ?? '',
        port,
      );
      const status = planBroker(broker, {
        ingressReady: world.informer(EndpointSlice).list(EVENTING_NAMESPACE).some(isReadyIngressSlice),
        deadLetterSink,
        clusterPort: port,
        now: timestamp(world.clock.now()),
      });
      return { status, again: againAfter(deadLetterSink) };
    },
  };
}

function referencesOf(broker: Broker): string[] {
  const ref = broker.spec?.delivery?.deadLetterSink?.ref;
  return ref === undefined ? [] : [referenceKey(ref, broker.metadata.namespace ?? '')];
}

function all(world: World): ObjectKey[] {
  return world
    .informer(Broker)
    .list()
    .map(({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name }));
}

function isIngressSlice(slice: EndpointSlice): boolean {
  return (
    slice.metadata.namespace === EVENTING_NAMESPACE &&
    slice.metadata.labels?.['kubernetes.io/service-name'] === BROKER_INGRESS_SERVICE
  );
}

/** A slice's endpoint without a condition counts as ready. */
function isReadyIngressSlice(slice: EndpointSlice): boolean {
  return isIngressSlice(slice) && (slice.endpoints ?? []).some((endpoint) => endpoint.conditions?.ready !== false);
}
