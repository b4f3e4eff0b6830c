// Shapes that Knative's kinds share: status, addresses, references, delivery.
import { boolean, int32, int64, list, map, object, string } from './types.mjs';

export const conditions = list(
  'What is known about the object at the last look; `Ready` sums up the others.',
  object('One aspect of the state.', {
    lastTransitionTime: string('When the condition last changed in any of its fields.'),
    message: string('An explanation for people.'),
    reason: string('One word in CamelCase for programs.'),
    severity: string('Empty for conditions that Ready depends on, otherwise Warning or Info.'),
    'status!': string('True, False or Unknown.'),
    'type!': string('The name of the condition.'),
  }),
);

/** The status of a kind: Knative's common fields and its own. */
export const status = (fields = {}) =>
  object('What the controller saw and did. Written by the system.', {
    annotations: map('Facts about the object that have no field of their own.'),
    conditions,
    observedGeneration: int64('The generation of the spec that this status speaks of.'),
    ...fields,
  });

export const addressable = (description = 'Where this object takes requests or events.') =>
  object(description, {
    CACerts: string('PEM certificates that sign the address, beside those of the system.'),
    audience: string('The OIDC audience that a sender names in its token.'),
    name: string('The name of the address, such as `http` or `https`.'),
    url: string('The URL.'),
  });

export const reference = (description, required = []) =>
  object(
    description,
    {
      address: string('Which of the addresses of the object to use, by name.'),
      apiVersion: string('Its API version.'),
      group: string('Its API group, instead of an API version (feature kreference-group).'),
      kind: string('Its kind.'),
      name: string('Its name.'),
      namespace: string('Its namespace; that of the referring object when empty.'),
    },
    required.length > 0 ? { required } : {},
  );

export const destination = (description) =>
  object(description, {
    CACerts: string('PEM certificates for the destination, beside those of the system.'),
    audience: string('The OIDC audience of the destination; found by itself for a reference.'),
    ref: reference('An object that has an address.'),
    uri: string('An absolute URL; or, with a ref, a path on the address of that object.'),
  });

export const delivery = (description) =>
  object(description, {
    backoffDelay: string('The wait before the first retry, an ISO 8601 period such as PT0.2S.'),
    backoffPolicy: string('How the wait grows: linear or exponential.'),
    deadLetterSink: destination('Where an event goes that could not be delivered.'),
    format: string('Forces the event into the form json (structured) or binary.'),
    retry: int32('How many attempts follow a failed first one.'),
    retryAfterMax: string(
      'The longest wait that a Retry-After answer may ask for, an ISO 8601 period (feature delivery-retryafter).',
    ),
    timeout: string('How long one attempt may take, an ISO 8601 period.'),
  });

export const traffic = (description) =>
  list(
    description,
    object('One share of the traffic.', {
      configurationName: string('The Configuration whose latest ready Revision is meant. Only on a Route of its own.'),
      latestRevision: boolean('Follows the latest ready Revision. May be left out.'),
      percent: int64('The share, 0 to 100. All shares add up to 100.'),
      revisionName: string('The Revision that is meant, instead of the latest.'),
      tag: string('A name under which this target has a URL of its own.'),
      url: string('The URL of the tag. Only in a status.'),
    }),
  );
