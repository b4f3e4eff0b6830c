import t from 'tap';
import type { KubeObject } from '../../../api/object.ts';
import type { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { domainMappingReconciler } from '../../../serving/controller/domain-mapping/domain-mapping.ts';
import { aService, conditions, ownedBy, over, type Changes } from './given.ts';
import { conditionsOf, NOW_TEXT, passOver, type Setting } from './pass.ts';

const AUTOCREATE = { 'config-network': { 'autocreate-cluster-domain-claims': 'true' } };
const pass = (mapping = aMapping(), setting: Setting = {}) =>
  passOver((config) => domainMappingReconciler(config), mapping, { config: AUTOCREATE, ...setting });

function aMapping(changes: Changes = {}): DomainMapping {
  const mapping: DomainMapping = {
    apiVersion: 'serving.knative.dev/v1beta1',
    kind: 'DomainMapping',
    metadata: {
      name: 'shop.example.com',
      namespace: 'ns',
      uid: 'uid-of-shop.example.com',
      generation: 1,
      finalizers: ['domainmappings.serving.knative.dev'],
    },
    spec: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'svc', namespace: 'ns' } },
  };
  return over(mapping, changes);
}

const claimOf = (namespace: string): KubeObject =>
  ({
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'ClusterDomainClaim',
    metadata: { name: 'shop.example.com' },
    spec: { namespace },
  }) as KubeObject;
const claim = claimOf('ns');
const target = (url: string | undefined) => aService({ status: url === undefined ? {} : { address: { url } } });
const served = target('http://svc.ns.svc.cluster.local');
const ingressOf = (changes: Changes = {}): KubeObject =>
  over(
    {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'Ingress',
      metadata: {
        name: 'shop.example.com',
        namespace: 'ns',
        generation: 1,
        labels: {
          'serving.knative.dev/domainMappingUID': 'uid-of-shop.example.com',
          'serving.knative.dev/domainMappingNamespace': 'ns',
        },
        annotations: { 'networking.knative.dev/ingress.class': 'zeroth.ingress.networking.knative.dev' },
        ownerReferences: [ownedBy('DomainMapping', 'shop.example.com', 'serving.knative.dev/v1beta1')],
      },
      spec: {
        httpOption: 'Enabled',
        rules: [
          {
            hosts: ['shop.example.com'],
            visibility: 'ExternalIP',
            http: {
              paths: [
                {
                  rewriteHost: 'svc.ns.svc.cluster.local',
                  splits: [
                    {
                      serviceNamespace: 'ns',
                      serviceName: 'svc',
                      servicePort: 80,
                      percent: 100,
                      appendHeaders: { 'K-Original-Host': 'shop.example.com' },
                    },
                  ],
                },
              ],
            },
          },
        ],
      },
    } as KubeObject,
    changes,
  );

const NOT_CONFIGURED =
  'IngressNotConfigured: Ingress has not yet been reconciled. It waits for the gateway of ingress class "zeroth.ingress.networking.knative.dev".';

t.test('a new mapping claims its domain and makes an Ingress', async (t) => {
  const { writes, events, status, failure } = await pass(aMapping(), { others: [served] });
  t.strictSame(writes, [
    { verb: 'create ClusterDomainClaim shop.example.com', object: claim },
    { verb: 'create Ingress shop.example.com', object: over(ingressOf(), { metadata: { generation: undefined } }) },
  ]);
  t.strictSame(events, ['Normal Created: Created Ingress "shop.example.com"']);
  t.equal(failure, undefined);
  t.match(status, {
    observedGeneration: 1,
    url: 'http://shop.example.com',
    address: { url: 'http://shop.example.com' },
    conditions: [{}, {}, { type: 'IngressReady', lastTransitionTime: NOW_TEXT }],
  });
  t.strictSame(conditionsOf(status), [
    'CertificateProvisioned=True TLSNotEnabled: external-domain-tls is not enabled',
    'DomainClaimed=True',
    `IngressReady=Unknown ${NOT_CONFIGURED}`,
    `Ready=Unknown ${NOT_CONFIGURED}`,
    'ReferenceResolved=True',
  ]);
});

