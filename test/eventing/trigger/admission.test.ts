import t from 'tap';
import { Broker } from '../../../api/eventing/broker.ts';
import { Trigger } from '../../../api/eventing/trigger.ts';
import { brokerAdmission } from '../../../eventing/trigger/admission/broker.ts';
import { triggerAdmission } from '../../../eventing/trigger/admission/trigger.ts';
import type { AdmissionContext } from '../../../kube/admission.ts';

const DEFAULTS = `
clusterDefault:
  brokerClass: MTChannelBasedBroker
  apiVersion: v1
  kind: ConfigMap
  name: config-br-default-channel
  namespace: knative-eventing
  delivery:
    retry: 10
    backoffPolicy: exponential
    backoffDelay: PT0.2S
  brokerClasses:
    Kafka:
      apiVersion: v1
      kind: ConfigMap
      name: kafka-broker-config
      namespace: knative-eventing
namespaceDefaults:
  special:
    brokerClass: zeroth
    apiVersion: v1
    kind: ConfigMap
    name: special
    namespace: special
    disallowDifferentNamespaceConfig: true
`;

function context(
  operation: AdmissionContext['operation'] = 'CREATE',
  features: Record<string, string> = {},
): AdmissionContext {
  return {
    operation,
    subresource: undefined,
    dryRun: false,
    username: 'user',
    now: '2026-01-01T00:00:00Z',
    config: (namespace, name) => {
      if (namespace !== 'knative-eventing') return {};
      if (name === 'config-br-defaults') return { 'default-br-config': DEFAULTS };
      return name === 'config-features' ? features : {};
    },
  };
}

const meta = { apiVersion: 'eventing.knative.dev/v1' };
const CLASS = 'eventing.knative.dev/broker.class';
const broker = (spec?: Broker['spec'], annotations?: Record<string, string>, namespace = 'ns'): Broker => ({
  ...meta,
  kind: 'Broker',
  metadata: { name: 'b', namespace, ...(annotations && { annotations }) },
  ...(spec && { spec }),
});
const served = { [CLASS]: 'MTChannelBasedBroker' };
const trigger = (spec: object, annotations?: Record<string, string>): Trigger => ({
  ...meta,
  kind: 'Trigger',
  metadata: { name: 't', namespace: 'ns', ...(annotations && { annotations }) },
  spec: spec as Trigger['spec'],
});
const DELIVERY = { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT0.2S' } as const;
const subscriber = { uri: 'http://x.example' };

t.test('a Broker gets class, config and delivery from config-br-defaults', (t) => {
  const config = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: 'config-br-default-channel',
    namespace: 'knative-eventing',
  };
  const table: [name: string, given: Broker, expected: Broker][] = [
    ['nothing given', broker(), broker({ config, delivery: DELIVERY }, served)],
    ['delivery given', broker({ delivery: { retry: 1 } }), broker({ config, delivery: { retry: 1 } }, served)],
    [
      'a class with a config of its own',
      broker(undefined, { [CLASS]: 'Kafka' }),
      broker({ config: { ...config, name: 'kafka-broker-config' } }, { [CLASS]: 'Kafka' }),
    ],
    [
      "the namespace's default",
      broker(undefined, undefined, 'special'),
      broker({ config: { ...config, name: 'special', namespace: 'special' } }, { [CLASS]: 'zeroth' }, 'special'),
    ],
    [
      'a dead letter sink without namespace',
      broker({ delivery: { deadLetterSink: { ref: { apiVersion: 'v1', kind: 'Service', name: 's' } } } }),
      broker(
        {
          config,
          delivery: { deadLetterSink: { ref: { apiVersion: 'v1', kind: 'Service', name: 's', namespace: 'ns' } } },
        },
        served,
      ),
    ],
  ];
  for (const [name, given, expected] of table)
    t.same(brokerAdmission.default?.(given, undefined, context()), expected, name);
  const complete = broker({ config, delivery: DELIVERY }, served);
  t.equal(
    brokerAdmission.default?.(complete, complete, context('UPDATE')),
    complete,
    'unchanged when nothing is missing',
  );
  const bare = { ...context(), config: () => ({}) };
  t.same(brokerAdmission.default?.(broker(), undefined, bare), broker({}, served), 'without the ConfigMap');
  t.end();
});

