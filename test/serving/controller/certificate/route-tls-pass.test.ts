import t from 'tap';
import type { Certificate } from '../../../../api/networking/certificate.ts';
import type { Ingress } from '../../../../api/networking/ingress.ts';
import type { Route, RouteStatus } from '../../../../api/serving/route.ts';
import { adler32 } from '../../../../serving/controller/certificate/adler32.ts';
import { routeReconciler } from '../../../../serving/controller/route/route.ts';
import { aConfiguration, aRevision, aRoute, conditions, over, ownedBy, READY, type Changes } from '../given.ts';
import { conditionsOf, passOver, type Setting } from '../pass.ts';

const configuration = aConfiguration({
  status: { observedGeneration: 1, latestReadyRevisionName: 'svc-00001', conditions: conditions('Ready=True') },
});
const revision = aRevision('svc-00001', READY);
const latest = { configurationName: 'svc', latestRevision: true, percent: 100 };
const tagged = { configurationName: 'svc', latestRevision: true, percent: 0, tag: 'next' };
const PORTS = {
  'zeroth.external-port': '8080',
  'zeroth.external-https-port': '8443',
  'zeroth.cluster-https-port': '9443',
};
const NAME = 'route-uid-of-svc';
const TAGGED = `${NAME}-${adler32('next')}`;

const pass = (route: Route, network: Record<string, string>, others: Certificate[] = [], more: Setting = {}) =>
  passOver((config) => routeReconciler(config), route, {
    ...more,
    others: [configuration, revision, ...others],
    config: { 'config-domain': { 'example.com': '' }, 'config-network': { ...PORTS, ...network } },
  });
const ON = { 'external-domain-tls': 'Enabled' };

function certificate(name: string, hosts: string[], line: string, changes: Changes = {}): Certificate {
  return over<Certificate>(
    {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'Certificate',
      metadata: {
        name,
        namespace: 'ns',
        generation: 1,
        labels: { 'serving.knative.dev/route': 'svc', 'networking.knative.dev/certificate-type': 'external-domain' },
        annotations: { 'networking.knative.dev/certificate.class': 'cert-manager.certificate.networking.knative.dev' },
        ownerReferences: [ownedBy('Route', 'svc')],
      },
      spec: { dnsNames: hosts, domain: 'example.com', secretName: name },
      status: { observedGeneration: 1, conditions: conditions(line) },
    },
    changes,
  );
}
const own = (line: string, changes: Changes = {}) => certificate(NAME, ['svc.ns.example.com'], line, changes);

const provisioned = (status: unknown): string | undefined =>
  conditionsOf(status).find((line) => line.startsWith('CertificateProvisioned='));
const verbs = (writes: readonly { verb: string }[]): string[] => writes.map(({ verb }) => verb);
const ingressOf = (writes: readonly { verb: string; object?: unknown }[]): Ingress['spec'] =>
  (writes.find(({ verb }) => verb === 'create Ingress svc')?.object as Ingress).spec;

t.test('each public host gets a Certificate', async (t) => {
  const { writes, events } = await pass(aRoute([latest, tagged]), ON);
  const made = writes.filter(({ verb }) => verb.startsWith('create Certificate'));
  const expected = (name: string, host: string) => {
    const { status: _, metadata, ...rest } = certificate(name, [host], '');
    const { generation: __, ...named } = metadata;
    return { verb: `create Certificate ${name}`, object: { ...rest, metadata: named } };
  };
  t.strictSame(made, [expected(NAME, 'svc.ns.example.com'), expected(TAGGED, 'next-svc.ns.example.com')]);
  t.ok(events.includes(`Normal Created: Created Certificate ns/${NAME}`));
});

