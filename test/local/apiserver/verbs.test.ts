/** Create, read, update, delete as Kubernetes answers them: codes, reasons, texts, and what the server fills in. */
import t from 'tap';
import { ConfigMap, Deployment, Job, Namespace, Pod, Secret, Service, ServiceAccount } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Admission } from '../../../kube/admission.ts';
import { failure } from '../../../kube/errors.ts';
import type { ApiRequest, ApiResponse, Method } from '../../../kube/transport.ts';
import type { ApiServer } from '../../../local/apiserver/main.ts';
import { startServer } from './support.ts';

const CORE = '/api/v1/namespaces/default';

function send(server: ApiServer, method: Method, path: string, body?: unknown, more: Partial<ApiRequest> = {}) {
  return server.transport.request({ method, path, body, ...more });
}

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

function pod(name: string, more: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...more },
  } as Pod;
}

t.test('failures read as Kubernetes writes them', async (t) => {
  const { server, client } = await startServer(t);
  const made = await client.create(ConfigMap, configMap('here'));
  const service = { metadata: { name: 'kubernetes' }, spec: { ports: [{ port: 443 }] } };
  const stale = { ...made, metadata: { ...made.metadata, resourceVersion: '1' } };
  const other = { ...made, metadata: { ...made.metadata, uid: 'other' } };
  const cases: [
    name: string,
    method: Method,
    path: string,
    body: unknown,
    code: number,
    reason: string,
    text: string,
  ][] = [
    [
      'an object that is not there',
      'GET',
      '/apis/apps/v1/namespaces/default/deployments/x',
      undefined,
      404,
      'NotFound',
      'deployments.apps "x" not found',
    ],
    [
      'a kind that is not there',
      'GET',
      '/apis/example.com/v1/things',
      undefined,
      404,
      'NotFound',
      'the server could not find the requested resource',
    ],
    [
      'a name that is taken',
      'POST',
      `${CORE}/services`,
      service,
      409,
      'AlreadyExists',
      'services "kubernetes" already exists',
    ],
    [
      'an update of an old version',
      'PUT',
      `${CORE}/configmaps/here`,
      stale,
      409,
      'Conflict',
      'Operation cannot be fulfilled on configmaps "here": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [
      'an update of another object of that name',
      'PUT',
      `${CORE}/configmaps/here`,
      other,
      409,
      'Conflict',
      `Operation cannot be fulfilled on configmaps "here": Precondition failed: UID in precondition: other, UID in object meta: ${made.metadata.uid}`,
    ],
    [
      'an update of what is not there',
      'PUT',
      `${CORE}/configmaps/gone`,
      configMap('gone'),
      404,
      'NotFound',
      'configmaps "gone" not found',
    ],
    [
      'a namespace that is not there',
      'POST',
      '/api/v1/namespaces/nowhere/configmaps',
      { metadata: { name: 'a' } },
      404,
      'NotFound',
      'namespaces "nowhere" not found',
    ],
    [
      'a name that is not the path’s',
      'PUT',
      `${CORE}/configmaps/here`,
      configMap('there'),
      400,
      'BadRequest',
      'the name of the object (there) does not match the name on the URL (here)',
    ],
    [
      'a namespace that is not the path’s',
      'POST',
      '/api/v1/namespaces/kube-system/configmaps',
      configMap('a'),
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'a field selector the kind does not offer',
      'GET',
      `${CORE}/configmaps?`,
      undefined,
      400,
      'BadRequest',
      'field label not supported: data.x',
    ],
    [
      'a namespace that may not go',
      'DELETE',
      '/api/v1/namespaces/default',
      undefined,
      403,
      'Forbidden',
      'namespaces "default" is forbidden: this namespace may not be deleted',
    ],
    [
      'a method the path does not have',
      'PUT',
      `${CORE}/configmaps`,
      {},
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
  ];
  for (const [name, method, path, body, code, reason, message] of cases) {
    const query = path.endsWith('?') ? { fieldSelector: 'data.x=1' } : {};
    const answer = await send(server, method, path.replace('?', ''), body, { query });
    t.equal(answer.status, code, `${name}: ${JSON.stringify(answer.body)}`);
    t.match(answer.body, { kind: 'Status', status: 'Failure', reason, message, code }, name);
  }
  const nameless = { contentType: 'application/apply-patch+yaml', query: { fieldManager: 'me' } };
  const applied = await send(server, 'PATCH', `${CORE}/configmaps/new`, { data: {} }, nameless);
  t.match(
    applied.body,
    { code: 400, message: 'Incorrect version specified in apply patch. Specified patch version: , expected: v1' },
    'applied without saying what it is',
  );
  const { body } = await send(server, 'GET', '/apis/apps/v1/namespaces/default/deployments/x');
  t.strictSame((body as { details: unknown }).details, { name: 'x', group: 'apps', kind: 'deployments' });
});

t.test('the server fills in what is its own, and ignores what clients say of it', async (t) => {
  const { client } = await startServer(t);
  const given = configMap('a');
  Object.assign(given.metadata, { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' });
  const made = await client.create(ConfigMap, given);
  t.match(made.metadata.uid, /^[0-9a-f]{8}-/);
  t.match(made.metadata.creationTimestamp, /^20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  await t.rejects(client.create(ConfigMap, { ...made, metadata: { ...made.metadata, name: 'copy' } }), {
    message: 'resourceVersion should not be set on objects to be created',
  });
  t.equal(made.metadata.generation, undefined, 'no generation for kinds without a spec');
  const named = await client.create(ConfigMap, {
    ...configMap(''),
    metadata: { name: '', namespace: 'default', generateName: 'gen-' },
  });
  t.match(named.metadata.name, /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  const secret = await client.create(Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'default' },
    stringData: { key: 'text' },
  });
  t.strictSame(secret.data, { key: 'dGV4dA==' });
  t.equal(secret.stringData, undefined);
  const job = await client.create(Job, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', namespace: 'default' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
  } as Job);
  t.equal(job.spec?.template.metadata?.labels?.['batch.kubernetes.io/controller-uid'], job.metadata.uid);
  const first = await client.create(Pod, pod('p'));
  t.match(first, { spec: { serviceAccountName: 'default' }, status: { phase: 'Pending', qosClass: 'BestEffort' } });
});

t.test('an object that was answered can be changed by nobody', async (t) => {
  const { client } = await startServer(t);
  const body = configMap('a', { x: '1' });
  const made = await client.create(ConfigMap, body);
  body.data!.x = '2';
  t.equal((await client.get(ConfigMap, 'default', 'a')).data?.x, '1');
  t.throws(() => (made.data!.x = '3'), TypeError);
});

t.test('generation counts changes of the spec alone; status is a world of its own', async (t) => {
  const { client, server } = await startServer(t);
  const path = '/apis/apps/v1/namespaces/default/deployments/d';
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const made = await client.create(Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'default' },
    spec: { selector: { matchLabels: { a: 'b' } }, template },
    status: { replicas: 9 },
  } as Deployment);
  t.equal(made.metadata.generation, 1);
  t.strictSame(made.status, {}, 'status is not the creator’s');
  const labelled = await client.patch(Deployment, 'default', 'd', { metadata: { labels: { x: 'y' } } });
  t.equal(labelled.metadata.generation, 1);
  const scaled = await client.patch(Deployment, 'default', 'd', { spec: { replicas: 3 }, status: { replicas: 9 } });
  t.equal(scaled.metadata.generation, 2);
  t.strictSame(scaled.status, {});
  const counted = await client.patch(
    Deployment,
    'default',
    'd',
    { spec: { replicas: 5 }, status: { replicas: 3 } },
    { subresource: 'status' },
  );
  t.equal(counted.spec?.replicas, 3, 'the writer of a status changes no spec');
  t.equal(counted.status?.replicas, 3);
  t.equal(counted.metadata.generation, 2);
  const scale = (await send(server, 'GET', `${path}/scale`)).body;
  t.match(scale, {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    spec: { replicas: 3 },
    status: { replicas: 3, selector: 'a=b' },
  });
  const patched = await send(
    server,
    'PATCH',
    `${path}/scale`,
    { spec: { replicas: 7 } },
    {
      contentType: 'application/merge-patch+json',
    },
  );
  t.match(patched, { status: 200, body: { spec: { replicas: 7 } } });
  const negative = await send(
    server,
    'PATCH',
    `${path}/scale`,
    { spec: { replicas: -1 } },
    {
      contentType: 'application/merge-patch+json',
    },
  );
  t.match(negative, { status: 422, body: { message: /must be greater than or equal to 0/ } });
  t.equal((await client.get(Deployment, 'default', 'd')).spec?.replicas, 7);
});