t.test('a Trigger gets label, filter and namespaces', (t) => {
  const given = trigger({ broker: 'b', subscriber: { ref: { apiVersion: 'v1', kind: 'Service', name: 's' } } });
  const { metadata, spec } = triggerAdmission.default?.(given, undefined, context()) ?? given;
  t.same(metadata.labels, { 'eventing.knative.dev/broker': 'b' });
  t.same(spec, {
    broker: 'b',
    filter: {},
    subscriber: { ref: { apiVersion: 'v1', kind: 'Service', name: 's', namespace: 'ns' } },
  });
  t.end();
});

const prefix = 'admission webhook "validation.webhook.eventing.knative.dev" denied the request: validation failed: ';
const uri = (delivery: object) => ({ broker: 'b', subscriber, delivery });

const denied: [name: string, object: Broker | Trigger, message: string, features?: Record<string, string>][] = [
  ['no class', broker(), 'missing field(s): eventing.knative.dev/broker.class'],
  [
    'config without name',
    broker({ config: { kind: 'ConfigMap', name: '', apiVersion: 'v1' } }, served),
    'missing field(s): spec.config.name',
  ],
  [
    'config of another namespace where that is disallowed',
    broker({ config: { kind: 'ConfigMap', name: 'c', apiVersion: 'v1', namespace: 'other' } }, served, 'special'),
    'mismatched namespaces: spec.config.namespace\nparent namespace: "special" does not match ref: "other"',
  ],
  ['negative retry', broker({ delivery: { retry: -1 } }, served), 'invalid value: -1: spec.delivery.retry'],
  ['no broker', trigger({ subscriber }), 'missing field(s): spec.broker'],
  [
    'broker twice',
    trigger({ broker: 'b', brokerRef: { kind: 'Broker', name: 'b' }, subscriber }),
    'expected exactly one, got both: spec.broker, spec.brokerRef',
  ],
  [
    'brokerRef of another namespace',
    trigger({ brokerRef: { kind: 'Broker', name: 'b', namespace: 'x' }, subscriber }),
    'must not set the field(s): spec.namespace\nonly name, apiVersion and kind are supported fields when feature.CrossNamespaceEventLinks is disabled',
  ],
  [
    'no subscriber',
    trigger({ broker: 'b' }),
    'expected at least one, got none: spec.subscriber.ref, spec.subscriber.uri',
  ],
  [
    'no broker and no subscriber',
    trigger({}),
    'expected at least one, got none: spec.subscriber.ref, spec.subscriber.uri\nmissing field(s): spec.broker',
  ],
  [
    'an incomplete ref',
    trigger({ broker: 'b', subscriber: { ref: { name: 's' } } }),
    'missing field(s): spec.subscriber.ref.apiVersion, spec.subscriber.ref.kind',
  ],
  [
    'an absolute uri beside a ref',
    trigger({ broker: 'b', subscriber: { ...subscriber, ref: { apiVersion: 'v1', kind: 'Service', name: 's' } } }),
    'Absolute URI is not allowed when Ref or [apiVersion, kind, name] is present: spec.subscriber.ref, spec.subscriber.uri, spec.subscriber[apiVersion, kind, name]',
  ],
  [
    'a relative uri alone',
    trigger({ broker: 'b', subscriber: { uri: '/x' } }),
    'invalid value: Relative URI is not allowed when Ref and [apiVersion, kind, name] is absent: spec.subscriber.uri',
  ],
  [
    'a bad attribute name',
    trigger({ broker: 'b', subscriber, filter: { attributes: { '0x': 'a' } } }),
    'invalid key name "0x": spec.filter.attributes[0x]\nAttribute name must start with a letter and can only contain lowercase alphanumeric',
  ],
  [
    'a bad attribute name in a dialect',
    trigger({ broker: 'b', subscriber, filters: [{ exact: { ok: 'a' } }, { prefix: { Bad: 'a' } }] }),
    'invalid key name "Bad": spec.filters[1].prefix[Bad]\nAttribute name must start with a letter and can only contain lowercase alphanumeric',
  ],
  [
    'two dialects',
    trigger({ broker: 'b', subscriber, filters: [{ exact: { a: 'a' }, prefix: { a: 'a' } }] }),
    'multiple dialects found, filters can have only one dialect set',
  ],
  [
    'a cesql expression that cannot be read',
    trigger({ broker: 'b', subscriber, filters: [{ cesql: 'a b' }] }),
    'invalid value: a b: spec.filters[0].cesql\nthe cesql filter cannot be read: expected the end at position 2',
  ],
  [
    'nested: a value that is no string, as YAML makes of `no`',
    trigger({ broker: 'b', subscriber, filters: [{ not: { exact: { subject: false } } }] }),
    'invalid value: false: spec.filters[0].not.exact[subject]\nmust be a string',
  ],
  [
    'nested: a text where a list belongs',
    trigger({ broker: 'b', subscriber, filters: [{ not: { all: 'x' } }] }),
    'invalid value: x: spec.filters[0].not.all\nmust be a list of filters',
  ],
  [
    'nested: a number where a filter belongs',
    trigger({ broker: 'b', subscriber, filters: [{ all: [{ any: [1] }] }] }),
    'invalid value: 1: spec.filters[0].all[0].any[0]\nmust be a filter',
  ],
  [
    'nested: a list where a filter belongs',
    trigger({ broker: 'b', subscriber, filters: [{ not: { not: [] } }] }),
    'invalid value: []: spec.filters[0].not.not\nmust be a filter',
  ],
  [
    'nested: an unknown dialect, which would let everything pass',
    trigger({ broker: 'b', subscriber, filters: [{ any: [{ exakt: { type: 'a' } }] }] }),
    'invalid key name "exakt": spec.filters[0].any[0].exakt\na filter\'s dialect is one of exact, prefix, suffix, all, any, not, cesql',
  ],
  ['a zero timeout', trigger(uri({ timeout: 'PT0S' })), 'invalid value: PT0S: spec.delivery.timeout'],
  [
    'a timeout when the feature is off',
    trigger(uri({ timeout: 'PT1S' })),
    'must not set the field(s): spec.delivery.timeout',
    { 'delivery-timeout': 'disabled' },
  ],
  ['a bad delay', trigger(uri({ backoffDelay: '1s' })), 'invalid value: 1s: spec.delivery.backoffDelay'],
  ['a bad policy', trigger(uri({ backoffPolicy: 'fast' })), 'invalid value: fast: spec.delivery.backoffPolicy'],
  ['a bad format', trigger(uri({ format: 'xml' })), 'invalid value: xml: spec.delivery.format'],
  [
    'retryAfterMax when the feature is off',
    trigger(uri({ retryAfterMax: 'PT1S' })),
    'must not set the field(s): spec.delivery.retryAfterMax',
  ],
  [
    'a negative retryAfterMax',
    trigger(uri({ retryAfterMax: '-PT1S' })),
    'invalid value: -PT1S: spec.delivery.retryAfterMax',
    { 'delivery-retryafter': 'enabled' },
  ],
  [
    'an empty dead letter sink',
    trigger(uri({ deadLetterSink: {} })),
    'expected at least one, got none: spec.delivery.deadLetterSink.ref, spec.delivery.deadLetterSink.uri',
  ],
  [
    'a dependency that is no JSON',
    trigger({ broker: 'b', subscriber }, { 'knative.dev/dependency': 'x' }),
    'The provided annotation was not a corev1.ObjectReference: "x": metadata.annotations[knative.dev/dependency]',
  ],
  [
    'an incomplete dependency',
    trigger({ broker: 'b', subscriber }, { 'knative.dev/dependency': '{"namespace":"other"}' }),
    'Namespace must be empty or equal to the trigger namespace "ns": metadata.annotations[knative.dev/dependency].namespace\nmissing field(s): metadata.annotations[knative.dev/dependency].apiVersion, metadata.annotations[knative.dev/dependency].kind, metadata.annotations[knative.dev/dependency].name',
  ],
  [
    'a bad injection',
    trigger({ broker: 'default', subscriber }, { 'eventing.knative.dev/injection': 'yes' }),
    'The provided injection annotation value can only be "enabled" or "disabled", not "yes": metadata.annotations[eventing.knative.dev/injection]',
  ],
  [
    'injection for another broker',
    trigger({ broker: 'b', subscriber }, { 'eventing.knative.dev/injection': 'enabled' }),
    'The provided injection annotation is only used for default broker, but non-default broker specified here: "b": metadata.annotations[eventing.knative.dev/injection]',
  ],
];