t.test('what becomes of the URL and the condition', async (t) => {
  const http = 'http://svc.ns.example.com:8080';
  const https = 'https://svc.ns.example.com:8443';
  const redirected = { ...ON, 'http-protocol': 'Redirected' };
  const table: [string, Record<string, string>, string, string, string, boolean][] = [
    ['ready', ON, 'Ready=True', https, 'CertificateProvisioned=True', true],
    [
      'not ready, http served',
      ON,
      'Ready=Unknown Waiting: x',
      http,
      `CertificateProvisioned=True HTTPDowngrade: Certificate ${NAME} is not ready downgrade HTTP.`,
      false,
    ],
    [
      'failed, http served',
      ON,
      'Ready=False Broken: x',
      http,
      `CertificateProvisioned=True HTTPDowngrade: Certificate ${NAME} is not ready downgrade HTTP.`,
      false,
    ],
    [
      'not ready, http redirected',
      redirected,
      'Ready=Unknown Waiting: x',
      https,
      `CertificateProvisioned=Unknown CertificateNotReady: Certificate ${NAME} is not ready: Waiting`,
      false,
    ],
    [
      'failed, http redirected',
      redirected,
      'Ready=False Broken: x',
      https,
      `CertificateProvisioned=False CertificateProvisionFailed: Certificate ${NAME} fails to be provisioned: Broken`,
      false,
    ],
    [
      'off',
      {},
      'Ready=True',
      http,
      'CertificateProvisioned=True TLSNotEnabled: external-domain-tls is not enabled',
      false,
    ],
  ];
  for (const [name, network, line, url, condition, served] of table) {
    const { status, writes } = await pass(aRoute([latest]), network, [own(line)]);
    t.equal((status as RouteStatus).url, url, name);
    t.equal(provisioned(status), condition, name);
    const { tls, httpOption } = ingressOf(writes);
    const entry = { hosts: ['svc.ns.example.com'], secretName: NAME, secretNamespace: 'ns' };
    t.strictSame(tls, served ? [entry] : undefined, name);
    t.equal(httpOption, network['http-protocol'] ?? 'Enabled', name);
  }
  const downgraded = await pass(aRoute([latest]), { ...ON, 'default-external-scheme': 'https' }, [
    own('Ready=Unknown'),
  ]);
  t.equal((downgraded.status as RouteStatus).url, http, 'whatever the scheme of URLs is otherwise');
});

t.test('a Route may do without, in every spelling', async (t) => {
  for (const key of ['disable-external-domain-tls', 'disableAutoTLS', 'disable-auto-tls']) {
    const route = aRoute([latest], { metadata: { annotations: { [`networking.knative.dev/${key}`]: 'true' } } });
    const { writes, status } = await pass(route, ON);
    t.notOk(
      verbs(writes).some((verb) => verb.includes('Certificate')),
      key,
    );
    t.match(provisioned(status), /TLSNotEnabled/);
  }
});

t.test('a Route chooses its class, and what becomes of http', async (t) => {
  for (const key of ['certificate-class', 'certificate.class']) {
    const route = aRoute([latest], { metadata: { annotations: { [`networking.knative.dev/${key}`]: 'mine' } } });
    const { writes } = await pass(route, ON);
    const made = writes.find(({ verb }) => verb === `create Certificate ${NAME}`)?.object as Certificate;
    t.equal(made.metadata.annotations?.['networking.knative.dev/certificate.class'], 'mine', key);
  }
  for (const key of ['http-protocol', 'httpOption']) {
    const route = aRoute([latest], { metadata: { annotations: { [`networking.knative.dev/${key}`]: 'Redirected' } } });
    t.equal(ingressOf((await pass(route, ON)).writes).httpOption, 'Redirected', key);
  }
  const disabled = await pass(aRoute([latest]), { 'http-protocol': 'Disabled' });
  t.equal(ingressOf(disabled.writes).httpOption, undefined);
});

t.test('a wildcard Certificate stands for hosts one label below it', async (t) => {
  const wildcard = (name: string) =>
    certificate('ns.example.com', [name], 'Ready=True', {
      metadata: {
        labels: { 'networking.knative.dev/wildcardDomain': 'example.com' },
        ownerReferences: [ownedBy('Namespace', 'ns', 'v1')],
      },
    });
  const { writes, status } = await pass(aRoute([latest]), ON, [wildcard('*.ns.example.com')]);
  t.notOk(verbs(writes).some((verb) => verb.includes('Certificate')));
  t.strictSame(ingressOf(writes).tls, [
    { hosts: ['svc.ns.example.com'], secretName: 'ns.example.com', secretNamespace: 'ns' },
  ]);
  t.equal((status as RouteStatus).url, 'https://svc.ns.example.com:8443');
  const other = await pass(aRoute([latest]), ON, [wildcard('*.other.example.com')]);
  t.ok(verbs(other.writes).includes(`create Certificate ${NAME}`));
});

