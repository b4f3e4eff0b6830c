import t from 'tap';
import type { AcmeChallenge, CertManagerCertificate, ClusterIssuer } from '../../../../api/cert-manager.ts';
import type { Service } from '../../../../api/core.ts';
import type { Certificate } from '../../../../api/networking/certificate.ts';
import type { Condition } from '../../../../api/object.ts';
import { conditionOf } from '../../../../kube/conditions.ts';
import { adler32 } from '../../../../serving/controller/certificate/adler32.ts';
import { certManagerReconciler } from '../../../../serving/controller/certificate/cert-manager.ts';
import { conditions, over, ownedBy, type Changes } from '../given.ts';
import { NOW_TEXT, passOver, type Setting } from '../pass.ts';

const CLASS = 'cert-manager.certificate.networking.knative.dev';
const NETWORKING = 'networking.internal.knative.dev/v1alpha1';
const pass = (certificate: Certificate, setting: Setting = {}) => passOver(certManagerReconciler, certificate, setting);

const ours = (changes: Changes = {}): Certificate =>
  over<Certificate>(
    {
      apiVersion: NETWORKING,
      kind: 'Certificate',
      metadata: {
        name: 'cert',
        namespace: 'ns',
        uid: 'uid-of-cert',
        generation: 2,
        labels: { l: '1' },
        annotations: { 'networking.knative.dev/certificate.class': CLASS },
      },
      spec: { dnsNames: ['a.ns.example.com', 'b.ns.example.com'], domain: 'example.com', secretName: 'cert-secret' },
    },
    changes,
  );

const theirs = (changes: Changes = {}): CertManagerCertificate =>
  over<CertManagerCertificate>(
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      metadata: {
        name: 'cert',
        namespace: 'ns',
        labels: { l: '1' },
        annotations: { 'networking.knative.dev/certificate.class': CLASS },
        ownerReferences: [ownedBy('Certificate', 'cert', NETWORKING)],
      },
      spec: {
        commonName: 'a.ns.example.com',
        secretName: 'cert-secret',
        dnsNames: ['a.ns.example.com', 'b.ns.example.com'],
        issuerRef: { kind: 'ClusterIssuer', name: 'knative-selfsigned-issuer' },
        secretTemplate: { labels: { 'networking.internal.knative.dev/certificate-uid': 'uid-of-cert' } },
      },
    },
    changes,
  );

const issuer = (name: string, acme?: ClusterIssuer['spec']['acme']): ClusterIssuer => ({
  apiVersion: 'cert-manager.io/v1',
  kind: 'ClusterIssuer',
  metadata: { name },
  spec: acme === undefined ? {} : { acme },
});
const plain = issuer('knative-selfsigned-issuer');
const http01 = issuer('knative-selfsigned-issuer', { solvers: [{ http01: {} }] });

const said = (...lines: string[]): Changes => ({ status: { conditions: conditions(...lines) } });
const saidOf = (status: unknown, type: string): Condition | undefined =>
  conditionOf(status as Certificate['status'], type);
const ready = (status: unknown): Condition | undefined => saidOf(status, 'Ready');

t.test("one of cert-manager's own is made for each Certificate", async (t) => {
  const { writes, events, status } = await pass(ours(), { others: [plain] });
  t.strictSame(writes, [{ verb: 'create Certificate cert', object: theirs() }]);
  t.strictSame(events, ['Normal Created: Created Cert-Manager Certificate ns/cert']);
  t.match(status, { observedGeneration: 2 });
  t.match(ready(status), {
    status: 'Unknown',
    reason: 'NoCertManagerCertCondition',
    message: 'The ready condition of Cert Manager Certificate does not exist.',
  });
});

t.test('one that differs is brought back; one that does not is left alone', async (t) => {
  const differing = theirs({ spec: { dnsNames: ['old.example.com'] } });
  const { writes, events } = await pass(ours(), { others: [differing, plain] });
  t.strictSame(writes, [{ verb: 'update Certificate cert', object: theirs() }]);
  t.strictSame(events, ['Normal Updated: Updated Spec for Cert-Manager Certificate ns/cert']);
  t.strictSame((await pass(ours(), { others: [theirs(), plain] })).writes, []);
});