t.test('two writers that start from one state: one of them is told', async (t) => {
  const { client } = await startServer(t);
  const made = await client.create(ConfigMap, configMap('a'));
  const results = await Promise.allSettled(
    ['1', '2', '3'].map((x) => client.update(ConfigMap, { ...made, data: { x } })),
  );
  t.equal(results.filter((one) => one.status === 'fulfilled').length, 1);
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => client.patch(ConfigMap, 'default', 'a', { data: { [i]: '' } })),
  );
  t.equal(
    Object.keys((await client.get(ConfigMap, 'default', 'a')).data ?? {}).length,
    51,
    'patches do not lose each other',
  );
});

t.test('pages of a list show one moment', async (t) => {
  const { client, server } = await startServer(t);
  await Promise.all(Array.from({ length: 25 }, (_, i) => client.create(ConfigMap, configMap(`c${10 + i}`))));
  const first = await client.list(ConfigMap, { namespace: 'default', limit: 10 });
  t.equal(first.metadata.remainingItemCount, 15);
  await client.delete(ConfigMap, 'default', 'c25');
  await client.create(ConfigMap, configMap('c199'));
  await client.patch(ConfigMap, 'default', 'c30', { data: { changed: 'yes' } });
  const names = first.items.map((item) => item.metadata.name);
  let token = first.metadata.continue;
  while (token !== undefined) {
    const page = await client.list(ConfigMap, { namespace: 'default', limit: 10, continue: token });
    t.equal(page.metadata.resourceVersion, first.metadata.resourceVersion);
    names.push(...page.items.map((item) => item.metadata.name));
    t.notOk(
      page.items.some((item) => item.data?.changed),
      'no later change',
    );
    token = page.metadata.continue;
  }
  t.strictSame(
    names,
    Array.from({ length: 25 }, (_, i) => `c${10 + i}`),
  );
  const bad = await send(server, 'GET', `${CORE}/configmaps`, undefined, { query: { continue: 'nonsense' } });
  t.equal(bad.status, 400);
  const future = await send(server, 'GET', `${CORE}/configmaps`, undefined, { query: { resourceVersion: '999999' } });
  t.match(future, { status: 504, body: { message: /Too large resource version/ } });
});

