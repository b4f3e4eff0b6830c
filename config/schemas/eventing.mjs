// eventing.knative.dev: what users write.
import { addressable, delivery, destination, reference, status } from './duck.mjs';
import { list, map, object, open, string } from './types.mjs';

const READY = [
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
  { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].reason" },
];
const column = (name, jsonPath, type = 'string') => ({ name, type, jsonPath });
const eventing = {
  group: 'eventing.knative.dev',
  version: 'v1',
  categories: ['all', 'knative', 'eventing'],
  owner: 'knative-eventing',
};

const deadLetterSink = {
  deadLetterSinkAudience: string('The OIDC audience of the dead letter sink.'),
  deadLetterSinkCACerts: string('PEM certificates of the dead letter sink.'),
  deadLetterSinkUri: string('The resolved URL of the dead letter sink.'),
};

// A schema cannot contain itself: filters inside filters are checked at admission.
const nested = open('A filter of any dialect.');

export const eventingKinds = [
  {
    ...eventing,
    kind: 'Broker',
    plural: 'brokers',
    labels: { 'duck.knative.dev/addressable': 'true' },
    columns: [
      column('URL', '.status.address.url'),
      ...READY,
      {
        ...column('Class', String.raw`.metadata.annotations.eventing\.knative\.dev/broker\.class`),
        priority: 1,
      },
    ],
    description: 'A Broker takes events in and keeps them until every Trigger that wants them has delivered them.',
    spec: object('How the Broker works.', {
      config: reference('Settings for the class of the Broker.'),
      delivery: delivery('How events are delivered, unless a Trigger says otherwise.'),
    }),
    status: status({
      address: addressable('Where events are posted.'),
      addresses: list('All addresses, by scheme.', addressable('One address.')),
      ...deadLetterSink,
      policies: list(
        'The EventPolicies that apply.',
        object('One policy.', { apiVersion: string('Its API version.'), name: string('Its name.') }),
      ),
    }),
  },
  {
    ...eventing,
    kind: 'Trigger',
    plural: 'triggers',
    columns: [column('Broker', '.spec.broker'), column('Subscriber_URI', '.status.subscriberUri'), ...READY],
    description: 'A Trigger sends those events of a Broker that pass its filters to a subscriber.',
    spec: object('Which events go where.', {
      broker: string('The Broker, in the same namespace. Never changes.'),
      brokerRef: reference('The Broker in another namespace (feature cross-namespace-event-links).'),
      delivery: delivery('How events are delivered; what is left out is taken from the Broker.'),
      filter: object('Attributes an event must have.', {
        attributes: map('Name and value; an empty value stands for any.'),
      }),
      filters: list(
        'Conditions that must all hold; wins over `filter`.',
        object('One condition in one dialect.', {
          all: list('All of these hold.', nested),
          any: list('One of these holds.', nested),
          cesql: string('A CloudEvents SQL expression.'),
          exact: map('Attributes with exactly these values.'),
          not: nested,
          prefix: map('Attributes that start with these values.'),
          suffix: map('Attributes that end with these values.'),
        }),
      ),
      subscriber: destination('Who gets the events.'),
    }),
    status: status({
      auth: object('The identity that the Trigger sends as.', {
        serviceAccountName: string('Its service account.'),
        serviceAccountNames: list('Its service accounts, when there are several.', { type: 'string' }),
      }),
      ...deadLetterSink,
      subscriberAudience: string('The OIDC audience of the subscriber.'),
      subscriberCACerts: string('PEM certificates of the subscriber.'),
      subscriberUri: string('The resolved URL of the subscriber.'),
    }),
  },
];
