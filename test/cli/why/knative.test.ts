import t from 'tap';
import type { KubeObject } from '../../../api/object.ts';
import { diagnose } from '../../../cli/why/diagnose.ts';
import type { Graph } from '../../../cli/why/graph.ts';
import { renderDiagnosis } from '../../../cli/why/render.ts';
import { graph, NOW, object, owned, pod, status, type Given, type GivenCondition } from './given.ts';

const SERVING = 'serving.knative.dev/v1';
const NETWORKING = 'networking.internal.knative.dev/v1alpha1';
const EVENTING = 'eventing.knative.dev/v1';
const READY: GivenCondition[] = [['Ready', 'True']];
const labels = { labels: { 'serving.knative.dev/service': 'web', 'serving.knative.dev/configuration': 'web' } };

const service = (given: Given) =>
  object(SERVING, 'Service', 'web', { spec: { template: { spec: { containers: [] } } }, ...given });
const configuration = (given: Given) =>
  object(SERVING, 'Configuration', 'web', { metadata: owned('Service', 'web'), ...given });
const route = (given: Given) =>
  object(SERVING, 'Route', 'web', { metadata: owned('Service', 'web'), spec: {}, ...given });
const revision = (name: string, given: Given) =>
  object(SERVING, 'Revision', name, {
    metadata: labels,
    spec: { containers: [{ name: 'user-container', image: 'web' }] },
    ...given,
  });
const ingress = (given: Given) =>
  object(NETWORKING, 'Ingress', 'web', { spec: { rules: [{ hosts: ['web.test'], http: { paths: [] } }] }, ...given });

t.test('one that is ready says where it is, its traffic, its pods and its last cold start', (t) => {
  const running = pod(
    { ready: true, state: { running: { startedAt: '2026-11-25T11:59:00Z' } } },
    { metadata: { labels: { ...labels.labels, 'serving.knative.dev/revision': 'web-00001' } } },
  );
  const ready = graph(
    service({
      status: status(READY, {
        url: 'http://web.shop.test',
        latestCreatedRevisionName: 'web-00001',
        latestReadyRevisionName: 'web-00001',
        traffic: [{ revisionName: 'web-00001', percent: 100, latestRevision: true }],
      }),
    }),
    [revision('web-00001', { status: status([...READY, ['Active', 'True']]) }), running],
    {
      coldStarts: [
        {
          revision: 'web-00001',
          at: NOW - 125_000,
          phases: {
            total: 0.0712,
            wake_to_scaled: 0.002,
            scaled_to_created: 0.005,
            created_to_started: 0.012,
            started_to_ready: 0.05,
            ready_to_first_byte: 0.0022,
          },
        },
      ],
    },
  );
  t.equal(
    renderDiagnosis(diagnose(ready), NOW),
    `Service shop/web is ready, for 2m

  url               http://web.shop.test
  traffic           100 % to web-00001 (the latest ready one)
  pods              1 of 1 pod ready, the oldest 2m old
  last cold start   71 ms, 2m5s ago: 2 ms to scale up, 5 ms to make the pod, 12 ms to start it, 50 ms until it was ready, 2 ms to the first byte
`,
  );
  t.end();
});

