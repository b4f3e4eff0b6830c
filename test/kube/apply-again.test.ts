import t from 'tap';
import { Metric } from '../../api/autoscaling/pod-autoscaler.ts';
import { Service } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import { isApplied } from '../../kube/applied-fields.ts';
import { Client } from '../../kube/client.ts';
import { createWorld } from '../../kube/controller.ts';
import { Informers } from '../../kube/informers.ts';
import { silentLogger } from '../../kube/log.ts';
import type { Transport } from '../../kube/transport.ts';
import { startServer } from '../local/apiserver/support.ts';

const MANAGER = 'me';

const service = (changes: Partial<Service> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'a',
    namespace: 'default',
    labels: { app: 'a', tier: 'b' },
    annotations: {},
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u1', controller: true }],
  },
  spec: { selector: { app: 'a' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  ...changes,
});

const given = service();
const CASES: readonly [name: string, desired: KubeObject, same: boolean][] = [
  ['the same', given, true],
  ['an undefined member', service({ status: undefined }), true],
  ['a label less', service({ metadata: { ...given.metadata, labels: { app: 'a' } } }), false],
  ['no labels', service({ metadata: { ...given.metadata, labels: undefined } }), false],
  ['another value', service({ metadata: { ...given.metadata, labels: { app: 'z', tier: 'b' } } }), false],
  ['no owner', service({ metadata: { ...given.metadata, ownerReferences: [] } }), false],
  ['an annotation more', service({ metadata: { ...given.metadata, annotations: { a: 'b' } } }), false],
  ['a port less', service({ spec: { selector: { app: 'a' }, ports: [] } }), false],
  ['a field of a port less', service({ spec: { ...given.spec, ports: [{ port: 80, targetPort: 8080 }] } }), false],
  ['no selector', service({ spec: { ports: given.spec?.ports } }), false],
];

void t.test('managed fields tell whether an apply would change anything', async (t) => {
  const { client } = await startServer(t);
  const stored = await client.apply(Service, given, { fieldManager: MANAGER });
  for (const [name, desired, same] of CASES) t.equal(isApplied(stored, desired, MANAGER), same, name);
  t.notOk(isApplied(stored, given, 'another'), 'another manager has applied nothing');
  t.notOk(isApplied({ ...stored, metadata: { ...stored.metadata, managedFields: [] } }, given, MANAGER));

  const labelled = await client.patch(Service, 'default', 'a', { metadata: { labels: { theirs: 'x' } } });
  t.ok(isApplied(labelled, given, MANAGER), 'what others add is theirs');
  const taken = await client.patch(Service, 'default', 'a', { metadata: { labels: { app: 'theirs' } } });
  t.notOk(isApplied(taken, given, MANAGER), 'what others take away is put back');
});

void t.test('a controller that has just started applies nothing that was applied before', async (t) => {
  const { server } = await startServer(t);
  let writes = 0;
  const transport: Transport = {
    request(request, signal) {
      if (request.method !== 'GET' && request.path.includes('/services')) writes++;
      return server.transport.request(request, signal);
    },
    watch: (request, watcher) => server.transport.watch(request, watcher),
  };
  const start = async () => {
    const client = new Client(transport);
    const informers = new Informers(client, silentLogger);
    t.teardown(() => informers.stop());
    await informers.of(Service).synced;
    return createWorld(MANAGER, { client, informers, log: silentLogger, systemNamespace: 'system' });
  };
  const first = await start();
  await first.apply(Service, given);
  await first.apply(Service, given);
  t.equal(writes, 1);
  const second = await start();
  await second.apply(Service, given);
  t.equal(writes, 1);
  const fewer = await second.apply(Service, service({ metadata: { ...given.metadata, labels: { app: 'a' } } }));
  t.same(fewer.metadata.labels, { app: 'a' }, 'a label left out is removed, also one of an earlier run');
  t.equal(writes, 2);
});

void t.test('kinds with a schema of their own are no different', async (t) => {
  const stored: KubeObject = {
    apiVersion: Metric.group + '/v1alpha1',
    kind: 'Metric',
    metadata: {
      name: 'm',
      managedFields: [
        {
          manager: MANAGER,
          operation: 'Apply',
          apiVersion: Metric.group + '/v1alpha1',
          fieldsV1: { 'f:spec': { 'f:list': { 'v:"a"': {}, 'v:"b"': {} }, 'f:whole': {} } },
        },
      ],
    },
    ...{ spec: { list: ['a', 'b'], whole: { x: 1 } } },
  };
  const desired = (list: string[]) => ({ ...stored, metadata: { name: 'm' }, spec: { list, whole: { x: 1 } } });
  t.ok(isApplied(stored, desired(['a', 'b']), MANAGER));
  t.notOk(isApplied(stored, desired(['a']), MANAGER));
  await Promise.resolve();
});