t.test('what cert-manager says of its own is said of ours', async (t) => {
  const table: [string, Changes, Partial<Condition>][] = [
    ['Ready=Unknown Wait: please', {}, { status: 'Unknown', reason: 'Wait', message: 'please' }],
    ['Ready=False InProgress: busy', {}, { status: 'Unknown', reason: 'InProgress', message: 'busy' }],
    ['Ready=False Pending: busy', {}, { status: 'Unknown', reason: 'Pending' }],
    ['Ready=False TemporaryCertificate: busy', {}, { status: 'Unknown', reason: 'TemporaryCertificate' }],
    ['Ready=False Broken: no', {}, { status: 'False', reason: 'Broken', message: 'no' }],
    ['Ready=True', {}, { status: 'True' }],
  ];
  for (const [line, changes, expected] of table) {
    const theirStatus = over(theirs(said(line)), changes);
    const { status } = await pass(ours(), { others: [over(theirStatus, { status: { notAfter: NOW_TEXT } }), plain] });
    t.match(ready(status), expected, line);
    t.match(status, { notAfter: NOW_TEXT });
  }
});

t.test('where an HTTP-01 challenge is answered goes to the Ingress, until the certificate is there', async (t) => {
  const solver = (host: string): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `solver-${host[0] ?? ''}`,
      namespace: 'ns',
      labels: { 'acme.cert-manager.io/http-domain': String(adler32(host)) },
      ownerReferences: [ownedBy('Challenge', `challenge-${host[0] ?? ''}`, 'acme.cert-manager.io/v1')],
    },
    spec: { ports: [{ port: 8089, targetPort: 8090 }] },
  });
  const challenge = (host: string): AcmeChallenge => ({
    apiVersion: 'acme.cert-manager.io/v1',
    kind: 'Challenge',
    metadata: { name: `challenge-${host[0] ?? ''}`, namespace: 'ns' },
    spec: { token: `token-${host[0] ?? ''}`, dnsName: host },
  });
  const hosts = ['a.ns.example.com', 'b.ns.example.com'];
  const solving = [...hosts.map(solver), ...hosts.map(challenge)];
  const pending = theirs(said('Ready=False InProgress: busy'));
  const { status, failure } = await pass(ours(), { others: [pending, http01, ...solving] });
  t.equal(failure, undefined);
  t.match(status, {
    http01Challenges: hosts.map((host) => ({
      url: `http://${host}/.well-known/acme-challenge/token-${host[0] ?? ''}`,
      serviceName: `solver-${host[0] ?? ''}`,
      serviceNamespace: 'ns',
      servicePort: 8090,
    })),
  });

  const waiting = await pass(ours(), { others: [pending, http01] });
  t.equal(
    waiting.failure,
    `no challenge solver service for domain a.ns.example.com; selector=acme.cert-manager.io/http-domain=${adler32('a.ns.example.com')}`,
  );
  t.match(ready(waiting.status), { status: 'Unknown', reason: 'ReconcileFailed' });

  const had = ours({ status: { observedGeneration: 2, http01Challenges: [{ url: 'http://a/x' }], conditions: [] } });
  const done = await pass(had, { others: [theirs(said('Ready=True')), http01] });
  t.notHas(done.status, 'http01Challenges');

  const passed = over(theirs(said('Ready=True')), { status: { renewalTime: '2026-11-24T11:59:00Z' } });
  const readyBefore = ours({ status: { observedGeneration: 2, conditions: conditions('Ready=True') } });
  const renewing = await pass(readyBefore, { others: [passed, http01, ...solving] });
  t.match(ready(renewing.status), { status: 'True' }, 'what is there still serves');
  t.match(saidOf(renewing.status, 'Renewing'), { status: 'True' });
  t.match(renewing.status, { http01Challenges: [{}, {}] });
  const later = over(passed, { status: { renewalTime: '2026-11-24T12:30:00Z' } });
  const renewed = await pass(over(readyBefore, { status: renewing.status }), { others: [later, http01] });
  t.equal(saidOf(renewed.status, 'Renewing'), undefined);
  t.equal(renewed.again, 30 * 60_000 + 1000, 'comes back when it is to be renewed');
});