/** Given, and what is said. */
const CASES: readonly [name: string, graph: Graph, cause: string | RegExp, command?: string | RegExp][] = [
  [
    'no controller has looked',
    graph(service({})),
    'Service web has no status yet: no controller has taken it up',
    'kubectl get pods -A',
  ],
  [
    'the last change was not looked at',
    graph(service({ metadata: { generation: 2 }, status: status(READY) })),
    'the last change of Service web has not been looked at yet by its controller',
  ],
  [
    'a Service that is going away',
    graph(
      service({ metadata: { deletionTimestamp: '2026-11-25T11:59:00Z', finalizers: ['x'] }, status: status(READY) }),
    ),
    'Service web is being deleted; it waits for the finalizers x',
  ],
  [
    'a traffic target with a slip of the pen',
    graph(
      service({
        status: status([['Ready', 'False', 'RevisionMissing', 'Revision "web-0001" referenced in traffic not found.']]),
      }),
      [
        configuration({ status: status(READY, { latestReadyRevisionName: 'web-00001' }) }),
        route({
          spec: { traffic: [{ revisionName: 'web-0001', percent: 100 }] },
          status: status([['Ready', 'False', 'RevisionMissing']]),
        }),
        revision('web-00001', { status: status(READY) }),
      ],
    ),
    'the traffic names the revision web-0001, which does not exist; there is web-00001',
    `kubectl patch ksvc web -n shop --type merge -p '{"spec":{"traffic":[{"revisionName":"web-00001","percent":100}]}}'`,
  ],
  [
    'a Route of a Configuration that does not exist',
    graph(
      object(SERVING, 'Route', 'own', {
        spec: { traffic: [{ configurationName: 'gone', percent: 100 }] },
        status: status([['Ready', 'False', 'ConfigurationMissing']]),
      }),
    ),
    'the traffic names the Configuration gone, which does not exist',
    'kubectl get configurations -n shop',
  ],
  [
    'a Route that waits for a Revision',
    graph(
      route({
        spec: { traffic: [{ revisionName: 'web-00001', percent: 100 }] },
        status: status([
          ['Ready', 'False', 'RevisionFailed'],
          ['AllTrafficAssigned', 'False'],
        ]),
      }),
      [
        revision('web-00001', {
          status: status([['Ready', 'False', 'ContainerMissing', 'Unable to fetch image "web": unauthorized']]),
        }),
      ],
    ),
    'the image "web" cannot be had: unauthorized',
    'docker pull web',
  ],
  [
    'an Ingress of a class that nobody serves',
    graph(
      route({
        status: status([
          ['Ready', 'Unknown', 'IngressNotConfigured'],
          ['AllTrafficAssigned', 'True'],
        ]),
      }),
      [
        ingress({
          metadata: {
            annotations: { 'networking.knative.dev/ingress.class': 'kourier.ingress.networking.knative.dev' },
          },
        }),
      ],
    ),
    'nobody has taken up Ingress web of class "kourier.ingress.networking.knative.dev": is its controller installed?',
    'kubectl get pods -A',
  ],
  [
    'a gateway that does not run',
    graph(
      ingress({
        metadata: { annotations: { 'networking.knative.dev/ingress.class': 'zeroth.ingress.networking.knative.dev' } },
      }),
      [],
      { local: true },
    ),
    'no gateway has taken up Ingress web: is the activator running?',
    'zeroth status',
  ],
  [
    'a certificate that waits for its challenge',
    graph(
      route({
        status: status([
          ['Ready', 'Unknown', 'CertificateNotReady'],
          ['AllTrafficAssigned', 'True'],
          ['CertificateProvisioned', 'Unknown', 'CertificateNotReady', 'Certificate route-1 is not ready.'],
        ]),
      }),
      [
        object(NETWORKING, 'Certificate', 'route-1', {
          metadata: { labels: { 'serving.knative.dev/route': 'web' } },
          spec: { dnsNames: ['web.test'], secretName: 's' },
          status: status([['Ready', 'Unknown', 'InProgress', 'issuing']], {
            http01Challenges: [{ url: 'http://web.test/.well-known/acme-challenge/x' }],
          }),
        }),
      ],
    ),
    'the certificate for web.test is not there: issuing; it waits for the challenge at http://web.test/.well-known/acme-challenge/x',
  ],
  [
    'a domain that nobody claimed',
    graph(
      domain([
        ['Ready', 'False', 'DomainAlreadyClaimed'],
        ['DomainClaimed', 'False', 'DomainAlreadyClaimed'],
      ]),
    ),
    'nobody has claimed the domain app.test for namespace shop, and claims are not made by themselves here',
    /^echo '\{"apiVersion":"networking.internal.knative.dev\/v1alpha1","kind":"ClusterDomainClaim","metadata":\{"name":"app.test"\},"spec":\{"namespace":"shop"\}\}' \| zeroth apply -f -$/,
  ],
  [
    'a domain of another namespace',
    graph(
      domain([
        ['Ready', 'False', 'DomainAlreadyClaimed'],
        ['DomainClaimed', 'False', 'DomainAlreadyClaimed'],
      ]),
      [
        object(NETWORKING, 'ClusterDomainClaim', 'app.test', {
          metadata: { namespace: undefined },
          spec: { namespace: 'other' },
        }),
      ],
    ),
    'the domain app.test is claimed by namespace other',
    'kubectl get domainmapping app.test -n other',
  ],
  [
    'a domain of a Service that does not exist',
    graph(
      domain([
        ['Ready', 'False', 'ResolveFailed'],
        ['ReferenceResolved', 'False', 'ResolveFailed', 'not found'],
      ]),
      [object(SERVING, 'Service', 'wab')],
      { absent: [{ kind: 'Service', group: 'serving.knative.dev', namespace: 'shop', name: 'web' }] },
    ),
    'it leads to the Service web, which does not exist; did you mean wab?',
    /"name":"wab"/,
  ],
  [
    'a Broker of a class of somebody else',
    graph(
      object(EVENTING, 'Broker', 'b', { metadata: { annotations: { 'eventing.knative.dev/broker.class': 'Kafka' } } }),
    ),
    /^the class "Kafka" of Broker b is served by nobody here/,
  ],
  [
    'a Broker whose log cannot be opened',
    graph(
      object(EVENTING, 'Broker', 'b', {
        metadata: { annotations: { 'eventing.knative.dev/broker.class': 'zeroth' } },
        status: status([['Ready', 'False', 'LogNotOpen']], {
          annotations: { 'zeroth.dev/event-log': 'no space left on the disk' },
        }),
      }),
    ),
    'its event log is not open: no space left on the disk',
  ],
  [
    'a Trigger of a Broker that does not exist',
    graph(trigger([['Ready', 'False', 'BrokerDoesNotExist']]), [
      object(EVENTING, 'Broker', 'defalt', { status: status(READY) }),
    ]),
    'it belongs to the Broker default, which does not exist in namespace shop; did you mean defalt?',
    /^echo .*"kind":"Broker".* \| zeroth apply -n shop -f -$/,
  ],
  [
    'a Trigger of a Broker that is not ready',
    graph(
      trigger([
        ['Ready', 'Unknown'],
        ['BrokerReady', 'Unknown'],
      ]),
      [
        object(EVENTING, 'Broker', 'default', {
          metadata: { annotations: { 'eventing.knative.dev/broker.class': 'zeroth' } },
          status: status([['Ready', 'Unknown', 'IngressNotConfigured', 'waiting for the ingress']]),
        }),
      ],
    ),
    'waiting for the ingress',
  ],
  [
    'a Trigger whose subscriber is of a kind that is not installed',
    graph(
      trigger(
        [
          ['Ready', 'False'],
          ['BrokerReady', 'True'],
          ['SubscriberResolved', 'False'],
        ],
        { ref: { apiVersion: 'messaging.knative.dev/v1', kind: 'Channel', name: 'c' } },
      ),
      [object(EVENTING, 'Broker', 'default', { status: status(READY) })],
      { missingKinds: ['Channel.messaging.knative.dev'] },
    ),
    'its subscriber is a Channel of messaging.knative.dev, a kind that is not installed here',
  ],
  [
    'a PodAutoscaler for whom nobody acts',
    graph(
      object('autoscaling.internal.knative.dev/v1alpha1', 'PodAutoscaler', 'web-00001', {
        metadata: { ...labels, annotations: { 'autoscaling.knative.dev/class': 'hpa.autoscaling.knative.dev' } },
        spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, protocolType: 'http1' },
        status: status([['Ready', 'Unknown']]),
      }),
      [
        object('apps/v1', 'Deployment', 'd', {
          spec: { replicas: 1 },
          status: { readyReplicas: 1, updatedReplicas: 1 },
        }),
      ],
    ),
    /nothing here acts on one/,
    /^kubectl patch ksvc web -n shop .*kpa\.autoscaling/,
  ],
];