t.test('whose domain it is', async (t) => {
  const config = { 'config-network': { 'autocreate-cluster-domain-claims': 'false' } };
  const missing =
    'no ClusterDomainClaim found for domain "shop.example.com" (and autocreate-cluster-domain-claims property is not true)';
  for (const [name, setting, says, failure] of [
    [
      'claimed by another namespace',
      { others: [claimOf('other'), served] },
      'The domain name is already in use by another DomainMapping',
      'namespace "ns" does not own ClusterDomainClaim for "shop.example.com"',
    ],
    ['no claim, and none may be made', { others: [served], config }, missing, missing],
  ] as const) {
    const result = await pass(aMapping(), setting);
    t.strictSame(result.writes, [], name);
    t.ok(conditionsOf(result.status).includes(`DomainClaimed=False DomainAlreadyClaimed: ${says}`), name);
    t.ok(conditionsOf(result.status).includes(`Ready=False DomainAlreadyClaimed: ${says}`), name);
    t.equal(result.failure, failure, name);
  }
  const given = await pass(aMapping(), { others: [claim, served], config });
  t.strictSame(
    given.writes.map(({ verb }) => verb),
    ['create Ingress shop.example.com'],
    'a claim that an administrator made will do',
  );
  const raced = await pass(aMapping(), {
    others: [served],
    unseen: [claimOf('other')],
    refuse: { 'create ClusterDomainClaim shop.example.com': 'it already exists' },
  });
  t.equal(
    raced.failure,
    'namespace "ns" does not own ClusterDomainClaim for "shop.example.com"',
    'somebody was faster',
  );
  const refused = await pass(aMapping(), {
    others: [served],
    refuse: { 'create ClusterDomainClaim shop.example.com': 'no' },
  });
  t.equal(refused.failure, 'failed to create ClusterDomainClaim: no');
  t.ok(conditionsOf(refused.status).includes('DomainClaimed=Unknown'));
});

t.test('what it refers to', async (t) => {
  const kubernetes = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'svc', namespace: 'ns' } };
  const toService = { spec: { ref: { apiVersion: 'v1' } } };
  for (const [name, changes, others, problem] of [
    ['gone', {}, [], 'failed to get object ns/svc: svc not found'],
    ['no address yet', {}, [target(undefined)], 'address not set for Service ns/svc'],
    [
      'a path',
      {},
      [target('http://svc.ns.svc.cluster.local/x')],
      'resolved URI "http://svc.ns.svc.cluster.local/x" contains a path',
    ],
    [
      'somewhere else',
      {},
      [target('http://a.com')],
      'resolved URI "http://a.com" must be of the form {name}.{namespace}.svc.cluster.local',
    ],
    [
      'another namespace',
      {},
      [target('http://svc.other.svc.cluster.local')],
      'resolved URI "http://svc.other.svc.cluster.local" must be in same namespace as DomainMapping',
    ],
    ['no such Kubernetes Service', toService, [], 'failed to get object ns/svc: services "svc" not found'],
  ] as const) {
    const result = await pass(aMapping(changes), { others: [claim, ...others] });
    t.strictSame(result.writes, [], name);
    t.ok(
      conditionsOf(result.status).includes(`ReferenceResolved=False ResolveFailed: ${problem}`),
      `${name}: ${problem}`,
    );
    t.equal(result.failure, `resolving reference: ${problem}`, name);
  }
  const addresses = [
    { name: 'http', url: 'http://svc.ns.svc.cluster.local' },
    { name: 'far', url: 'http://far.away' },
  ];
  const many = aService({ status: { addresses } });
  const choose = async (address?: string) =>
    (await pass(aMapping({ spec: { ref: { address } } }), { others: [claim, many] })).failure;
  t.equal(await choose(), undefined, 'the first of several addresses');
  t.equal(await choose('http'), undefined, 'the one of the name');
  t.match(await choose('far'), 'must be of the form');
  t.equal(await choose('x'), 'resolving reference: address with name "x" not found for Service ns/svc');
  const plain = await pass(aMapping(toService), { others: [claim, kubernetes] });
  t.strictSame(
    plain.writes.map(({ verb }) => verb),
    ['create Ingress shop.example.com'],
  );
  t.ok(conditionsOf(plain.status).includes('ReferenceResolved=True'));
});

