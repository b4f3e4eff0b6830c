import t from 'tap';
import type { Namespace } from '../../../../api/core.ts';
import type { Certificate } from '../../../../api/networking/certificate.ts';
import { namespaceCertificates } from '../../../../serving/controller/certificate/namespace-certificates.ts';
import { over, ownedBy, type Changes } from '../given.ts';
import { passOver, type Setting } from '../pass.ts';

const pass = (namespace: Namespace, setting: Setting = {}) => passOver(namespaceCertificates, namespace, setting);

const namespace = (labels: Record<string, string> = {}, annotations?: Record<string, string>): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'ns', uid: 'uid-of-ns', labels, annotations },
});

const wildcard = (domain: string, changes: Changes = {}): Certificate =>
  over<Certificate>(
    {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'Certificate',
      metadata: {
        name: `ns.${domain}`,
        namespace: 'ns',
        labels: { 'networking.knative.dev/wildcardDomain': domain },
        annotations: {
          'networking.knative.dev/certificate.class': 'cert-manager.certificate.networking.knative.dev',
        },
        ownerReferences: [ownedBy('Namespace', 'ns', 'v1')],
      },
      spec: { dnsNames: [`*.ns.${domain}`], secretName: `ns.${domain}` },
    },
    changes,
  );

const config = (selector: string | undefined, domains: Record<string, string> = { 'example.com': '' }, more = {}) => ({
  'config-network': { ...(selector === undefined ? {} : { 'namespace-wildcard-cert-selector': selector }), ...more },
  'config-domain': domains,
});
const EVERYWHERE = '{}';

t.test('a namespace that is selected gets a wildcard Certificate a domain', async (t) => {
  const domains = {
    'example.com': '',
    'wild.example.org': 'selector:\n  a: b\ntype: wildcard\n',
    'plain.example.org': 'selector:\n  c: d\n',
  };
  const { writes, events } = await pass(namespace(), { config: config(EVERYWHERE, domains) });
  t.strictSame(writes, [
    { verb: 'create Certificate ns.example.com', object: wildcard('example.com') },
    { verb: 'create Certificate ns.wild.example.org', object: wildcard('wild.example.org') },
  ]);
  t.strictSame(events, [
    'Normal Created: Created Knative Certificate ns/ns.example.com',
    'Normal Created: Created Knative Certificate ns/ns.wild.example.org',
  ]);
  const again = await pass(namespace(), {
    config: config(EVERYWHERE, domains),
    others: [wildcard('example.com'), wildcard('wild.example.org')],
  });
  t.strictSame(again.writes, [], 'a second pass writes nothing');
});

t.test('which namespaces are selected', async (t) => {
  const table: [string | undefined, Record<string, string>, boolean][] = [
    [undefined, {}, false],
    ['{}', {}, true],
    ['matchLabels: {tls: "on"}', { tls: 'on' }, true],
    ['matchLabels: {tls: "on"}', {}, false],
    ['matchExpressions: [{key: tls, operator: In, values: [a, b]}]', { tls: 'b' }, true],
    ['matchExpressions: [{key: tls, operator: In, values: [a, b]}]', { tls: 'c' }, false],
    ['matchExpressions: [{key: tls, operator: NotIn, values: [a]}]', {}, true],
    ['matchExpressions: [{key: tls, operator: NotIn, values: [a]}]', { tls: 'a' }, false],
    ['matchExpressions: [{key: tls, operator: Exists}]', { tls: '' }, true],
    ['matchExpressions: [{key: tls, operator: DoesNotExist}]', { tls: '' }, false],
  ];
  for (const [selector, labels, expected] of table) {
    const { writes } = await pass(namespace(labels), { config: config(selector) });
    t.equal(writes.length > 0, expected, `${selector} ${JSON.stringify(labels)}`);
  }
});

t.test('Certificates go with their domain, or with the selection', async (t) => {
  const old = wildcard('old.example.com');
  const foreign = wildcard('foreign.example.com', { metadata: { ownerReferences: [] } });
  const { writes, events } = await pass(namespace(), {
    config: config(EVERYWHERE),
    others: [wildcard('example.com'), old, foreign],
  });
  t.strictSame(writes, [{ verb: 'delete Certificate ns.old.example.com' }]);
  t.strictSame(events, ['Normal Deleted: Deleted Knative Certificate ns/ns.old.example.com']);
  const unselected = await pass(namespace(), { config: config(undefined), others: [wildcard('example.com'), foreign] });
  t.strictSame(unselected.writes, [{ verb: 'delete Certificate ns.example.com' }]);
});

t.test("the domain template decides the name, and must put the Service's in front", async (t) => {
  const template = { 'domain-template': '{{.Name}}.x.{{.Namespace}}.{{.Domain}}' };
  const own = wildcard('example.com');
  const changed = await pass(namespace(), { config: config(EVERYWHERE, undefined, template), others: [own] });
  t.strictSame(changed.writes, [
    {
      verb: 'update Certificate ns.example.com',
      object: { ...own, spec: { dnsNames: ['*.x.ns.example.com'], secretName: 'x.ns.example.com' } },
    },
  ]);
  t.strictSame(changed.events, ['Normal Updated: Updated Spec for Knative Certificate ns/ns.example.com']);
  const merged = { 'domain-template': '{{.Name}}-{{.Namespace}}.{{.Domain}}' };
  await t.rejects(pass(namespace(), { config: config(EVERYWHERE, undefined, merged) }), {
    message:
      'failed to apply domain template {{.Name}}-{{.Namespace}}.{{.Domain}} to domain example.com and namespace ns: invalid DomainTemplate: *-ns.example.com',
  });
});

t.test("the class is the namespace's, else the cluster's", async (t) => {
  const network = { 'certificate-class': 'cluster.example.com' };
  const classOf = async (annotations?: Record<string, string>) => {
    const { writes } = await pass(namespace({}, annotations), { config: config(EVERYWHERE, undefined, network) });
    return (writes[0]?.object as Certificate).metadata.annotations?.['networking.knative.dev/certificate.class'];
  };
  t.equal(await classOf(), 'cluster.example.com');
  t.equal(await classOf({ 'networking.knative.dev/certificate-class': 'mine.example.com' }), 'mine.example.com');
});
