import t from 'tap';
import type { Ingress } from '../../../api/networking/ingress.ts';
import type { Route } from '../../../api/serving/route.ts';
import { routeReconciler } from '../../../serving/controller/route/route.ts';
import { aConfiguration, aRevision, aRoute, conditions, ownedBy, over, READY, type Changes } from './given.ts';
import { conditionsOf, passOver, type Setting } from './pass.ts';

const pass = (route: Route, setting: Setting = {}) => passOver((config) => routeReconciler(config), route, setting);

const CONFIG = { 'config-domain': { 'example.com': '' } };
const latest = { configurationName: 'svc', latestRevision: true, percent: 100 };
const configuration = aConfiguration({
  status: { observedGeneration: 1, latestReadyRevisionName: 'svc-00001', conditions: conditions('Ready=True') },
});
const revision = aRevision('svc-00001', READY);
const split = (serviceName: string, percent: number) => ({
  serviceNamespace: 'ns',
  serviceName,
  servicePort: 80,
  percent,
  appendHeaders: { 'Knative-Serving-Namespace': 'ns', 'Knative-Serving-Revision': serviceName },
});

t.test('a Route whose Revision is ready makes placeholder and Ingress', async (t) => {
  const route = aRoute([latest], {
    metadata: { labels: { l: '1' }, annotations: { a: '2', 'networking.knative.dev/ingress-class': 'mine' } },
  });
  const { writes, events, status } = await pass(route, { others: [configuration, revision], config: CONFIG });
  t.strictSame(writes, [
    {
      verb: 'create Service svc',
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {
          name: 'svc',
          namespace: 'ns',
          labels: { l: '1', 'serving.knative.dev/route': 'svc' },
          annotations: { a: '2', 'networking.knative.dev/ingress-class': 'mine' },
          ownerReferences: [ownedBy('Route', 'svc')],
        },
        spec: {
          type: 'ExternalName',
          externalName: 'svc.ns.example.com',
          sessionAffinity: 'None',
          ports: [{ name: 'http2', appProtocol: 'kubernetes.io/h2c', port: 80, protocol: 'TCP', targetPort: 80 }],
        },
      },
    },
    {
      verb: 'create Ingress svc',
      object: {
        apiVersion: 'networking.internal.knative.dev/v1alpha1',
        kind: 'Ingress',
        metadata: {
          name: 'svc',
          namespace: 'ns',
          labels: { l: '1', 'serving.knative.dev/route': 'svc', 'serving.knative.dev/routeNamespace': 'ns' },
          annotations: {
            a: '2',
            'networking.knative.dev/ingress.class': 'mine',
            'networking.internal.knative.dev/rollout':
              '{"configurations":[{"configurationName":"svc","percent":100,"revisions":[{"revisionName":"svc-00001","percent":100}],"stepParams":{}}]}',
          },
          ownerReferences: [ownedBy('Route', 'svc')],
        },
        spec: {
          rules: [
            {
              hosts: ['svc.ns', 'svc.ns.svc', 'svc.ns.svc.cluster.local'],
              visibility: 'ClusterLocal',
              http: { paths: [{ splits: [split('svc-00001', 100)] }] },
            },
            {
              hosts: ['svc.ns.example.com'],
              visibility: 'ExternalIP',
              http: { paths: [{ splits: [split('svc-00001', 100)] }] },
            },
          ],
          httpOption: 'Enabled',
        },
      },
    },
  ]);
  t.strictSame(events, ['Normal Created: Created placeholder service "svc"', 'Normal Created: Created Ingress "svc"']);
  t.match(status, {
    url: 'http://svc.ns.example.com',
    address: { url: 'http://svc.ns.svc.cluster.local' },
    traffic: [{ revisionName: 'svc-00001', percent: 100, latestRevision: true }],
  });
  t.strictSame(conditionsOf(status), [
    'AllTrafficAssigned=True',
    'CertificateProvisioned=True TLSNotEnabled: external-domain-tls is not enabled',
    'IngressReady=Unknown IngressNotConfigured: Ingress has not yet been reconciled. It waits for the gateway of ingress class "mine".',
    'Ready=Unknown IngressNotConfigured: Ingress has not yet been reconciled. It waits for the gateway of ingress class "mine".',
  ]);
});

