import t from 'tap';
import type { Certificate } from '../../../../api/networking/certificate.ts';
import type { Ingress } from '../../../../api/networking/ingress.ts';
import type { KubeObject } from '../../../../api/object.ts';
import type { DomainMapping } from '../../../../api/serving/domain-mapping.ts';
import { domainMappingReconciler } from '../../../../serving/controller/domain-mapping/domain-mapping.ts';
import { aService, conditions, over, ownedBy, type Changes } from '../given.ts';
import { conditionsOf, passOver, type Setting } from '../pass.ts';

const HOST = 'shop.example.com';
const ON = { 'external-domain-tls': 'Enabled', 'zeroth.external-port': '8080', 'zeroth.external-https-port': '8443' };

function mapping(changes: Changes = {}): DomainMapping {
  return over<DomainMapping>(
    {
      apiVersion: 'serving.knative.dev/v1beta1',
      kind: 'DomainMapping',
      metadata: {
        name: HOST,
        namespace: 'ns',
        uid: `uid-of-${HOST}`,
        generation: 1,
        finalizers: ['domainmappings.serving.knative.dev'],
      },
      spec: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'svc', namespace: 'ns' } },
    },
    changes,
  );
}

const claim = {
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'ClusterDomainClaim',
  metadata: { name: HOST },
  spec: { namespace: 'ns' },
} as KubeObject;

function certificate(line: string, changes: Changes = {}): Certificate {
  return over<Certificate>(
    {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'Certificate',
      metadata: {
        name: HOST,
        namespace: 'ns',
        generation: 1,
        labels: {
          'serving.knative.dev/domainMappingUID': HOST,
          'networking.knative.dev/certificate-type': 'external-domain',
        },
        annotations: { 'networking.knative.dev/certificate.class': 'cert-manager.certificate.networking.knative.dev' },
        ownerReferences: [ownedBy('DomainMapping', HOST, 'serving.knative.dev/v1beta1')],
      },
      spec: { dnsNames: [HOST], domain: HOST, secretName: HOST },
      status: { observedGeneration: 1, conditions: conditions(line) },
    },
    changes,
  );
}

const pass = (network: Record<string, string>, others: KubeObject[] = [], changes: Changes = {}, more: Setting = {}) =>
  passOver((config) => domainMappingReconciler(config), mapping(changes), {
    ...more,
    others: [claim, aService({ status: { address: { url: 'http://svc.ns.svc.cluster.local' } } }), ...others],
    config: { 'config-network': network },
  });
const provisioned = (status: unknown): string | undefined =>
  conditionsOf(status).find((line) => line.startsWith('CertificateProvisioned='));
const ingressOf = (writes: readonly { verb: string; object?: unknown }[]): Ingress['spec'] =>
  (writes.find(({ verb }) => verb === `create Ingress ${HOST}`)?.object as Ingress).spec;

t.test('a mapped domain gets a Certificate', async (t) => {
  const { writes, events } = await pass(ON);
  const { status: _, metadata, ...rest } = certificate('');
  const { generation: __, ...named } = metadata;
  t.strictSame(writes[0], { verb: `create Certificate ${HOST}`, object: { ...rest, metadata: named } });
  t.ok(events.includes(`Normal Created: Created Certificate ns/${HOST}`));
});

t.test('what becomes of its URL and condition', async (t) => {
  const [http, https] = [`http://${HOST}:8080`, `https://${HOST}:8443`];
  const redirected = { ...ON, 'http-protocol': 'Redirected' };
  const table: [string, Record<string, string>, string, Changes, string, string, boolean][] = [
    ['ready', ON, 'Ready=True', {}, https, 'CertificateProvisioned=True', true],
    [
      'not ready, http served',
      ON,
      'Ready=Unknown',
      {},
      http,
      `CertificateProvisioned=True HTTPDowngrade: Certificate ${HOST} is not ready downgrade HTTP.`,
      false,
    ],
    [
      'not ready, http redirected',
      redirected,
      'Ready=Unknown',
      {},
      https,
      `CertificateProvisioned=Unknown CertificateNotReady: Certificate ${HOST} is not ready.`,
      false,
    ],
    [
      'not wanted',
      ON,
      'Ready=True',
      { metadata: { annotations: { 'networking.knative.dev/disable-external-domain-tls': 'true' } } },
      http,
      'CertificateProvisioned=True TLSNotEnabled: external-domain-tls is not enabled',
      false,
    ],
  ];
  for (const [name, network, line, changes, url, condition, served] of table) {
    const { status, writes } = await pass(network, [certificate(line)], changes);
    t.match(status, { url, address: { url } }, name);
    t.equal(provisioned(status), condition, name);
    const entry = { hosts: [HOST], secretName: HOST, secretNamespace: 'ns' };
    t.strictSame(ingressOf(writes).tls, served ? [entry] : undefined, name);
    t.equal(ingressOf(writes).httpOption, network['http-protocol'] ?? 'Enabled', name);
  }
});

t.test('challenges are answered before what is mapped', async (t) => {
  const url = `http://${HOST}/.well-known/acme-challenge/token`;
  const http01Challenges = [{ url, serviceName: 'solver', serviceNamespace: 'ns', servicePort: 8090 }];
  const { writes } = await pass(ON, [certificate('Ready=Unknown', { status: { http01Challenges } })]);
  t.match(ingressOf(writes).rules[0]?.http.paths, [
    { path: '/.well-known/acme-challenge/token', splits: [{ serviceName: 'solver', servicePort: 8090 }] },
    { rewriteHost: 'svc.ns.svc.cluster.local' },
  ]);
});

t.test('a Certificate that belongs to another, or cannot be made', async (t) => {
  const taken = await pass(ON, [certificate('Ready=True', { metadata: { ownerReferences: [] } })]);
  t.equal(
    provisioned(taken.status),
    `CertificateProvisioned=False CertificateNotOwned: There is an existing certificate ${HOST} that we don't own.`,
  );
  const refused = await pass(ON, [], {}, { refuse: { [`create Certificate ${HOST}`]: 'quota' } });
  t.equal(
    provisioned(refused.status),
    `CertificateProvisioned=False CertificateProvisionFailed: Certificate ${HOST} failed to be provisioned.`,
  );
});