t.test('selectors choose', async (t) => {
  const { client } = await startServer(t);
  const colors: [string, Record<string, string>][] = [
    ['a', { color: 'red', size: '3' }],
    ['b', { color: 'blue' }],
    ['c', {}],
  ];
  for (const [name, labels] of colors)
    await client.create(ConfigMap, { ...configMap(name), metadata: { name, namespace: 'default', labels } });
  const cases: [labelSelector: string, fieldSelector: string, names: string][] = [
    ['color=red', '', 'a'],
    ['color==red', '', 'a'],
    ['color!=red', '', 'b,c'],
    ['color in (red, blue)', '', 'a,b'],
    ['color notin (red)', '', 'b,c'],
    ['color', '', 'a,b'],
    ['!color', '', 'c'],
    ['color=red,size=3', '', 'a'],
    ['size>2', '', 'a'],
    ['size<3', '', ''],
    ['', 'metadata.name=b', 'b'],
    ['', 'metadata.name!=b,metadata.namespace=default', 'a,c'],
    ['color', 'metadata.name!=b', 'a'],
  ];
  for (const [labelSelector, fieldSelector, names] of cases) {
    const { items } = await client.list(ConfigMap, { namespace: 'default', labelSelector, fieldSelector });
    t.equal(items.map((item) => item.metadata.name).join(), names, `${labelSelector} ${fieldSelector}`);
  }
  await client.create(Pod, pod('p'));
  await client.patch(Pod, 'default', 'p', { status: { phase: 'Running' } }, { subresource: 'status' });
  t.equal((await client.list(Pod, { fieldSelector: 'status.phase=Running' })).items.length, 1);
  t.equal((await client.list(Pod, { fieldSelector: 'status.phase!=Running,spec.nodeName=' })).items.length, 0);
});

