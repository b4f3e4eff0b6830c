import t from 'tap';
import { PodAutoscaler } from '../../../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap, Deployment } from '../../../../api/core.ts';
import { Revision } from '../../../../api/serving/revision.ts';
import { Route } from '../../../../api/serving/route.ts';
import { Service } from '../../../../api/serving/service.ts';
import { startCluster } from '../cluster.ts';
import { readyAt, run, serviceOf } from '../objects.ts';

/** One cluster that nothing restarts: each change of a ConfigMap shows in what comes after it, or at once. */
t.test('ConfigMaps act while everything runs', async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const { client, until } = cluster;
  const set = (name: string, data: Record<string, string>) =>
    client.patch(ConfigMap, 'knative-serving', `config-${name}`, { data });
  await client.create(Service, serviceOf('standing', run('one')));
  await until(Service, 'standing', readyAt('standing-00001'));

  await t.test('config-autoscaler: the class and the first scale of what is made next', async (t) => {
    const zero = run('one', { annotations: { 'autoscaling.knative.dev/initial-scale': '0' } });
    await t.rejects(client.create(Service, serviceOf('zero', zero)), { message: /not allowed by cluster/ });
    await set('autoscaler', { 'allow-zero-initial-scale': 'true', 'pod-autoscaler-class': 'mine.example.com' });
    await client.create(Service, serviceOf('zero', zero));
    const made = await until(PodAutoscaler, 'zero-00001', () => true);
    t.equal(made.metadata.annotations?.['autoscaling.knative.dev/class'], 'mine.example.com');
    await set('autoscaler', { 'pod-autoscaler-class': 'kpa.autoscaling.knative.dev' });
  });

  await t.test('config-defaults: what a template gets that says nothing', async (t) => {
    await set('defaults', { 'revision-timeout-seconds': '77', 'container-name-template': 'c-{{.Name}}' });
    const made = await client.create(Service, serviceOf('defaulted', run('one')));
    t.equal(made.spec.template.spec.timeoutSeconds, 77);
    t.equal(made.spec.template.spec.containers[0]?.name, 'c-defaulted');
  });

  await t.test('config-deployment: how long Deployments may take, those that stand too', async (t) => {
    await set('deployment', { 'progress-deadline': '123s' });
    const changed = (one: Deployment) => one.spec?.progressDeadlineSeconds === 123;
    t.ok(await until(Deployment, 'standing-00001-deployment', changed));
  });

  await t.test('config-features: a field that was closed is open', async (t) => {
    const template = { spec: { ...run('one').spec, nodeSelector: { disk: 'ssd' } } };
    await t.rejects(client.create(Service, serviceOf('picky', template)), {
      message: /must not set the field\(s\): spec.template.spec.nodeSelector/,
    });
    await set('features', { 'kubernetes.podspec-nodeselector': 'enabled' });
    await client.create(Service, serviceOf('picky', template));
    const deployment = await until(Deployment, 'picky-00001-deployment', () => true);
    t.strictSame(deployment.spec?.template.spec?.nodeSelector, { disk: 'ssd' });
  });

  await t.test('config-network: the hosts of Routes that stand', async (t) => {
    const template = '{{if eq .Namespace "default"}}{{.Name}}{{else}}{{.Name}}-{{.Namespace}}{{end}}.{{.Domain}}';
    await set('network', { 'domain-template': template });
    const moved = await until(
      Route,
      'standing',
      (one) => one.status?.url?.startsWith('http://standing.localhost') === true,
    );
    t.match(moved.status?.url, /^http:\/\/standing\.localhost/);
  });

  await t.test('config-observability: where the logs of revisions that stand are', async (t) => {
    await set('observability', { 'logging.revision-url-template': 'http://logs/${REVISION_UID}' });
    const told = await until(Revision, 'standing-00001', (one) => one.status?.logUrl !== undefined);
    t.equal(told.status?.logUrl, `http://logs/${told.metadata.uid ?? ''}`);
  });

  await t.test('what does not parse is refused, and what was in force stays', async (t) => {
    await t.rejects(set('network', { 'domain-template': '{{.Name' }), { message: /unclosed action/ });
    const { status } = await client.get(Route, 'default', 'standing');
    t.match(status?.url, /^http:\/\/standing\.localhost/);
  });
});
