import t from 'tap';
import type { Broker } from '../../../api/eventing/broker.ts';
import type { Trigger } from '../../../api/eventing/trigger.ts';
import type { Condition } from '../../../api/object.ts';
import { planBroker, type BrokerObserved } from '../../../eventing/trigger/broker/plan.ts';
import { planTrigger, type TriggerObserved } from '../../../eventing/trigger/trigger/plan.ts';

const now = '2026-01-01T00:00:00Z';
const broker: Broker = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name: 'b', namespace: 'ns', uid: 'broker-uid', generation: 2 },
  spec: {},
  status: { annotations: { 'zeroth.dev/event-log': 'open' } },
};
const trigger: Trigger = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name: 't', namespace: 'ns', generation: 3 },
  spec: { broker: 'b', subscriber: { uri: 'http://s/' } },
  status: { annotations: { 'zeroth.dev/subscribed-to': 'broker-uid' } },
};

/** Status, reason and message of each condition, without its time. */
function brief(conditions: readonly Condition[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (conditions ?? []).map(({ type, status, reason = '', message = '' }) => [
      type,
      [status, reason, message].filter((part) => part !== '').join(' | '),
    ]),
  );
}

const goodBroker: BrokerObserved = { ingressReady: true, deadLetterSink: { state: 'none' }, clusterPort: '', now };
const brokerConditions = {
  Addressable: 'True',
  DeadLetterSinkResolved: 'True | DeadLetterSinkNotConfigured | No dead letter sink is configured.',
  EventPoliciesReady: 'True | OIDCDisabled | Authorization needs the feature "authentication-oidc".',
  FilterReady: 'True',
  IngressReady: 'True',
  Ready: 'True',
  TriggerChannelReady: 'True',
};

t.test('a Broker that works', (t) => {
  const status = planBroker(broker, goodBroker);
  t.same(
    { ...status, conditions: brief(status.conditions) },
    {
      observedGeneration: 2,
      conditions: brokerConditions,
      address: { name: 'http', url: 'http://broker-ingress.knative-eventing.svc.cluster.local/ns/b' },
      annotations: { 'zeroth.dev/event-log': 'open' },
    },
  );
  t.equal(
    planBroker(broker, { ...goodBroker, clusterPort: '8081' }).address?.url,
    'http://broker-ingress.knative-eventing.svc.cluster.local:8081/ns/b',
  );
  t.same(
    planBroker({ ...broker, status }, { ...goodBroker, now: '2026-02-02T00:00:00Z' }),
    status,
    'nothing changes later',
  );
  t.end();
});

t.test('what a Broker lacks, it says', (t) => {
  const noIngress = 'False | EndpointSlicesUnavailable | The broker process has no ready endpoint.';
  const table: [name: string, broker: Broker, seen: BrokerObserved, expected: Record<string, string>][] = [
    [
      'no broker process',
      broker,
      { ...goodBroker, ingressReady: false },
      { ...brokerConditions, IngressReady: noIngress, FilterReady: noIngress, Ready: noIngress },
    ],
    [
      'a log not opened yet',
      { ...broker, status: undefined },
      goodBroker,
      {
        ...brokerConditions,
        TriggerChannelReady: 'Unknown | ChannelNotReady | The broker process has not opened the event log yet.',
        Ready: 'Unknown | ChannelNotReady | The broker process has not opened the event log yet.',
      },
    ],
    [
      'a damaged log',
      { ...broker, status: { annotations: { 'zeroth.dev/event-log': 'event log /x is damaged' } } },
      goodBroker,
      {
        ...brokerConditions,
        TriggerChannelReady: 'False | ChannelFailure | event log /x is damaged',
        Ready: 'False | ChannelFailure | event log /x is damaged',
      },
    ],
    [
      'a dead letter sink that is not there',
      broker,
      { ...goodBroker, deadLetterSink: { state: 'failed', message: 'Service ns/x does not exist' } },
      {
        ...brokerConditions,
        DeadLetterSinkResolved: "False | Unable to get the dead letter sink's URI | Service ns/x does not exist",
        Ready: "False | Unable to get the dead letter sink's URI | Service ns/x does not exist",
      },
    ],
  ];
  for (const [name, given, seen, expected] of table) t.same(brief(planBroker(given, seen).conditions), expected, name);
  const withSink = planBroker(broker, {
    ...goodBroker,
    deadLetterSink: { state: 'resolved', address: { url: 'https://d/', CACerts: 'pem', audience: 'a' } },
  });
  t.match(withSink, { deadLetterSinkUri: 'https://d/', deadLetterSinkCACerts: 'pem', deadLetterSinkAudience: 'a' });
  t.end();
});

const readyBroker: Broker = { ...broker, status: planBroker(broker, goodBroker) };
const goodTrigger: TriggerObserved = {
  broker: readyBroker,
  subscriber: { state: 'resolved', address: { url: 'http://s/' } },
  deadLetterSink: { state: 'none' },
  dependency: { state: 'none' },
  filterFault: undefined,
  now,
};
const triggerConditions = {
  BrokerReady: 'True',
  DeadLetterSinkResolved: 'True | DeadLetterSinkNotConfigured | No dead letter sink is configured.',
  DependencyReady: 'True',
  OIDCIdentityCreated: 'True | authentication-oidc feature disabled',
  Ready: 'True',
  SubscriberResolved: 'True',
  SubscriptionReady: 'True',
};