t.test('finalizers hold an object that was deleted', async (t) => {
  const { client, server } = await startServer(t);
  await client.create(ConfigMap, {
    ...configMap('a'),
    metadata: { name: 'a', namespace: 'default', finalizers: ['example.com/hold'] },
  });
  const answer = await send(server, 'DELETE', `${CORE}/configmaps/a`);
  t.match(answer, { status: 200, body: { kind: 'ConfigMap', metadata: { deletionGracePeriodSeconds: 0 } } });
  const held = await client.get(ConfigMap, 'default', 'a');
  t.match(held.metadata.deletionTimestamp, /Z$/);
  const added = await send(
    server,
    'PATCH',
    `${CORE}/configmaps/a`,
    { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
    {
      contentType: 'application/merge-patch+json',
    },
  );
  t.match(added, { status: 422, body: { message: /no new finalizers can be added if the object is being deleted/ } });
  await client.patch(ConfigMap, 'default', 'a', { metadata: { finalizers: null } });
  t.equal(await client.find(ConfigMap, 'default', 'a'), undefined);
  const gone = await client.create(ConfigMap, configMap('b'));
  t.match(await send(server, 'DELETE', `${CORE}/configmaps/b`), {
    status: 200,
    body: { kind: 'Status', status: 'Success', details: { name: 'b', kind: 'configmaps', uid: gone.metadata.uid } },
  });
});

t.test('how dependents go is written as a finalizer', async (t) => {
  const { client, server } = await startServer(t);
  const cases: [policy: string, finalizers: string[]][] = [
    ['Foreground', ['foregroundDeletion']],
    ['Orphan', ['orphan']],
  ];
  for (const [propagationPolicy, finalizers] of cases) {
    const name = propagationPolicy.toLowerCase();
    await client.create(ConfigMap, configMap(name));
    const { body } = await send(server, 'DELETE', `${CORE}/configmaps/${name}`, { propagationPolicy });
    t.match(body, { metadata: { finalizers } });
    t.ok((await client.get(ConfigMap, 'default', name)).metadata.deletionTimestamp);
  }
  const bad = await send(server, 'DELETE', `${CORE}/configmaps/orphan`, { propagationPolicy: 'Sideways' });
  t.equal(bad.status, 422);
  t.equal((await send(server, 'DELETE', `${CORE}/configmaps/orphan`, { preconditions: { uid: 'x' } })).status, 409);
});

t.test('a pod that runs gets its grace; one that does not goes at once', async (t) => {
  const { client, server } = await startServer(t);
  await client.create(Pod, pod('idle'));
  await client.delete(Pod, 'default', 'idle');
  t.equal(await client.find(Pod, 'default', 'idle'), undefined);
  await client.create(Pod, pod('busy', { nodeName: 'zeroth', terminationGracePeriodSeconds: 7 }));
  const { body } = await send(server, 'DELETE', `${CORE}/pods/busy`);
  t.match(body, { metadata: { deletionGracePeriodSeconds: 7 } });
  t.match(await client.get(Pod, 'default', 'busy'), { metadata: { deletionGracePeriodSeconds: 7 } });
  await client.delete(Pod, 'default', 'busy', { gracePeriodSeconds: 3 });
  t.match(await client.get(Pod, 'default', 'busy'), { metadata: { deletionGracePeriodSeconds: 3 } });
  await client.patch(Pod, 'default', 'busy', { status: { message: 'x' } }, { subresource: 'status' });
  t.ok(await client.find(Pod, 'default', 'busy'), 'a write meanwhile does not end it');
  await client.delete(Pod, 'default', 'busy', { gracePeriodSeconds: 0 });
  t.equal(await client.find(Pod, 'default', 'busy'), undefined);
});

t.test('a binding puts a pod on its node, once', async (t) => {
  const { client, server } = await startServer(t);
  await client.create(Pod, pod('p'));
  const bind = () => send(server, 'POST', `${CORE}/pods/p/binding`, { target: { kind: 'Node', name: 'zeroth' } });
  t.equal((await bind()).status, 201);
  t.match(await client.get(Pod, 'default', 'p'), {
    spec: { nodeName: 'zeroth' },
    status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
  });
  t.match(await bind(), { status: 409, body: { message: /pod p is already assigned to node "zeroth"/ } });
});

t.test('a disruption budget holds the last ready pod', async (t) => {
  const { client, server } = await startServer(t);
  const ready = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  for (const name of ['a', 'b']) {
    await client.create(Pod, { ...pod(name), metadata: { name, namespace: 'default', labels: { app: 'x' } } });
    await client.patch(Pod, 'default', name, ready, { subresource: 'status' });
  }
  await send(server, 'POST', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
    metadata: { name: 'one' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
  });
  const evict = (name: string) =>
    send(server, 'POST', `${CORE}/pods/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name },
    });
  t.equal((await evict('a')).status, 201);
  t.match(await evict('b'), { status: 429, body: { reason: 'TooManyRequests' } });
});

t.test('a namespace ends when its finalizer is gone, and takes nothing new meanwhile', async (t) => {
  const { client, server } = await startServer(t);
  const made = await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
  t.match(made, { metadata: { labels: { 'kubernetes.io/metadata.name': 'n' } }, status: { phase: 'Active' } });
  await client.delete(Namespace, undefined, 'n');
  const ending = await client.get(Namespace, undefined, 'n');
  t.equal(ending.status?.phase, 'Terminating');
  const late = await send(server, 'POST', '/api/v1/namespaces/n/configmaps', { metadata: { name: 'late' } });
  t.match(late, {
    status: 403,
    body: {
      message:
        'configmaps "late" is forbidden: unable to create new content in namespace n because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    },
  });
  const { status } = await send(server, 'PUT', '/api/v1/namespaces/n/finalize', {
    ...ending,
    spec: { finalizers: [] },
  });
  t.equal(status, 200);
  t.equal(await client.find(Namespace, undefined, 'n'), undefined);
});

t.test('Services get addresses of their own, and give them back', async (t) => {
  const { client, server } = await startServer(t, { servicePrefix: '127.42' });
  const service = (name: string, spec: object = {}): Service =>
    ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: [{ port: 80 }], ...spec },
    }) as Service;
  const a = await client.create(Service, service('a'));
  t.match(a.spec?.clusterIP, /^127\.42\.(12[89]|1[3-9]\d|2\d\d)\.\d+$/);
  t.match(a.spec, { clusterIPs: [a.spec?.clusterIP], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  t.equal((await client.create(Service, service('headless', { clusterIP: 'None' }))).spec?.clusterIP, 'None');
  const taken = await send(server, 'POST', `${CORE}/services`, service('b', { clusterIP: a.spec?.clusterIP }));
  t.match(taken, { status: 422, body: { message: /provided IP is already allocated/ } });
  const outside = await send(server, 'POST', `${CORE}/services`, service('b', { clusterIP: '10.0.0.1' }));
  t.equal(outside.status, 422);
  const kept = await client.update(Service, service('a', { ports: [{ port: 81 }] }));
  t.equal(kept.spec?.clusterIP, a.spec?.clusterIP, 'an update that leaves it out keeps it');
  await client.delete(Service, 'default', 'a');
  const again = await client.create(Service, service('b', { clusterIP: a.spec?.clusterIP }));
  t.equal(again.spec?.clusterIP, a.spec?.clusterIP);
  const external = await client.create(Service, service('e', { type: 'ExternalName', externalName: 'example.com' }));
  t.equal(external.spec?.clusterIP, undefined);
  t.equal((await client.get(Service, 'default', 'kubernetes')).spec?.clusterIP, '127.42.128.1');
});

t.test('a dry run answers as if, and stores nothing', async (t) => {
  const { client, server } = await startServer(t);
  const query = { dryRun: 'All' };
  const made = await send(server, 'POST', `${CORE}/configmaps`, configMap('a'), { query });
  t.match(made, { status: 201, body: { metadata: { name: 'a', uid: /-/ } } });
  t.equal(await client.find(ConfigMap, 'default', 'a'), undefined);
  const real = await client.create(ConfigMap, configMap('a'));
  const patch = { query, contentType: 'application/merge-patch+json' };
  const patched = await send(server, 'PATCH', `${CORE}/configmaps/a`, { data: { x: '1' } }, patch);
  t.match(patched, { status: 200, body: { data: { x: '1' } } });
  t.equal((await send(server, 'DELETE', `${CORE}/configmaps/a`, undefined, { query })).status, 200);
  t.strictSame(await client.get(ConfigMap, 'default', 'a'), real);
  t.equal(
    (await send(server, 'POST', `${CORE}/configmaps`, configMap('b'), { query: { dryRun: 'Some' } })).status,
    422,
  );
});

t.test('a collection is deleted by its selector', async (t) => {
  const { client, server } = await startServer(t);
  for (const name of ['a', 'b', 'c'])
    await client.create(ConfigMap, {
      ...configMap(name),
      metadata: { name, namespace: 'default', labels: name === 'c' ? {} : { go: 'yes' } },
    });
  const { status, body } = await send(server, 'DELETE', `${CORE}/configmaps`, undefined, {
    query: { labelSelector: 'go=yes' },
  });
  t.equal(status, 200);
  t.equal((body as { items: unknown[] }).items.length, 2);
  t.strictSame(
    (await client.list(ConfigMap, { namespace: 'default' })).items.map((item) => item.metadata.name),
    ['c'],
  );
});

t.test('admission defaults, warns and denies, also of a deletion', async (t) => {
  const admission: Admission<ConfigMap> = {
    type: ConfigMap,
    default: (object, old, context) => ({
      ...object,
      data: { ...object.data, by: `${context.username} ${context.operation} ${old === undefined}` },
    }),
    validate(object, _old, { operation, config }) {
      if (object.data?.bad !== undefined || (operation === 'DELETE' && config('default', 'guard').locked === 'yes'))
        return { denied: failure(400, 'BadRequest', 'admission webhook "x" denied the request: bad') };
      return { warnings: ['be careful'] };
    },
  };
  const { client, server } = await startServer(t, { admissions: [admission as unknown as Admission] });
  const made = await send(server, 'POST', `${CORE}/configmaps`, configMap('a'));
  t.strictSame(made.warnings, ['be careful']);
  t.match(made.body, { data: { by: 'system:admin CREATE true' } });
  t.match(await send(server, 'POST', `${CORE}/configmaps`, configMap('b', { bad: '1' })), {
    status: 400,
    body: { message: 'admission webhook "x" denied the request: bad' },
  });
  await client.create(ConfigMap, configMap('guard', { locked: 'yes', _example: 'no' }));
  t.equal((await send(server, 'DELETE', `${CORE}/configmaps/a`)).status, 400);
});

t.test('an event is one object in two groups', async (t) => {
  const { server } = await startServer(t);
  await send(server, 'POST', `${CORE}/events`, {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'Started',
    message: 'hello',
    type: 'Normal',
  });
  const path = '/apis/events.k8s.io/v1/namespaces/default/events/e';
  t.match((await send(server, 'GET', path)).body, {
    apiVersion: 'events.k8s.io/v1',
    note: 'hello',
    regarding: { name: 'p' },
  });
});

t.test('events last an hour', async (t) => {
  let now = Date.now();
  const timers: (() => void)[] = [];
  const clock = {
    now: () => now,
    after: (_delay: number, task: () => void) => {
      timers.push(task);
      return () => undefined;
    },
  };
  const { server } = await startServer(t, { clock });
  const event = (name: string) => ({
    metadata: { name },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
  });
  const names = async () => {
    const { body } = await send(server, 'GET', `${CORE}/events`);
    return (body as { items: KubeObject[] }).items.map((item) => item.metadata.name).join();
  };
  await send(server, 'POST', `${CORE}/events`, event('old'));
  now += 50 * 60 * 1000;
  await send(server, 'POST', `${CORE}/events`, event('young'));
  now += 15 * 60 * 1000;
  const gone = new Promise<void>((resolve) => {
    const onEvent = ({ type }: { type: string }) => type === 'DELETED' && resolve();
    server.transport.watch({ method: 'GET', path: `${CORE}/events` }, { onEvent, onEnd: () => undefined });
  });
  await Promise.resolve();
  for (const task of timers.splice(0)) task();
  await gone;
  t.equal(await names(), 'young');
});

t.test('tokens of service accounts and reviews of them', async (t) => {
  const { client, server } = await startServer(t);
  await client.create(ServiceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'robot', namespace: 'default' },
  });
  const asked = await send(server, 'POST', `${CORE}/serviceaccounts/robot/token`, { spec: { audiences: ['me'] } });
  const { token } = (asked.body as { status: { token: string } }).status;
  const review = (spec: object): Promise<ApiResponse> =>
    send(server, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec,
    });
  t.match((await review({ token, audiences: ['me'] })).body, {
    status: { authenticated: true, user: { username: 'system:serviceaccount:default:robot' }, audiences: ['me'] },
  });
  t.match((await review({ token, audiences: ['you'] })).body, { status: { authenticated: false } });
  t.match((await review({ token: token.slice(0, -4) + 'AAAA' })).body, { status: { authenticated: false } });
});

t.test('what roles allow', async (t) => {
  const { server } = await startServer(t);
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const subjects = [{ kind: 'ServiceAccount', name: 'robot', namespace: 'default' }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };
  await send(server, 'POST', `${rbac}/namespaces/default/roles`, {
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] }],
  });
  await send(server, 'POST', `${rbac}/namespaces/default/rolebindings`, { metadata: { name: 'r' }, roleRef, subjects });
  const allowed = async (resourceAttributes: object): Promise<unknown> => {
    const { body } = await send(server, 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: 'system:serviceaccount:default:robot', resourceAttributes },
    });
    return (body as { status: { allowed: boolean } }).status.allowed;
  };
  const cases: [object, boolean][] = [
    [{ verb: 'get', resource: 'pods', namespace: 'default' }, true],
    [{ verb: 'get', resource: 'pods', subresource: 'log', namespace: 'default' }, true],
    [{ verb: 'get', resource: 'pods', subresource: 'exec', namespace: 'default' }, false],
    [{ verb: 'delete', resource: 'pods', namespace: 'default' }, false],
    [{ verb: 'get', resource: 'pods', namespace: 'kube-system' }, false],
    [{ verb: 'get', resource: 'pods' }, false],
  ];
  for (const [attributes, expected] of cases) t.equal(await allowed(attributes), expected, JSON.stringify(attributes));
});

t.test('what comes from a hostile body stays data', async (t) => {
  const { client, server } = await startServer(t);
  const body: unknown = JSON.parse('{"metadata":{"name":"a","__proto__":{"polluted":1}},"data":{"__proto__":"x"}}');
  t.equal((await send(server, 'POST', `${CORE}/configmaps`, body)).status, 201);
  t.equal(((await client.get(ConfigMap, 'default', 'a')) as KubeObject & { polluted?: unknown }).polluted, undefined);
  let deep: unknown = 'x';
  for (let i = 0; i < 2000; i++) deep = { deep };
  t.match(await send(server, 'POST', `${CORE}/configmaps`, deep), { status: 400 });
  for (const wrong of [
    null,
    [],
    'text',
    5,
    { metadata: 'x' },
    { metadata: { name: 5 } },
    { metadata: { name: 'a', labels: [1] } },
  ])
    t.match(
      await send(server, 'POST', `${CORE}/configmaps`, wrong),
      { body: { kind: 'Status' } },
      JSON.stringify(wrong),
    );
});