t.test('targets that cannot be served', async (t) => {
  const failed = aConfiguration({ status: { conditions: conditions('Ready=False RevisionFailed: no') } });
  const broken = aRevision('svc-00001', {
    status: { observedGeneration: 1, conditions: conditions('Ready=False X: y') },
  });
  const named = [{ revisionName: 'svc-00001', latestRevision: false, percent: 100 }];
  const owned = { metadata: { labels: { 'serving.knative.dev/service': 'other' } } };
  for (const [name, traffic, others, says, more] of [
    [
      'no Configuration',
      [latest],
      [],
      'False ConfigurationMissing: Configuration "svc" referenced in traffic not found. Create it, or name one that "kubectl get configurations.serving.knative.dev" lists.',
    ],
    [
      'no ready Revision yet',
      [latest],
      [aConfiguration()],
      'Unknown RevisionMissing: Configuration "svc" is waiting for a Revision to become ready.',
    ],
    [
      'no ready Revision yet, on its way',
      [latest],
      [
        aConfiguration({
          status: { conditions: conditions('Ready=Unknown Deploying: Revision "x" is not yet ready.') },
        }),
      ],
      'Unknown RevisionMissing: Configuration "svc" is waiting for a Revision to become ready.',
    ],
    [
      'no ready Revision yet, held up',
      [latest],
      [
        aConfiguration({
          status: { conditions: conditions('Ready=Unknown Deploying: Revision "x" is not yet ready. No secret.') },
        }),
      ],
      'Unknown RevisionMissing: Configuration "svc" is waiting for a Revision to become ready. Revision "x" is not yet ready. No secret.',
    ],
    [
      'no ready Revision at all',
      [latest],
      [failed],
      'False RevisionMissing: Configuration "svc" does not have any ready Revision. no',
    ],
    [
      'its Revision is gone',
      [latest],
      [configuration],
      'False RevisionMissing: Revision "svc-00001" referenced in traffic not found. Create it, or name one that "kubectl get revisions.serving.knative.dev" lists.',
    ],
    [
      'its Revision is not ready',
      [latest],
      [configuration, aRevision('svc-00001')],
      'Unknown RevisionMissing: Revision "svc-00001" is not yet ready.',
    ],
    [
      'named, gone',
      named,
      [],
      'False RevisionMissing: Revision "svc-00001" referenced in traffic not found. Create it, or name one that "kubectl get revisions.serving.knative.dev" lists.',
    ],
    ['named, failed', named, [broken], 'False RevisionMissing: Revision "svc-00001" failed to become ready. y'],
    [
      'another Service’s',
      named,
      [revision],
      'False RevisionNotOwned: Revision "svc-00001" belongs to Service "svc", not Service "other".',
      owned,
    ],
    [
      'nobody’s',
      named,
      [over(revision, { metadata: { labels: { 'serving.knative.dev/service': undefined } } })],
      'False RevisionNotOwned: Revision "svc-00001" does not belong to Service "other".',
      owned,
    ],
    [
      'a failure says more than a wait',
      [
        { ...latest, percent: 50 },
        { revisionName: 'gone', latestRevision: false, percent: 50 },
      ],
      [aConfiguration()],
      'False RevisionMissing: Revision "gone" referenced in traffic not found. Create it, or name one that "kubectl get revisions.serving.knative.dev" lists.',
    ],
  ] as const) {
    const route = aRoute([...traffic], {
      ...(more ?? {}),
      status: { observedGeneration: 1, traffic: [{ revisionName: 'before', percent: 100 }] },
    });
    const result = await pass(route, { others, config: CONFIG });
    t.strictSame(result.writes, [], `${name}: nothing is written`);
    t.ok(conditionsOf(result.status).includes(`AllTrafficAssigned=${says}`), `${name}: ${says}`);
    t.match(result.status, { traffic: [{ revisionName: 'before', percent: 100 }] }, `${name}: traffic stays`);
  }
});

