import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { AcmeChallenge, CertManagerCertificate, ClusterIssuer } from '../../../../api/cert-manager.ts';
import { ConfigMap, CustomResourceDefinition, Namespace, Service } from '../../../../api/core.ts';
import { Certificate } from '../../../../api/networking/certificate.ts';
import type { KubeObject } from '../../../../api/object.ts';
import type { ResourceType } from '../../../../api/resource.ts';
import { SERVING_NAMESPACE } from '../../../../api/zeroth.ts';
import { Client } from '../../../../kube/client.ts';
import { conditionOf, isReady } from '../../../../kube/conditions.ts';
import { createController } from '../../../../kube/controller.ts';
import { Informers } from '../../../../kube/informers.ts';
import { silentLogger } from '../../../../kube/log.ts';
import { ApiServer } from '../../../../local/apiserver/main.ts';
import { adler32 } from '../../../../serving/controller/certificate/adler32.ts';
import { certManagerReconciler } from '../../../../serving/controller/certificate/cert-manager.ts';
import { ConfigStore } from '../../../../serving/controller/config/store.ts';
import { ManualClock } from '../../activator/manual-clock.ts';
import { waitFor } from '../../activator/rig.ts';

/** A definition that takes any field, as far as this test needs cert-manager's. */
function definition({ group, version, kind, plural, namespaced }: ResourceType): CustomResourceDefinition {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
        },
      ],
    },
  } as unknown as CustomResourceDefinition;
}

t.test('cert-manager is used from when it is installed, and withdrawn from when it no longer provides', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cert-manager-'));
  const api = await ApiServer.open({ dir, admissions: [], servicePrefix: '127.248', log: silentLogger });
  const client = new Client(api.transport);
  const informers = new Informers(client, silentLogger);
  const clock = new ManualClock();
  const crd = await readFile('config/crds/networking.internal.knative.dev_certificates.yaml', 'utf8');
  await client.create(CustomResourceDefinition, parse(crd) as CustomResourceDefinition);
  await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SERVING_NAMESPACE } });
  await client.create(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config-certmanager', namespace: SERVING_NAMESPACE },
    data: { issuerRef: 'kind: ClusterIssuer\nname: acme' },
  });
  const config = new ConfigStore(informers.of(ConfigMap), SERVING_NAMESPACE, silentLogger);
  const options = { client, informers, log: silentLogger, systemNamespace: SERVING_NAMESPACE, clock };
  const controller = createController(certManagerReconciler(config), options);
  await controller.start();
  t.teardown(async () => {
    await controller.stop();
    informers.stop();
    await api.close();
    await rm(dir, { recursive: true, force: true });
  });
  const until = <T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    holds: (object: T) => unknown = () => true,
  ) =>
    waitFor(`${type.kind} ${name}`, () => {
      // A status on its way to another may be held back for a moment.
      clock.advance(10);
      const object = informers.of(type).get('default', name);
      return object !== undefined && holds(object) ? object : undefined;
    });
  const ours = (holds: (one: Certificate) => unknown) => until(Certificate, 'web', holds);
  const reason = (one: Certificate) => conditionOf(one.status, 'Ready')?.reason;

  await client.create(Certificate, {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'Certificate',
    metadata: { name: 'web', namespace: 'default' },
    spec: { dnsNames: ['web.example.com'], domain: 'example.com', secretName: 'web' },
  });
  await ours((one) => reason(one) === 'CertManagerNotInstalled');

  for (const type of [CertManagerCertificate, ClusterIssuer, AcmeChallenge] as unknown as ResourceType[])
    await client.create(CustomResourceDefinition, definition(type));
  await client.create(ClusterIssuer, {
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name: 'acme' },
    spec: { acme: { solvers: [{ http01: {} }] } },
  });
  const made = await waitFor('cert-manager to be found', () => {
    clock.advance(10_000);
    return informers
      .of(Certificate)
      .get('default', 'web')
      ?.status?.conditions?.some((one) => one.reason === 'ReconcileFailed');
  });
  t.ok(made, 'no solver yet');
  t.match((await until(CertManagerCertificate, 'web')).spec, {
    dnsNames: ['web.example.com'],
    issuerRef: { name: 'acme' },
  });

  await client.create(AcmeChallenge, {
    apiVersion: 'acme.cert-manager.io/v1',
    kind: 'Challenge',
    metadata: { name: 'challenge', namespace: 'default' },
    spec: { token: 'token', dnsName: 'web.example.com' },
  });
  await client.create(Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'solver',
      namespace: 'default',
      labels: { 'acme.cert-manager.io/http-domain': String(adler32('web.example.com')) },
      ownerReferences: [{ apiVersion: 'acme.cert-manager.io/v1', kind: 'Challenge', name: 'challenge', uid: 'u' }],
    },
    spec: { ports: [{ port: 8089 }] },
  });
  const challenged = await ours((one) => one.status?.http01Challenges?.length === 1);
  t.match(challenged.status?.http01Challenges, [
    { url: 'http://web.example.com/.well-known/acme-challenge/token', serviceName: 'solver', servicePort: 8089 },
  ]);

  const status = { conditions: [{ type: 'Ready', status: 'True' }], notAfter: '2027-01-01T00:00:00Z' };
  await client.patch(CertManagerCertificate, 'default', 'web', { status }, { subresource: 'status' });
  const ready = await ours(isReady);
  t.equal(ready.status?.notAfter, '2027-01-01T00:00:00Z');
  t.equal(ready.status?.http01Challenges, undefined);

  await client.patch(Certificate, 'default', 'web', {
    metadata: { annotations: { 'networking.knative.dev/certificate.class': 'somebody.example.com' } },
  });
  await waitFor('its Certificate to go', () => informers.of(CertManagerCertificate).list().length === 0);
});