function domain(conditions: GivenCondition[]): KubeObject {
  return object('serving.knative.dev/v1beta1', 'DomainMapping', 'app.test', {
    spec: { ref: { kind: 'Service', name: 'web', apiVersion: SERVING } },
    status: status(conditions),
  });
}

function trigger(
  conditions: GivenCondition[],
  subscriber: Given = { ref: { apiVersion: SERVING, kind: 'Service', name: 'web' } },
): KubeObject {
  return object(EVENTING, 'Trigger', 'orders', { spec: { broker: 'default', subscriber }, status: status(conditions) });
}

for (const [name, given, cause, command] of CASES)
  t.test(name, (t) => {
    const diagnosis = diagnose(given);
    t.equal(diagnosis.ready, false);
    t.match(diagnosis.cause, cause);
    if (typeof cause === 'string') t.equal(diagnosis.cause, cause);
    if (command !== undefined) t.match(diagnosis.next[0]?.run, command);
    t.end();
  });

t.test('a failed update says what serves meanwhile', (t) => {
  const created = { latestCreatedRevisionName: 'web-00002', latestReadyRevisionName: 'web-00001' };
  const diagnosis = diagnose(
    graph(
      service({
        status: status([['Ready', 'False', 'RevisionFailed']], {
          ...created,
          traffic: [{ revisionName: 'web-00001', percent: 100 }],
        }),
      }),
      [
        configuration({ status: status([['Ready', 'False', 'RevisionFailed']], created) }),
        route({ status: status(READY) }),
        revision('web-00001', { status: status(READY) }),
        revision('web-00002', {
          status: status([['Ready', 'False', 'ContainerMissing', 'Unable to fetch image "web": no']]),
        }),
      ],
    ),
  );
  t.equal(diagnosis.ready, false);
  t.strictSame(diagnosis.warnings, ['requests still go to what served before: 100 % to web-00001']);
  t.equal(diagnosis.cause, 'the image "web" cannot be had: no');
  t.end();
});

t.test('a Trigger that is ready and delivers nothing says what the subscriber answered', (t) => {
  const ready = trigger([['Ready', 'True']], { uri: 'http://away.test/' });
  const deliveries = [
    {
      trigger: 'orders',
      owed: 3,
      retrying: 2,
      failure: {
        at: NOW - 5_000,
        destination: 'http://away.test/',
        status: 503,
        message: 'no\nroom',
        outcome: 'retried',
      },
    },
  ];
  const diagnosis = diagnose(
    graph(ready, [object(EVENTING, 'Broker', 'default', { status: status(READY) })], { deliveries }),
  );
  t.equal(diagnosis.ready, true);
  t.strictSame(diagnosis.warnings, [
    'the last delivery failed 5s ago: http://away.test/ answered 503: no room; it is tried again',
    '2 events failed and wait for another attempt',
  ]);
  t.match(diagnosis.next[0]?.run, 'zeroth get trigger orders -n shop -o yaml');
  t.end();
});