t.test('who issues: by the type of the Certificate', async (t) => {
  const config = {
    'config-certmanager': {
      issuerRef: 'kind: ClusterIssuer\nname: public',
      clusterLocalIssuerRef: 'kind: Issuer\nname: inside\ngroup: g.example.com',
    },
  };
  const label = 'networking.knative.dev/certificate-type';
  const table: [string | undefined, object][] = [
    [undefined, { kind: 'ClusterIssuer', name: 'public' }],
    ['external-domain', { kind: 'ClusterIssuer', name: 'public' }],
    ['cluster-local-domain', { kind: 'Issuer', name: 'inside', group: 'g.example.com' }],
    ['system-internal', { kind: 'ClusterIssuer', name: 'knative-selfsigned-issuer' }],
  ];
  for (const [type, expected] of table) {
    const certificate = ours(type === undefined ? {} : { metadata: { labels: { [label]: type } } });
    const { writes } = await pass(certificate, { others: [plain], config });
    t.strictSame((writes[0]?.object as CertManagerCertificate).spec.issuerRef, expected, type ?? 'no type');
  }
  const { status } = await pass(ours({ metadata: { labels: { [label]: 'odd' } } }), { others: [plain] });
  t.match(ready(status), { status: 'False', reason: 'certificate type invalid' });
});

t.test('a host too long for a common name', async (t) => {
  const long = `${'x'.repeat(50)}.namespace.example.com`;
  const { writes } = await pass(ours({ spec: { dnsNames: [long], domain: 'example.com' } }), { others: [plain] });
  t.match((writes[0]?.object as CertManagerCertificate).spec, {
    commonName: 'k.example.com',
    dnsNames: ['k.example.com', long],
  });
  const domain = `${'y'.repeat(50)}.example.com.org`;
  const table: [Changes, string][] = [
    [{ domain: long }, `(${long}) longer than 63 characters`],
    [{ domain: undefined }, `(${long}) too long and field spec.Domain on Kcert is empty, cannot attempt to shorten`],
    [
      { domain },
      `(${domain})(length: ${domain.length}) too long, prepending short prefix of (k.)(length: 2) will be longer than 64 bytes`,
    ],
  ];
  for (const [spec, message] of table) {
    const refused = await pass(ours({ spec: { dnsNames: [long], ...spec } }), { others: [plain] });
    t.strictSame(refused.writes, []);
    t.match(ready(refused.status), {
      status: 'False',
      reason: 'CommonName Too Long',
      message: `error creating cert-manager certificate: CommonName ${message}`,
    });
    t.equal(refused.failure, ready(refused.status)?.message);
  }
});

t.test('a cluster without cert-manager says so, and what to do', async (t) => {
  const { status, writes, again, failure } = await pass(ours(), { absent: ['cert-manager.io'] });
  t.strictSame([writes, failure], [[], undefined]);
  t.ok(again, 'it is looked for again');
  t.match(ready(status), {
    status: 'False',
    reason: 'CertManagerNotInstalled',
    message:
      /^cert-manager is not installed: .* set certificate-class to zeroth\.certificate\.networking\.knative\.dev in ConfigMap config-network\.$/,
  });
});

t.test("what is another's, and what fails", async (t) => {
  const foreign = theirs({ metadata: { ownerReferences: [] } });
  const taken = await pass(ours(), { others: [foreign, plain] });
  t.match(ready(taken.status), {
    status: 'False',
    reason: 'NotOwned',
    message: 'There is an existing CertManagerCertificate "cert" that we do not own.',
  });
  t.equal(taken.failure, 'knative Certificate cert in namespace ns does not own CertManager Certificate: cert');
  const refused = await pass(ours(), { others: [plain], refuse: { 'create Certificate cert': 'no' } });
  t.match(ready(refused.status), {
    status: 'Unknown',
    reason: 'ReconcileFailed',
    message: 'Cert-Manager certificate has not yet been reconciled.',
  });
  t.strictSame(refused.events, ['Warning CreationFailed: Failed to create Cert-Manager Certificate cert/ns: no']);
  const other = await pass(ours({ metadata: { annotations: { 'networking.knative.dev/certificate.class': 'x' } } }));
  t.equal(other.status, undefined, 'a class of somebody else');
  const unset = ours({ metadata: { annotations: { 'networking.knative.dev/certificate.class': undefined } } });
  t.ok((await pass(unset, { others: [plain] })).status, 'it is the default');
});