function validate(
  object: Broker | Trigger,
  old: Broker | Trigger | undefined,
  at: AdmissionContext,
): string | undefined {
  const verdict =
    object.kind === 'Broker'
      ? brokerAdmission.validate?.(object as Broker, old as Broker | undefined, at)
      : triggerAdmission.validate?.(object as Trigger, old as Trigger | undefined, at);
  return verdict?.denied?.message;
}

t.test("denials in Knative's words", (t) => {
  for (const [name, object, message, features] of denied) {
    const got = validate(object, undefined, context('CREATE', features)) ?? 'allowed';
    t.ok(got.startsWith(prefix + message), `${name}: ${got.slice(prefix.length)}`);
  }
  t.match(triggerAdmission.validate?.(trigger({}), undefined, context())?.denied, { code: 400, reason: 'BadRequest' });
  t.end();
});

t.test('what must not change', (t) => {
  const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: 'ns' };
  const update = context('UPDATE');
  const before = broker({ config, delivery: DELIVERY }, served);
  t.match(
    validate(broker({ config: { ...config, name: 'd' } }, served), before, update),
    /Immutable fields changed \(-old \+new\): spec\n/,
  );
  t.match(
    validate(broker({ config }, { [CLASS]: 'Kafka' }), before, update),
    /Immutable annotations changed \(-old \+new\): annotations\n/,
  );
  t.equal(validate(broker({ config, delivery: { retry: 1 } }, served), before, update), undefined, 'delivery may');
  t.match(
    validate(trigger({ broker: 'c', subscriber }), trigger({ broker: 'b', subscriber }), update),
    /Immutable fields changed \(-old \+new\): spec\.broker\n/,
  );
  t.equal(
    validate(
      trigger({ broker: 'b', subscriber, delivery: { retry: 1 } }),
      trigger({ broker: 'b', subscriber }),
      update,
    ),
    undefined,
  );
  t.end();
});