t.test('challenges are answered on their host before everything else', async (t) => {
  const challenge = {
    url: 'http://svc.ns.example.com/.well-known/acme-challenge/token',
    serviceName: 'solver',
    serviceNamespace: 'ns',
    servicePort: 8090,
  };
  const waiting = own('Ready=Unknown', { status: { http01Challenges: [challenge] } });
  const { writes } = await pass(aRoute([latest]), ON, [waiting]);
  const outside = ingressOf(writes).rules.find(({ visibility }) => visibility === 'ExternalIP');
  t.match(outside?.http.paths[0], {
    path: '/.well-known/acme-challenge/token',
    splits: [{ serviceName: 'solver', serviceNamespace: 'ns', servicePort: 8090, percent: 100 }],
  });
  const renewing = own('Ready=True', {
    status: { http01Challenges: [challenge], conditions: conditions('Ready=True', 'Renewing=True') },
  });
  const again = ingressOf((await pass(aRoute([latest]), ON, [renewing])).writes);
  t.match(again.rules.at(-1)?.http.paths[0], { path: '/.well-known/acme-challenge/token' }, 'while renewing too');
  t.ok(again.tls);
});

t.test('names inside the cluster', async (t) => {
  const local = { 'cluster-local-domain-tls': 'Enabled' };
  const hosts = ['svc.ns', 'svc.ns.svc', 'svc.ns.svc.cluster.local'];
  const made = await pass(aRoute([latest]), local);
  t.match(made.writes.find(({ verb }) => verb === `create Certificate ${NAME}-local`)?.object, {
    metadata: { labels: { 'networking.knative.dev/certificate-type': 'cluster-local-domain' } },
    spec: { dnsNames: hosts, domain: 'svc.cluster.local', secretName: `${NAME}-local` },
  });
  t.match(provisioned(made.status), /^CertificateProvisioned=Unknown CertificateNotReady/);
  const ready = certificate(`${NAME}-local`, hosts, 'Ready=True', {
    metadata: { labels: { 'networking.knative.dev/certificate-type': 'cluster-local-domain' } },
  });
  const { writes, status } = await pass(aRoute([latest]), local, [ready]);
  t.strictSame(ingressOf(writes).tls, [{ hosts, secretName: `${NAME}-local`, secretNamespace: 'ns' }]);
  t.equal((status as RouteStatus).address?.url, 'https://svc.ns.svc.cluster.local:9443');
  t.equal((status as RouteStatus).url, 'http://svc.ns.example.com:8080');
});

t.test('Certificates that belong to another, cannot be made, or are of no use any more', async (t) => {
  const taken = await pass(aRoute([latest]), ON, [own('Ready=True', { metadata: { ownerReferences: [] } })]);
  t.equal(
    provisioned(taken.status),
    `CertificateProvisioned=False CertificateNotOwned: There is an existing certificate ${NAME} that we don't own.`,
  );
  const refused = await pass(aRoute([latest]), ON, [], { refuse: { [`create Certificate ${NAME}`]: 'quota' } });
  t.equal(
    provisioned(refused.status),
    `CertificateProvisioned=False CertificateProvisionFailed: Certificate ${NAME} fails to be provisioned:`,
  );
  t.ok(refused.events.includes(`Warning CreationFailed: Failed to create Certificate ns/${NAME}: quota`));
  const gone = certificate(TAGGED, ['next-svc.ns.example.com'], 'Ready=True');
  const { writes } = await pass(aRoute([latest]), ON, [own('Ready=True'), gone]);
  t.ok(verbs(writes).includes(`delete Certificate ${TAGGED}`));
  const off = await pass(aRoute([latest]), {}, [own('Ready=True')]);
  t.notOk(
    verbs(off.writes).some((verb) => verb.startsWith('delete')),
    'its Secret may still be in use',
  );
});