t.test('a Trigger that works', (t) => {
  const status = planTrigger(trigger, goodTrigger);
  t.same(
    { ...status, conditions: brief(status.conditions) },
    {
      observedGeneration: 3,
      conditions: triggerConditions,
      subscriberUri: 'http://s/',
      annotations: { 'zeroth.dev/subscribed-to': 'broker-uid' },
    },
  );
  t.end();
});

t.test('what a Trigger lacks, it says', (t) => {
  const notYet = 'Unknown | SubscriptionNotConfigured | The broker process has not taken the Trigger in yet.';
  const dead: Broker = { ...readyBroker, spec: { delivery: { deadLetterSink: { uri: 'http://d/' } } } };
  const dependency = (status: object, generation = 1) => ({
    state: 'found' as const,
    object: { apiVersion: 'v1', kind: 'X', metadata: { name: 'x', generation }, status },
  });
  const table: [name: string, seen: Partial<TriggerObserved>, changed: Record<string, string>, ready: string][] = [
    [
      'no broker',
      { broker: undefined },
      {
        BrokerReady: 'False | BrokerDoesNotExist | Broker "b" does not exist',
        SubscriptionReady: 'Unknown | SubscriptionNotConfigured | There is no Broker to subscribe to.',
      },
      'False | BrokerDoesNotExist | Broker "b" does not exist',
    ],
    [
      'a broker without status',
      { broker: { ...broker, status: undefined } },
      { BrokerReady: 'Unknown | BrokerNotConfigured | Broker has not yet been reconciled.' },
      'Unknown | BrokerNotConfigured | Broker has not yet been reconciled.',
    ],
    [
      'a broker that is not ready',
      { broker: { ...broker, status: planBroker(broker, { ...goodBroker, ingressReady: false }) } },
      { BrokerReady: 'False | EndpointSlicesUnavailable | The broker process has no ready endpoint.' },
      'False | EndpointSlicesUnavailable | The broker process has no ready endpoint.',
    ],
    [
      'another broker of that name',
      { broker: { ...readyBroker, metadata: { ...broker.metadata, uid: 'new' } } },
      { SubscriptionReady: notYet },
      notYet,
    ],
    [
      'a subscriber that is not there',
      { subscriber: { state: 'failed', message: 'Service ns/s does not exist' } },
      { SubscriberResolved: "False | Unable to get the Subscriber's URI | Service ns/s does not exist" },
      "False | Unable to get the Subscriber's URI | Service ns/s does not exist",
    ],
    [
      'a dead letter sink that is not there',
      { deadLetterSink: { state: 'failed', message: 'no' } },
      { DeadLetterSinkResolved: "False | Unable to get the dead letter sink's URI | no" },
      "False | Unable to get the dead letter sink's URI | no",
    ],
    [
      "the broker's dead letter sink, unresolved",
      { broker: dead },
      { DeadLetterSinkResolved: "False | Broker b didn't set status.deadLetterSinkURI" },
      "False | Broker b didn't set status.deadLetterSinkURI",
    ],
    [
      "the broker's dead letter sink",
      { broker: { ...dead, status: { ...dead.status, deadLetterSinkUri: 'http://d/' } } },
      { DeadLetterSinkResolved: 'True' },
      'True',
    ],
    [
      'its own dead letter sink',
      { broker: dead, deadLetterSink: { state: 'resolved', address: { url: 'http://own/' } } },
      { DeadLetterSinkResolved: 'True' },
      'True',
    ],
    [
      'a filter that is not served',
      { filterFault: 'no cesql' },
      { SubscriptionReady: 'False | NotSubscribed | no cesql' },
      'False | NotSubscribed | no cesql',
    ],
    [
      'a missing dependency',
      { dependency: { state: 'missing', message: 'gone' } },
      { DependencyReady: 'False | DependencyDoesNotExist | gone' },
      'False | DependencyDoesNotExist | gone',
    ],
    [
      'an unreadable dependency',
      { dependency: { state: 'invalid', message: 'bad' } },
      { DependencyReady: 'False | ReferenceError | bad' },
      'False | ReferenceError | bad',
    ],
    [
      'a dependency behind its generation',
      { dependency: dependency({ observedGeneration: 1 }, 2) },
      {
        DependencyReady:
          'Unknown | GenerationNotEqual | The dependency is at generation 2; its status is of generation 1.',
      },
      'Unknown | GenerationNotEqual | The dependency is at generation 2; its status is of generation 1.',
    ],
    [
      'a dependency that is not ready',
      {
        dependency: dependency({
          observedGeneration: 1,
          conditions: [{ type: 'Ready', status: 'False', reason: 'R', message: 'M' }],
        }),
      },
      { DependencyReady: 'False | R | M' },
      'False | R | M',
    ],
    [
      'a dependency that is ready',
      { dependency: dependency({ observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True' }] }) },
      { DependencyReady: 'True' },
      'True',
    ],
  ];
  for (const [name, seen, changed, ready] of table)
    t.same(
      brief(planTrigger(trigger, { ...goodTrigger, ...seen }).conditions),
      { ...triggerConditions, ...changed, Ready: ready },
      name,
    );
  t.notOk(
    planTrigger(trigger, { ...goodTrigger, subscriber: { state: 'failed', message: '' } }).subscriberUri,
    'no address of yesterday',
  );
  t.end();
});