t.test('rules', async (t) => {
  const second = aRevision('svc-00002', READY);
  const traffic = [
    { ...latest, percent: 70, tag: 'b' },
    { revisionName: 'svc-00002', latestRevision: false, percent: 30, tag: 'a' },
    { revisionName: 'svc-00002', latestRevision: false, percent: 0, tag: 'c' },
  ];
  const rules = async (changes: Changes = {}, config: Record<string, Record<string, string>> = {}) => {
    const { writes } = await pass(aRoute(traffic, changes), {
      others: [configuration, revision, second],
      config: { ...CONFIG, ...config },
    });
    const ingress = writes.find(({ verb }) => verb.startsWith('create Ingress'))?.object as Ingress;
    return ingress.spec.rules.map(({ hosts, http }) => [
      hosts.at(-1),
      ...http.paths.map(
        ({ splits, headers, appendHeaders }) =>
          `${headers?.['Knative-Serving-Tag']?.exact ?? ''}>${splits.map((one) => `${one.serviceName}=${one.percent ?? 0}`).join()}>${Object.entries(appendHeaders ?? {}).join()}`,
      ),
    ]);
  };
  t.strictSame(await rules(), [
    ['svc.ns.svc.cluster.local', '>svc-00001=70,svc-00002=30>'],
    ['svc.ns.example.com', '>svc-00001=70,svc-00002=30>'],
    ['a-svc.ns.svc.cluster.local', '>svc-00002=100>'],
    ['a-svc.ns.example.com', '>svc-00002=100>'],
    ['b-svc.ns.svc.cluster.local', '>svc-00001=100>'],
    ['b-svc.ns.example.com', '>svc-00001=100>'],
    ['c-svc.ns.svc.cluster.local', '>svc-00002=100>'],
    ['c-svc.ns.example.com', '>svc-00002=100>'],
  ]);
  t.strictSame((await rules({}, { 'config-features': { 'tag-header-based-routing': 'enabled' } })).slice(1, 4), [
    [
      'svc.ns.example.com',
      'a>svc-00002=100>',
      'b>svc-00001=100>',
      'c>svc-00002=100>',
      '>svc-00001=70,svc-00002=30>Knative-Serving-Default-Route,true',
    ],
    ['a-svc.ns.svc.cluster.local', '>svc-00002=100>Knative-Serving-Tag,a'],
    ['a-svc.ns.example.com', '>svc-00002=100>Knative-Serving-Tag,a'],
  ]);
  t.strictSame(
    (
      await rules(
        {},
        {
          'config-network': {
            'domain-template': '{{.Name}}-{{.Namespace}}.{{.Domain}}',
            'tag-template': '{{.Name}}-{{.Tag}}',
          },
        },
      )
    ).map(([host]) => host),
    [
      'svc.ns.svc.cluster.local',
      'svc-ns.example.com',
      'svc-a.ns.svc.cluster.local',
      'svc-a-ns.example.com',
      'svc-b.ns.svc.cluster.local',
      'svc-b-ns.example.com',
      'svc-c.ns.svc.cluster.local',
      'svc-c-ns.example.com',
    ],
  );
  t.strictSame(
    (await rules({ metadata: { labels: { 'networking.knative.dev/visibility': 'cluster-local' } } })).map(
      ([host]) => host,
    ),
    ['svc', 'a-svc', 'b-svc', 'c-svc'].map((name) => `${name}.ns.svc.cluster.local`),
    'cluster-local',
  );
});

t.test('a host name that cannot be is said', async (t) => {
  const { status, writes, failure } = await pass(aRoute([latest]), {
    others: [configuration, revision],
    config: { 'config-domain': { [`${'x'.repeat(64)}.com`]: '' } },
  });
  t.strictSame(writes, []);
  t.match(failure, 'domain name error: invalid domain name');
  t.match(
    conditionsOf(status)[0],
    /^AllTrafficAssigned=False ErrorConfig: domain name error: invalid domain name "svc.ns.x{64}.com": url: /,
  );
});

t.test('names that are taken', async (t) => {
  const object = (apiVersion: string, kind: string) => ({
    apiVersion,
    kind,
    metadata: { name: 'svc', namespace: 'ns', ownerReferences: [ownedBy('Route', 'other')] },
  });
  const ours = over(object('v1', 'Service'), { metadata: { ownerReferences: [ownedBy('Route', 'svc')] } });
  for (const [others, says, failure] of [
    [
      [object('v1', 'Service')],
      'There is an existing placeholder Service "svc" that we do not own.',
      'route: "svc" does not own Service: "svc"',
    ],
    [
      [ours, object('v1', 'Endpoints')],
      'There is an existing placeholder Endpoint "svc" that we do not own.',
      'route: "svc" does not own Endpoints: "svc"',
    ],
    [
      [ours, object('networking.internal.knative.dev/v1alpha1', 'Ingress')],
      'There is an existing Ingress "svc" that we do not own.',
      'route: "svc" does not own Ingress: "svc"',
    ],
  ] as const) {
    const result = await pass(aRoute([latest]), { others: [configuration, revision, ...others], config: CONFIG });
    t.strictSame(result.writes, []);
    t.ok(conditionsOf(result.status).includes(`IngressReady=False NotOwned: ${says}`), says);
    t.equal(result.failure, failure);
  }
});