t.test('what becomes of the Ingress', async (t) => {
  const says = (status: string) => ({ status: { observedGeneration: 1, conditions: conditions(status) } });
  for (const [name, ingress, verbs, ready] of [
    ['ready', ingressOf(says('Ready=True')), [], 'Ready=True'],
    ['unknown', ingressOf(says('Ready=Unknown Uninitialized: wait')), [], 'Ready=Unknown Uninitialized: wait'],
    ['failed', ingressOf(says('Ready=False NotReconciled: no')), [], 'Ready=False NotReconciled: no'],
    [
      'of an older generation',
      ingressOf({ ...says('Ready=True'), metadata: { generation: 2 } }),
      [],
      `Ready=Unknown ${NOT_CONFIGURED}`,
    ],
    [
      'changed by hand',
      ingressOf({ ...says('Ready=True'), spec: { rules: [] } }),
      ['update Ingress shop.example.com'],
      'Ready=True',
    ],
    [
      'somebody else’s',
      ingressOf({ metadata: { ownerReferences: [] } }),
      [],
      'Ready=False NotOwned: There is an existing Ingress "shop.example.com" that we do not own.',
    ],
  ] as const) {
    const result = await pass(aMapping({ status: { observedGeneration: 1 } }), { others: [claim, served, ingress] });
    t.strictSame(
      result.writes.map(({ verb }) => verb),
      verbs,
      name,
    );
    t.ok(conditionsOf(result.status).includes(ready), `${name}: ${ready}`);
  }
  const refused = await pass(aMapping(), {
    others: [claim, served],
    refuse: { 'create Ingress shop.example.com': 'no' },
  });
  t.strictSame(refused.events, ['Warning CreationFailed: Failed to create Ingress: no']);
  t.equal(refused.failure, 'failed to create Ingress: no');
  t.ok(conditionsOf(refused.status).includes('ReferenceResolved=True'), 'what was found out is kept');
});

t.test('labels, annotations and the scheme', async (t) => {
  const mapping = aMapping({
    metadata: {
      labels: { team: 'a' },
      annotations: {
        'networking.knative.dev/ingress-class': 'mine',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
        own: 'x',
      },
    },
  });
  const { writes, status } = await pass(mapping, {
    others: [claim, served],
    config: { 'config-network': { ...AUTOCREATE['config-network'], 'default-external-scheme': 'https' } },
  });
  const { metadata } = writes[0]?.object as KubeObject;
  t.strictSame(metadata.labels, {
    team: 'a',
    'serving.knative.dev/domainMappingUID': 'uid-of-shop.example.com',
    'serving.knative.dev/domainMappingNamespace': 'ns',
  });
  t.strictSame(metadata.annotations, { own: 'x', 'networking.knative.dev/ingress.class': 'mine' });
  t.match(status, { url: 'https://shop.example.com' });
});

t.test('a certificate that the author brings', async (t) => {
  const { writes, status } = await pass(aMapping({ spec: { tls: { secretName: 'cert' } } }), {
    others: [claim, served],
  });
  t.match((writes[0]?.object as { spec: unknown }).spec, {
    tls: [{ hosts: ['shop.example.com'], secretName: 'cert', secretNamespace: 'ns' }],
  });
  t.match(status, { url: 'https://shop.example.com' });
  t.ok(
    conditionsOf(status).includes(
      'CertificateProvisioned=True CertificateExternallyProvided: TLS certificate was provided externally',
    ),
  );
});

t.test('a mapping that goes gives up the claim that was made for it, and no other', async (t) => {
  const going = aMapping({ metadata: { deletionTimestamp: NOW_TEXT } });
  const kept = { 'config-network': { 'autocreate-cluster-domain-claims': 'false' } };
  for (const [name, setting, verbs] of [
    ['its own', { others: [claim] }, ['delete ClusterDomainClaim shop.example.com']],
    ['another namespace’s', { others: [claimOf('other')] }, []],
    ['none', { others: [] }, []],
    ['an administrator’s', { others: [claim], config: kept }, []],
  ] as const) {
    const { writes, failure } = await pass(going, setting);
    t.strictSame(
      writes.map(({ verb }) => verb),
      verbs,
      name,
    );
    t.equal(failure, undefined, name);
  }
  await t.rejects(pass(going, { others: [claim], refuse: { 'delete ClusterDomainClaim shop.example.com': 'no' } }), {
    message: 'no',
  });
});