t.test('what is allowed', (t) => {
  const table: [name: string, object: Broker | Trigger][] = [
    ['a plain broker', broker({}, served)],
    [
      'all delivery fields',
      trigger(
        uri({
          retry: 3,
          backoffPolicy: 'linear',
          backoffDelay: 'PT1S',
          timeout: 'PT5S',
          format: 'json',
          deadLetterSink: subscriber,
        }),
      ),
    ],
    [
      'a ref with a relative uri',
      trigger({ broker: 'b', subscriber: { ref: { apiVersion: 'v1', kind: 'Service', name: 's' }, uri: '/path' } }),
    ],
    [
      'every dialect',
      trigger({
        broker: 'b',
        subscriber,
        filters: [{ all: [{ exact: { a: 'x' } }, { not: { any: [{ suffix: { b: 'y' } }] } }] }],
      }),
    ],
    [
      'a dependency',
      trigger(
        { broker: 'b', subscriber },
        { 'knative.dev/dependency': '{"kind":"PingSource","name":"p","apiVersion":"sources.knative.dev/v1"}' },
      ),
    ],
  ];
  for (const [name, object] of table) t.equal(validate(object, undefined, context()), undefined, name);
  t.equal(validate(trigger({}), undefined, { ...context('DELETE') }), undefined, 'deletion is never in the way');
  t.end();
});
