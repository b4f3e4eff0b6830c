import t from 'tap';
import { ConfigMap, Service as KubeService } from '../../../api/core.ts';
import { Certificate, ClusterDomainClaim } from '../../../api/networking/certificate.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import { Namespace } from '../../../api/core.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { startCluster } from './cluster.ts';
import { configurationOf, mappingOf, readyAt, routeOf, run, serviceOf } from './objects.ts';

const SYSTEM = 'knative-serving';

t.test('Routes, domains and certificates', async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const { client } = cluster;

  await t.test('a Route without a Service follows its Configuration, and lets go when deleted', async (t) => {
    await client.create(Route, routeOf('alone', [{ configurationName: 'alone', percent: 100 }]));
    const missing = await cluster.until(
      Route,
      'alone',
      (route) => conditionOf(route.status, 'AllTrafficAssigned')?.reason === 'ConfigurationMissing',
    );
    t.match(conditionOf(missing.status, 'Ready')?.message, 'Configuration "alone" referenced in traffic not found.');
    await client.create(Configuration, configurationOf('alone', run('one')));
    await cluster.until(Route, 'alone', (route) => isReady(route));
    const held = await cluster.until(
      Revision,
      'alone-00001',
      (one) => one.metadata.labels?.['serving.knative.dev/routingState'] === 'active',
    );
    t.equal(held.metadata.annotations?.['serving.knative.dev/routes'], 'alone');
    await cluster.until(
      Configuration,
      'alone',
      (one) => one.metadata.annotations?.['serving.knative.dev/routes'] === 'alone',
    );
    await client.delete(Route, 'default', 'alone');
    const free = await cluster.until(
      Revision,
      'alone-00001',
      (one) => one.metadata.labels?.['serving.knative.dev/routingState'] === 'reserve',
    );
    t.equal(free.metadata.annotations?.['serving.knative.dev/routes'], undefined);
    await cluster.until(
      Configuration,
      'alone',
      (one) => one.metadata.annotations?.['serving.knative.dev/routes'] === undefined,
    );
  });

  await t.test(
    'a Service in the way of a Route’s name is said, and when it goes the Route takes the name',
    async (t) => {
      const spec = { ports: [{ port: 80 }], selector: { app: 'mine' } };
      await client.create(KubeService, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'way', namespace: 'default' },
        spec,
      });
      await client.create(Service, serviceOf('way', run('one')));
      const blocked = await cluster.until(
        Route,
        'way',
        (one) => conditionOf(one.status, 'IngressReady')?.reason === 'NotOwned',
      );
      t.equal(
        conditionOf(blocked.status, 'Ready')?.message,
        'There is an existing placeholder Service "way" that we do not own.',
      );
      await client.delete(KubeService, 'default', 'way');
      await cluster.until(Service, 'way', readyAt('way-00001'));
    },
  );

  await t.test('visibility: a label makes a Service, or one tag of it, the cluster’s own', async (t) => {
    const local = { 'networking.knative.dev/visibility': 'cluster-local' };
    await client.create(Service, serviceOf('inside', run('one'), { labels: local }));
    const inside = await cluster.until(Service, 'inside', readyAt('inside-00001'));
    t.equal(inside.status?.url, 'http://inside.default.svc.cluster.local:8081');
    const hidden = await client.get(Ingress, 'default', 'inside');
    t.strictSame(
      hidden.spec.rules.map(({ visibility }) => visibility),
      ['ClusterLocal'],
    );
    await client.patch(Service, 'default', 'inside', {
      metadata: { labels: { 'networking.knative.dev/visibility': null } },
    });
    await cluster.until(Service, 'inside', (one) => one.status?.url === 'http://inside.default.localhost:8080');
    await client.patch(Service, 'default', 'inside', {
      spec: { traffic: [{ latestRevision: true, percent: 100, tag: 'quiet' }] },
    });
    await cluster.until(
      Service,
      'inside',
      (one) => one.status?.traffic?.[0]?.url === 'http://quiet-inside.default.localhost:8080',
    );
    await client.patch(KubeService, 'default', 'quiet-inside', { metadata: { labels: local } });
    await cluster.until(
      Service,
      'inside',
      (one) => one.status?.traffic?.[0]?.url === 'http://quiet-inside.default.svc.cluster.local:8081',
    );
  });

  await t.test('a traffic target that cannot be served changes nothing but the condition', async (t) => {
    await client.create(Service, serviceOf('keeps', run('one')));
    const before = await cluster.until(Service, 'keeps', readyAt('keeps-00001'));
    await client.patch(Service, 'default', 'keeps', {
      spec: { traffic: [{ revisionName: 'keeps-00009', percent: 100 }] },
    });
    const broken = await cluster.until(
      Service,
      'keeps',
      (one) => conditionOf(one.status, 'RoutesReady')?.status === 'False',
    );
    t.match(conditionOf(broken.status, 'Ready'), {
      reason: 'RevisionMissing',
      message:
        'Revision "keeps-00009" referenced in traffic not found. Create it, or name one that "kubectl get revisions.serving.knative.dev" lists.',
    });
    t.strictSame(broken.status?.traffic, before.status?.traffic);
    const ingress = await client.get(Ingress, 'default', 'keeps');
    t.equal(ingress.spec.rules[0]?.http.paths[0]?.splits[0]?.serviceName, 'keeps-00001');
    await client.patch(Service, 'default', 'keeps', {
      spec: { traffic: [{ revisionName: 'inside-00001', percent: 100 }] },
    });
    const foreign = await cluster.until(
      Service,
      'keeps',
      (one) => conditionOf(one.status, 'RoutesReady')?.reason === 'RevisionNotOwned',
    );
    t.equal(
      conditionOf(foreign.status, 'Ready')?.message,
      'Revision "inside-00001" belongs to Service "inside", not Service "keeps".',
    );
  });

  await t.test('a gradual rollout moves the traffic in steps', async (t) => {
    const annotations = { 'serving.knative.dev/rollout-duration': '3s' };
    await client.create(Service, serviceOf('slow', run('one'), { annotations }));
    await cluster.until(Service, 'slow', readyAt('slow-00001'));
    const seen: number[] = [];
    const watching = cluster.until(Route, 'slow', (route) => {
      const share = route.status?.traffic?.find(({ revisionName }) => revisionName === 'slow-00002')?.percent;
      if (share !== undefined && share !== seen.at(-1)) seen.push(share);
      return share === 100 && isReady(route);
    });
    await client.patch(Service, 'default', 'slow', { spec: { template: run('two') } });
    const rolling = await cluster.until(
      Service,
      'slow',
      (one) => conditionOf(one.status, 'RoutesReady')?.reason === 'RolloutInProgress',
    );
    t.strictSame(
      rolling.status?.traffic?.map(({ revisionName, percent }) => [revisionName, percent]),
      [
        ['slow-00001', 99],
        ['slow-00002', 1],
      ],
    );
    await cluster.restartControllers();
    const done = await watching;
    t.comment(`shares of the new Revision: ${seen.join(', ')} %`);
    t.equal(done.status?.traffic?.length, 1);
    t.equal(seen[0], 1);
    t.strictSame(
      [...seen].sort((a, b) => a - b),
      seen,
      'the share only grows, also for controllers that start over in between',
    );
  });

  await t.test('a domain is one namespace’s, until it gives it up', async (t) => {
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    await client.create(Service, serviceOf('shop', run('one')));
    await client.create(Service, serviceOf('shop', run('one'), { namespace: 'other' }));
    await cluster.until(Service, 'shop', readyAt('shop-00001'));
    await cluster.until(Service, 'shop', readyAt('shop-00001'), 'other');
    await client.create(DomainMapping, mappingOf('shop.example.com', 'shop'));
    const mapped = await cluster.until(DomainMapping, 'shop.example.com', (one) => isReady(one));
    t.equal(mapped.status?.url, 'http://shop.example.com:8080');
    const ingress = await client.get(Ingress, 'default', 'shop.example.com');
    t.strictSame(ingress.spec, {
      rules: [
        {
          hosts: ['shop.example.com'],
          visibility: 'ExternalIP',
          http: {
            paths: [
              {
                rewriteHost: 'shop.default.svc.cluster.local',
                splits: [
                  {
                    serviceNamespace: 'default',
                    serviceName: 'shop',
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
      httpOption: 'Enabled',
    });
    await client.create(DomainMapping, mappingOf('shop.example.com', 'shop', 'other'));
    const waiting = await cluster.until(
      DomainMapping,
      'shop.example.com',
      (one) => conditionOf(one.status, 'DomainClaimed')?.status === 'False',
      'other',
    );
    t.match(conditionOf(waiting.status, 'Ready'), {
      reason: 'DomainAlreadyClaimed',
      message: 'The domain name is already in use by another DomainMapping',
    });
    await client.delete(DomainMapping, 'default', 'shop.example.com');
    await cluster.until(DomainMapping, 'shop.example.com', (one) => isReady(one), 'other');
    t.equal((await client.get(ClusterDomainClaim, undefined, 'shop.example.com')).spec.namespace, 'other');
    await client.create(DomainMapping, mappingOf('none.example.com', 'nothing'));
    const unresolved = await cluster.until(
      DomainMapping,
      'none.example.com',
      (one) => conditionOf(one.status, 'ReferenceResolved')?.status === 'False',
    );
    t.match(conditionOf(unresolved.status, 'ReferenceResolved'), { reason: 'ResolveFailed' });
    await client.create(Service, serviceOf('nothing', run('one')));
    await cluster.until(DomainMapping, 'none.example.com', (one) => isReady(one));
  });

  await t.test('with external-domain-tls each public host has a Certificate, and https once it is ready', async (t) => {
    const setTls = (value: string | null) =>
      // Of a class that nobody provides: the test does.
      client.patch(ConfigMap, SYSTEM, 'config-network', {
        data: { 'external-domain-tls': value, 'certificate-class': 'by-hand.example.com' },
      });
    await client.create(Service, serviceOf('tls', run('one')));
    await cluster.until(Service, 'tls', readyAt('tls-00001'));
    await setTls('enabled');
    const route = await cluster.until(
      Route,
      'tls',
      (one) => conditionOf(one.status, 'CertificateProvisioned')?.reason === 'HTTPDowngrade',
    );
    const name = `route-${route.metadata.uid ?? ''}`;
    t.equal(
      conditionOf(route.status, 'CertificateProvisioned')?.message,
      `Certificate ${name} is not ready downgrade HTTP.`,
    );
    const certificate = await client.get(Certificate, 'default', name);
    t.strictSame(certificate.spec, { dnsNames: ['tls.default.localhost'], domain: 'localhost', secretName: name });
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    const status = { observedGeneration: certificate.metadata.generation, conditions };
    await client.update(Certificate, { ...certificate, status }, 'status');
    await cluster.until(
      Service,
      'tls',
      (one) => isReady(one) && one.status?.url === 'https://tls.default.localhost:8443',
    );
    const ingress = await client.get(Ingress, 'default', 'tls');
    t.strictSame(ingress.spec.tls, [
      { hosts: ['tls.default.localhost'], secretName: name, secretNamespace: 'default' },
    ]);
    await setTls(null);
    await cluster.until(
      Service,
      'tls',
      (one) => isReady(one) && one.status?.url === 'http://tls.default.localhost:8080',
    );
  });

  await t.test('a domain of config-domain applies at once to Services with its labels', async (t) => {
    await client.create(Service, serviceOf('prod', run('one'), { labels: { app: 'prod' } }));
    await cluster.until(Service, 'prod', readyAt('prod-00001'));
    const before = await client.get(Service, 'default', 'prod');
    t.equal(before.status?.url, 'http://prod.default.localhost:8080');
    await client.patch(ConfigMap, SYSTEM, 'config-domain', {
      data: { 'prod.example.org': 'selector:\n  app: prod\n' },
    });
    await cluster.until(Service, 'prod', (one) => one.status?.url === 'http://prod.default.prod.example.org:8080');
    const refused: unknown = await client
      .patch(ConfigMap, SYSTEM, 'config-network', { data: { 'domain-template': '{{.Name}}/{{.Namespace}}' } })
      .catch((error: unknown) => error);
    t.match(refused, {
      message:
        /^admission webhook "config.webhook.serving.knative.dev" denied the request: validation failed: domain template has url path: \/bar/,
    });
  });

  await t.test('Revisions without traffic go when config-gc says so', async (t) => {
    await client.create(Service, serviceOf('many', run('v1')));
    await cluster.until(Service, 'many', readyAt('many-00001'));
    for (const version of [2, 3, 4]) {
      await client.patch(Service, 'default', 'many', { spec: { template: run(`v${version}`) } });
      await cluster.until(Service, 'many', readyAt(`many-0000${version}`));
    }
    await client.patch(ConfigMap, SYSTEM, 'config-gc', {
      data: {
        'min-non-active-revisions': '0',
        'max-non-active-revisions': '1',
        'retain-since-create-time': 'disabled',
        'retain-since-last-active-time': 'disabled',
      },
    });
    const names = async () =>
      (
        await client.list(Revision, { namespace: 'default', labelSelector: 'serving.knative.dev/configuration=many' })
      ).items
        .map((one) => one.metadata.name)
        .sort();
    const deadline = Date.now() + 30_000;
    while ((await names()).length > 2 && Date.now() < deadline) await cluster.quiet(50);
    t.strictSame(await names(), ['many-00003', 'many-00004']);
  });
});