t.test('what cannot be made is an event, and the status says what was found out', async (t) => {
  const others = [configuration, revision];
  for (const [verb, event, failure] of [
    [
      'create Service svc',
      'Warning CreationFailed: Failed to create placeholder service "svc": no',
      'failed to create placeholder service: no',
    ],
    ['create Ingress svc', 'Warning CreationFailed: Failed to create Ingress: no', 'failed to create Ingress: no'],
  ] as const) {
    const result = await pass(aRoute([latest]), { others, config: CONFIG, refuse: { [verb]: 'no' } });
    t.equal(result.failure, failure);
    t.equal(result.events.at(-1), event);
    t.match(result.status, { observedGeneration: 1, url: 'http://svc.ns.example.com' });
    t.ok(conditionsOf(result.status).includes('AllTrafficAssigned=True'));
  }
});

t.test('the placeholder follows the load balancer', async (t) => {
  const route = aRoute([latest]);
  const first = await pass(route, { others: [configuration, revision], config: CONFIG });
  const [service, ingress] = first.writes.map(({ object }) => object as Ingress);
  const balanced = (...balancers: object[]) =>
    over(ingress as Ingress, {
      metadata: { generation: 1 },
      status: {
        observedGeneration: 1,
        conditions: conditions('Ready=True'),
        publicLoadBalancer: { ingress: [{ domain: 'public' }] },
        privateLoadBalancer: { ingress: balancers },
      },
    });
  for (const [name, balancers, verbs, spec] of [
    [
      'a domain inside, with its port',
      [{ domainInternal: 'gateway.local:8081', domain: 'x' }],
      ['update Service svc'],
      { type: 'ExternalName', externalName: 'gateway.local' },
    ],
    [
      'an address',
      [{ ip: '10.0.0.1', domainInternal: 'x' }],
      ['update Service svc', 'create Endpoints svc'],
      { type: 'ClusterIP', clusterIP: 'None' },
    ],
    [
      'only a mesh',
      [{ meshOnly: true }],
      ['update Service svc'],
      { type: 'ClusterIP', ports: [{ name: 'http', port: 80 }] },
    ],
    ['two of them', [{ domain: 'a' }, { domain: 'b' }], [], undefined],
    ['a public one alone', [], ['update Service svc'], { type: 'ExternalName', externalName: 'public' }],
  ] as const) {
    const others = [configuration, revision, service as Ingress, balanced(...balancers)];
    const { writes } = await pass(route, { others, config: CONFIG });
    t.strictSame(
      writes.map(({ verb }) => verb),
      verbs,
      name,
    );
    if (spec !== undefined) t.match(writes[0]?.object, { spec }, name);
  }
});

