/** A Broker's status from what was seen: pure. Conditions and reasons are Knative's (reference section 1). */
import { BROKER_CONDITIONS, type Broker } from '../../../api/eventing/broker.ts';
import { CLUSTER_DOMAIN, EVENTING_NAMESPACE } from '../../../api/zeroth.ts';
import { Conditions } from '../../../kube/conditions.ts';
import { BROKER_INGRESS_SERVICE, EVENT_LOG_ANNOTATION, LOG_OPEN } from '../names.ts';
import type { Resolution } from '../resolution.ts';

export interface BrokerObserved {
  /** Whether the Service broker-ingress has a ready endpoint. */
  readonly ingressReady: boolean;
  readonly deadLetterSink: Resolution;
  readonly clusterPort: string;
  /** RFC 3339. */
  readonly now: string;
}

export function planBroker(broker: Broker, seen: BrokerObserved): NonNullable<Broker['status']> {
  const before = broker.status;
  const conditions = new Conditions(BROKER_CONDITIONS, before?.conditions, seen.now);
  for (const type of ['IngressReady', 'FilterReady']) {
    if (seen.ingressReady) conditions.markTrue(type);
    else conditions.markFalse(type, 'EndpointSlicesUnavailable', 'The broker process has no ready endpoint.');
  }
  markLog(conditions, before?.annotations?.[EVENT_LOG_ANNOTATION]);
  conditions.markTrue('Addressable');
  const { deadLetterSink } = seen;
  if (deadLetterSink.state === 'resolved') conditions.markTrue('DeadLetterSinkResolved');
  else if (deadLetterSink.state === 'failed')
    conditions.markFalse('DeadLetterSinkResolved', "Unable to get the dead letter sink's URI", deadLetterSink.message);
  else
    conditions.markTrue('DeadLetterSinkResolved', 'DeadLetterSinkNotConfigured', 'No dead letter sink is configured.');
  conditions.markTrue('EventPoliciesReady', 'OIDCDisabled', 'Authorization needs the feature "authentication-oidc".');

  const status: NonNullable<Broker['status']> = {
    observedGeneration: broker.metadata.generation,
    conditions: conditions.toList(),
    address: { name: 'http', url: brokerUrl(broker.metadata.namespace ?? '', broker.metadata.name, seen.clusterPort) },
  };
  if (before?.annotations !== undefined) status.annotations = before.annotations;
  if (deadLetterSink.state === 'resolved') {
    const { url, CACerts, audience } = deadLetterSink.address;
    status.deadLetterSinkUri = url;
    if (CACerts !== undefined) status.deadLetterSinkCACerts = CACerts;
    if (audience !== undefined) status.deadLetterSinkAudience = audience;
  }
  return status;
}

function markLog(conditions: Conditions, report: string | undefined): void {
  if (report === undefined)
    conditions.markUnknown(
      'TriggerChannelReady',
      'ChannelNotReady',
      'The broker process has not opened the event log yet.',
    );
  else if (report === LOG_OPEN) conditions.markTrue('TriggerChannelReady');
  else conditions.markFalse('TriggerChannelReady', 'ChannelFailure', report);
}

/** @param clusterPort "" for none */
export function brokerUrl(namespace: string, name: string, clusterPort: string): string {
  const port = clusterPort === '' ? '' : `:${clusterPort}`;
  return `http://${BROKER_INGRESS_SERVICE}.${EVENTING_NAMESPACE}.svc.${CLUSTER_DOMAIN}${port}/${namespace}/${name}`;
}
