// Kubernetes' own client libraries take the embedded API server for the real one.
import { spawnSync } from 'node:child_process';
import {
  ApiException,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  makeInformer,
  type V1ConfigMap,
} from '@kubernetes/client-node';
import t from 'tap';
import { cleanEnv, eventually, Instance, runProgram } from './instance.ts';

const zeroth = await Instance.start();
t.teardown(() => zeroth.remove());

t.test('@kubernetes/client-node: informer, update, conflict, any object', async (t) => {
  const config = new KubeConfig();
  config.loadFromFile(zeroth.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const seen: string[] = [];
  const informer = makeInformer(config, '/api/v1/namespaces/default/configmaps', () =>
    core.listNamespacedConfigMap({ namespace: 'default' }),
  );
  informer.on('add', (map: V1ConfigMap) => seen.push(`add ${map.metadata?.name ?? ''}`));
  informer.on('update', (map: V1ConfigMap) => seen.push(`update ${map.data?.['n'] ?? ''}`));
  informer.on('delete', (map: V1ConfigMap) => seen.push(`delete ${map.metadata?.name ?? ''}`));
  await informer.start();
  t.teardown(() => informer.stop());

  const created = await core.createNamespacedConfigMap({
    namespace: 'default',
    body: { metadata: { name: 'from-node' }, data: { n: '0' } },
  });
  await eventually('the informer saw the add', () => seen.includes('add from-node'));
  await core.replaceNamespacedConfigMap({
    namespace: 'default',
    name: 'from-node',
    body: { ...created, data: { n: '1' } },
  });
  await eventually('the informer saw the update', () => seen.includes('update 1'));
  const stale = core.replaceNamespacedConfigMap({
    namespace: 'default',
    name: 'from-node',
    body: { ...created, data: { n: '2' } },
  });
  await t.rejects(stale, { code: 409 } satisfies Partial<ApiException<unknown>>);
  await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'from-node' });
  await eventually('the informer saw the delete', () => seen.includes('delete from-node'));

  const custom = config.makeApiClient(CustomObjectsApi);
  const kind = { group: 'serving.knative.dev', version: 'v1', plural: 'services', namespace: 'default' };
  const body = {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name: 'from-node' },
    spec: { template: { spec: { containers: [{ image: 'hello' }] } } },
  };
  await custom.createNamespacedCustomObject({ ...kind, body });
  const stored: unknown = await custom.getNamespacedCustomObject({ ...kind, name: 'from-node' });
  t.match(stored, { spec: { traffic: [{ latestRevision: true, percent: 100 }] } }, 'defaults are there');
  await custom.deleteNamespacedCustomObject({ ...kind, name: 'from-node' });
});

const go = spawnSync('go', ['version']).status === 0;

t.test(
  'client-go: informer, conflicts, apply, pages, dynamic client',
  { skip: go ? false : 'no Go on this machine', timeout: 600_000 },
  async (t) => {
    const built = await runProgram(
      'go',
      ['-C', 'test/e2e/client-go', 'build', '-o', '../../../build/client-go', '.'],
      '',
      cleanEnv(),
      580_000,
    );
    t.equal(built.code, 0, built.stderr);
    const output = await runProgram('build/client-go', [zeroth.kubeconfig], '', cleanEnv());
    t.match(output, { code: 0, stdout: /client-go is content\n$/ }, output.stdout + output.stderr);
  },
);