t.test('a load balancer of another sort takes another sort of placeholder', async (t) => {
  const route = aRoute([latest]);
  const others = [configuration, revision];
  const first = await pass(route, { others, config: CONFIG });
  const ingress = first.writes.at(-1)?.object as Ingress;
  const behind = (balancer: object) =>
    over(ingress, {
      metadata: { generation: 1 },
      status: {
        observedGeneration: 1,
        conditions: conditions('Ready=True'),
        privateLoadBalancer: { ingress: [balancer] },
      },
    });
  const meta = {
    name: 'svc',
    namespace: 'ns',
    labels: { 'serving.knative.dev/route': 'svc' },
    ownerReferences: [ownedBy('Route', 'svc')],
  };
  const h2c = { name: 'http2', appProtocol: 'kubernetes.io/h2c', port: 80, protocol: 'TCP', targetPort: 80 };
  const service = (spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: meta, spec });
  const named = service({ type: 'ExternalName', externalName: 'old', sessionAffinity: 'None', ports: [h2c] });
  const headless = service({ type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], ports: [h2c] });
  const meshed = service({
    type: 'ClusterIP',
    clusterIP: '10.0.0.7',
    clusterIPs: ['10.0.0.7'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  });
  const endpoints = (ip: string) => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: meta,
    subsets: [
      { addresses: [{ ip }], ports: [{ name: 'http2', appProtocol: 'kubernetes.io/h2c', port: 80, protocol: 'TCP' }] },
    ],
  });
  const again = ['delete Service svc', 'create Service svc'];
  for (const [name, found, balancer, verbs] of [
    ['as it was: a name', [named], { domainInternal: 'old' }, []],
    ['as it was: an address', [headless, endpoints('10.1.1.1')], { ip: '10.1.1.1' }, []],
    ['as it was: a mesh', [meshed], { meshOnly: true }, []],
    ['another name', [named], { domainInternal: 'new' }, ['update Service svc']],
    ['another address', [headless, endpoints('10.1.1.1')], { ip: '10.1.1.2' }, ['update Endpoints svc']],
    ['address to name', [headless, endpoints('10.1.1.1')], { domain: 'new' }, [...again, 'delete Endpoints svc']],
    ['address to mesh', [headless, endpoints('10.1.1.1')], { meshOnly: true }, [...again, 'delete Endpoints svc']],
    ['mesh to address', [meshed], { ip: '10.1.1.1' }, [...again, 'create Endpoints svc']],
    ['mesh to name', [meshed], { domain: 'new' }, again],
  ] as const) {
    const { writes } = await pass(route, { others: [...others, ...found, behind(balancer)], config: CONFIG });
    t.strictSame(
      writes.map(({ verb }) => verb),
      verbs,
      name,
    );
  }
});

t.test('placeholders of tags that are gone go, with their Endpoints', async (t) => {
  const stray = { namespace: 'ns', name: 'old-svc', labels: { 'serving.knative.dev/route': 'svc' } };
  const ours = { ...stray, ownerReferences: [ownedBy('Route', 'svc')] };
  const kube = (kind: string, metadata: object) => ({ apiVersion: 'v1', kind, metadata }) as Ingress;
  const verbs = async (...found: Ingress[]) => {
    const { writes } = await pass(aRoute([latest]), { others: [configuration, revision, ...found], config: CONFIG });
    return writes.map(({ verb }) => verb).filter((verb) => verb.includes('old-svc'));
  };
  t.strictSame(await verbs(kube('Service', ours)), ['delete Service old-svc']);
  t.strictSame(await verbs(kube('Service', ours), kube('Endpoints', ours)), [
    'delete Service old-svc',
    'delete Endpoints old-svc',
  ]);
  t.strictSame(await verbs(kube('Service', stray)), [], 'a Service that only has the label is its author’s');
});

t.test('traffic that several targets give to one Revision', async (t) => {
  const pinned = { revisionName: 'svc-00001', latestRevision: false };
  for (const [name, traffic, splits, told] of [
    [
      'is told by target and sent together',
      [
        { ...latest, percent: 60 },
        { ...pinned, percent: 40 },
      ],
      ['svc-00001=100'],
      ['svc-00001 60 true', 'svc-00001 40 false'],
    ],
    [
      'under one tag is told together',
      [
        { ...pinned, percent: 60, tag: 'a' },
        { ...pinned, percent: 40, tag: 'a' },
      ],
      ['svc-00001=100'],
      ['svc-00001 100 false a'],
    ],
    [
      'a share of nothing is a name alone',
      [
        { ...latest, percent: 100 },
        { ...pinned, percent: 0, tag: 'a' },
      ],
      ['svc-00001=100'],
      ['svc-00001 100 true', 'svc-00001 0 false a'],
    ],
  ] as const) {
    const { writes, status } = await pass(aRoute([...traffic]), { others: [configuration, revision], config: CONFIG });
    const ingress = writes.at(-1)?.object as Ingress;
    t.strictSame(
      ingress.spec.rules[0]?.http.paths[0]?.splits.map((one) => `${one.serviceName}=${one.percent ?? 0}`),
      splits,
      `${name}: rules`,
    );
    t.strictSame(
      (status as Route['status'])?.traffic?.map((one) =>
        [one.revisionName, one.percent, one.latestRevision, one.tag].filter((part) => part !== undefined).join(' '),
      ),
      told,
      `${name}: status`,
    );
  }
});
