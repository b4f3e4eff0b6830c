/** Admission webhooks are called as Kubernetes calls them: when, with what, and what becomes of their answers. */
import { Registry } from 'prom-client';
import t from 'tap';
import type { Test } from 'tap';
import { ConfigMap, Namespace, Pod } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourceType, type ResourceType } from '../../../api/resource.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { Client } from '../../../kube/client.ts';
import type { PodStreams } from '../../../kube/pod-streams.ts';
import { startListening } from './https.ts';
import { patchWith, startHookServer, type HookServer, type Respond } from './hook-server.ts';
import { startServer } from './support.ts';

const GROUP = 'admissionregistration.k8s.io/v1';
const Mutating = resourceType(GROUP, 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', false);
const Validating = resourceType(GROUP, 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', false);

const ALLOW: Respond = () => ({ allowed: true });

interface Options {
  readonly name?: string;
  readonly path?: string;
  readonly [field: string]: unknown;
}

function webhook(server: HookServer, { name = 'check.example.com', path = '/', ...more }: Options = {}) {
  return {
    name,
    clientConfig: { url: `${server.url}${path}`, caBundle: server.caBundle },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['*'] }],
    ...more,
  };
}

function register(client: Client, type: ResourceType, name: string, ...webhooks: object[]) {
  const object = { apiVersion: GROUP, kind: type.kind, metadata: { name }, webhooks };
  return client.apply(type, object, { fieldManager: 'test' });
}

const map = (name: string, more: object = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...more },
  data: { key: 'value' },
});

async function start(t: Test, respond: Respond = ALLOW, names: string[] = []) {
  const { client, server } = await startServer(t);
  return { client, server, hooks: await startHookServer(t, respond, names) };
}

/** The refusal of a request that must not succeed. */
async function refusal(request: Promise<unknown>) {
  try {
    await request;
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
  throw new Error('the request was allowed');
}

t.test('a webhook is sent what the request is about', async (t) => {
  const { client, hooks } = await start(t);
  await register(client, Validating, 'all', webhook(hooks));
  await client.create(ConfigMap, map('one', { labels: { a: 'b' } }));
  await client.patch(ConfigMap, 'default', 'one', { data: { key: 'other' } });
  await client.delete(ConfigMap, 'default', 'one');
  const [created, updated, deleted] = hooks.requests;
  t.match(created, {
    operation: 'CREATE',
    name: 'one',
    namespace: 'default',
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    resource: { resource: 'configmaps' },
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'one', uid: /./ }, data: { key: 'value' } },
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    userInfo: { username: 'system:admin', groups: ['system:masters'] },
  });
  t.match(updated, { operation: 'UPDATE', object: { data: { key: 'other' } }, oldObject: { data: { key: 'value' } } });
  t.match(deleted, { operation: 'DELETE', object: null, oldObject: { data: { key: 'other' } } });
});

t.test('a denial is the webhook’s own, and nothing is stored', async (t) => {
  const cases: [name: string, response: object, expected: object][] = [
    [
      'with a message',
      { allowed: false, status: { message: 'no maps' } },
      { code: 400, message: 'admission webhook "check.example.com" denied the request: no maps' },
    ],
    [
      'with a code and a reason',
      { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'not you' } },
      { code: 403, reason: 'Forbidden', message: 'admission webhook "check.example.com" denied the request: not you' },
    ],
    [
      'with a reason alone',
      { allowed: false, status: { reason: 'Because' } },
      { code: 400, message: 'admission webhook "check.example.com" denied the request: Because' },
    ],
    [
      'without a word, and with a code of success',
      { allowed: false, status: { code: 200 } },
      { code: 400, message: 'admission webhook "check.example.com" denied the request without explanation' },
    ],
  ];
  const { client, hooks } = await start(t);
  await register(client, Validating, 'all', webhook(hooks));
  for (const [name, response, expected] of cases) {
    hooks.respond = () => response;
    t.match(await refusal(client.create(ConfigMap, map('one'))), { status: 'Failure', ...expected }, name);
    t.equal(await client.find(ConfigMap, 'default', 'one'), undefined, name);
  }
});

t.test('mutating webhooks change the object in the order of their configurations', async (t) => {
  const { client, hooks } = await start(t, ({ object }, path) =>
    patchWith({ op: 'add', path: '/data/seen', value: `${object?.['data']?.['seen'] ?? ''}${path}` }),
  );
  await register(client, Mutating, 'b', webhook(hooks, { name: 'b.example.com', path: '/b' }));
  await register(
    client,
    Mutating,
    'a',
    webhook(hooks, { name: 'a1.example.com', path: '/a1' }),
    webhook(hooks, { name: 'a2.example.com', path: '/a2' }),
  );
  const created = await client.create(ConfigMap, {
    ...map('one'),
    metadata: { generateName: 'x-', namespace: 'default' } as ConfigMap['metadata'],
  });
  t.same(created.data, { key: 'value', seen: '/a1/a2/b' });
  t.match(created.metadata, { name: /^x-[a-z0-9]{5}$/, uid: /./ });
  t.notMatch(hooks.requests[0]?.object, { metadata: { uid: /./ } }, 'before it has an identity');
});

t.test('a webhook that wants to is asked again when a later one changed the object', async (t) => {
  const { client, hooks } = await start(t, (_, path) =>
    path === '/b' ? patchWith({ op: 'add', path: '/data/late', value: 'yes' }) : { allowed: true },
  );
  const policy = { reinvocationPolicy: 'IfNeeded' };
  await register(client, Mutating, 'a', webhook(hooks, { name: 'a.example.com', path: '/a', ...policy }));
  await register(client, Mutating, 'b', webhook(hooks, { name: 'b.example.com', path: '/b', ...policy }));
  await register(client, Mutating, 'c', webhook(hooks, { name: 'c.example.com', path: '/c', ...policy }));
  await client.create(ConfigMap, map('one'));
  t.same(
    hooks.requests.map(({ path }) => path),
    ['/a', '/b', '/c', '/a'],
  );
  t.match(hooks.requests.at(-1)?.object, { data: { late: 'yes' } });
});

t.test('a webhook that cannot be asked fails the request, or is passed over', async (t) => {
  const { client, hooks } = await start(t);
  const failing = (why: string) => ({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: failed calling webhook "check.example.com": ${why}`,
  });
  const cases: [name: string, respond: Respond, options: Options, why: string][] = [
    [
      'status 500',
      () => 500,
      {},
      'failed to call webhook: an error on the server ("it broke") has prevented the request from succeeding',
    ],
    ['status 404', () => 404, {}, 'failed to call webhook: the server could not find the requested resource'],
    [
      'another uid',
      () => ({ allowed: true, uid: 'x' }),
      {},
      'received invalid webhook response: expected response.uid=',
    ],
    ['no response', () => '{}', {}, 'received invalid webhook response: webhook response was absent'],
    ['no JSON', () => 'ok', {}, "failed to call webhook: couldn't get version/kind; json parse error: "],
    [
      'a patch of a validating webhook',
      () => patchWith(),
      {},
      'received invalid webhook response: validating webhook may not return response.patch',
    ],
    [
      'no answer in time',
      () => undefined,
      { timeoutSeconds: 1 },
      `failed to call webhook: Post "${hooks.url}/?timeout=1s": context deadline exceeded`,
    ],
    [
      'a CA that did not sign it',
      ALLOW,
      { clientConfig: { url: hooks.url } },
      `failed to call webhook: Post "${hooks.url}/?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    ],
    [
      'nobody there',
      ALLOW,
      { clientConfig: { url: 'https://127.0.0.1:1/' } },
      'failed to call webhook: Post "https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    [
      'no such service',
      ALLOW,
      { clientConfig: { service: { namespace: 'default', name: 'gone', path: '/check' } } },
      'failed to call webhook: Post "https://gone.default.svc:443/check?timeout=10s": service "gone" not found',
    ],
  ];
  for (const [name, respond, options, why] of cases) {
    hooks.respond = respond;
    await register(client, Validating, 'all', webhook(hooks, options));
    const status = await refusal(client.create(ConfigMap, map('one')));
    t.match(status, { ...failing(''), message: String }, name);
    t.ok(status.message?.startsWith(failing(why).message), `${name}: ${status.message}`);
    await register(client, Validating, 'all', webhook(hooks, { ...options, failurePolicy: 'Ignore' }));
    await client.create(ConfigMap, map('one'));
    // The same webhook is asked about deletions.
    await client.delete(ConfigMap, 'default', 'one');
  }
});

t.test('a patch that does not fit fails the request, and is not applied in part', async (t) => {
  const { client, hooks } = await start(t);
  await register(client, Mutating, 'all', webhook(hooks));
  const first = { op: 'add', path: '/data/first', value: 'yes' };
  const cases: [operation: object, message: string][] = [
    [
      { op: 'remove', path: '/data/none' },
      "error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value",
    ],
    [{ op: 'test', path: '/data/key', value: 'x' }, 'testing value /data/key failed: test failed'],
    [{ op: 'jump', path: '/data/key' }, 'Unexpected kind: jump'],
    [
      { op: 'add', path: '/data/x', value: 7 },
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
  ];
  for (const [operation, message] of cases) {
    hooks.respond = () => patchWith(first, operation);
    t.match(await refusal(client.create(ConfigMap, map('one'))), {
      code: 500,
      message: `Internal error occurred: ${message}`,
    });
  }
  hooks.respond = () => patchWith({ op: 'replace', path: '/metadata/namespace', value: 'kube-system' });
  t.match(await refusal(client.create(ConfigMap, map('one'))), { code: 400, message: /namespace sent on the request/ });
  hooks.respond = () => patchWith(first, { op: 'add', path: '/unknown', value: 1 });
  const created = await client.create(ConfigMap, map('one'));
  t.match(created, { data: { first: 'yes' } });
  t.notOk('unknown' in created, 'what the kind does not have is dropped');
});

t.test('only what rules, selectors and conditions choose is asked about', async (t) => {
  const { client, hooks } = await start(t);
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'blue', labels: { color: 'blue' } },
  });
  const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] };
  const cases: [name: string, options: Options, asked: readonly string[]][] = [
    ['every create', { rules: [rule] }, ['plain', 'labelled', 'blue']],
    ['another group', { rules: [{ ...rule, apiGroups: ['apps'] }] }, []],
    ['another version', { rules: [{ ...rule, apiVersions: ['v2'] }] }, []],
    ['another operation', { rules: [{ ...rule, operations: ['DELETE'] }] }, []],
    ['its status', { rules: [{ ...rule, resources: ['configmaps/status'] }] }, []],
    ['it and its subresources', { rules: [{ ...rule, resources: ['configmaps/*'] }] }, ['plain', 'labelled', 'blue']],
    ['everything', { rules: [{ ...rule, apiGroups: ['*'], resources: ['*/*'] }] }, ['plain', 'labelled', 'blue']],
    ['what is of the cluster', { rules: [{ ...rule, scope: 'Cluster' }] }, []],
    ['what is in a namespace', { rules: [{ ...rule, scope: 'Namespaced' }] }, ['plain', 'labelled', 'blue']],
    ['namespaces by label', { namespaceSelector: { matchLabels: { color: 'blue' } } }, ['blue']],
    [
      'namespaces without a label',
      { namespaceSelector: { matchExpressions: [{ key: 'color', operator: 'DoesNotExist' }] } },
      ['plain', 'labelled'],
    ],
    ['objects by label', { objectSelector: { matchLabels: { special: 'yes' } } }, ['labelled']],
    [
      'a condition about the object',
      { matchConditions: [{ name: 'short', expression: "object.metadata.name == 'plain'" }] },
      ['plain'],
    ],
    [
      'conditions about the request',
      {
        matchConditions: [
          { name: 'who', expression: "'system:masters' in request.userInfo.groups" },
          { name: 'where', expression: "request.namespace != 'blue' && request.operation == 'CREATE'" },
          { name: 'new', expression: 'oldObject == null && !has(object.spec) && !request.dryRun' },
        ],
      },
      ['plain', 'labelled'],
    ],
    [
      'a condition about rights',
      {
        matchConditions: [
          {
            name: 'may',
            expression: "authorizer.group('').resource('pods').namespace('default').check('create').allowed()",
          },
          { name: 'may-not', expression: "!authorizer.requestResource.check('approve').allowed()" },
        ],
      },
      [],
    ],
  ];
  for (const [name, options, expected] of cases) {
    await register(client, Validating, 'all', webhook(hooks, { rules: [rule], ...options }));
    hooks.requests.length = 0;
    await client.create(ConfigMap, map('plain'));
    await client.create(ConfigMap, map('labelled', { labels: { special: 'yes' } }));
    await client.create(ConfigMap, map('blue', { namespace: 'blue' }));
    t.same(
      hooks.requests.map((request) => request.name),
      expected,
      name,
    );
    await client.delete(Validating, undefined, 'all');
    for (const one of ['plain', 'labelled']) await client.delete(ConfigMap, 'default', one);
    await client.delete(ConfigMap, 'blue', 'blue');
  }
});

t.test('connections to pods are asked about', async (t) => {
  const { client, server, send } = await startListening(t);
  const hooks = await startHookServer(t, () => ({ allowed: false, status: { code: 403, message: 'keep out' } }));
  const unused = () => Promise.reject(new Error('nothing of a pod is needed'));
  server.podStreams = { exec: unused, attach: unused, portForward: unused, logs: unused } as unknown as PodStreams;
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  await client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' }, spec });
  const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods/exec'], operations: ['CONNECT'] };
  const objectSelector = { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] };
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'x',
  };
  const exec = () =>
    send(
      'GET',
      '/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&stdin=true&container=c',
      undefined,
      upgrade,
    );
  await register(client, Validating, 'all', webhook(hooks, { rules: [rule], objectSelector }));
  t.notMatch(await exec(), { status: 403 }, 'what has no labels is not selected by any');
  await register(client, Validating, 'all', webhook(hooks, { rules: [rule] }));
  const refused = await exec();
  t.equal(refused.status, 403);
  t.match(refused.json, { message: 'admission webhook "check.example.com" denied the request: keep out' });
  t.match(hooks.requests, [
    {
      operation: 'CONNECT',
      name: 'p',
      namespace: 'default',
      kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
      resource: { resource: 'pods' },
      subResource: 'exec',
      object: { kind: 'PodExecOptions', stdin: true, container: 'c', command: ['sh', '-c'] },
      oldObject: null,
      options: null,
    },
  ]);
});

t.test('calls are counted by webhook, and what became of them', async (t) => {
  const registry = new Registry();
  const { client } = await startServer(t, { registry });
  const hooks = await startHookServer(t, ALLOW);
  await register(client, Validating, 'all', webhook(hooks));
  await client.create(ConfigMap, map('one'));
  hooks.respond = () => ({ allowed: false });
  await refusal(client.create(ConfigMap, map('two')));
  hooks.respond = () => 500;
  await register(client, Validating, 'all', webhook(hooks, { failurePolicy: 'Ignore' }));
  await client.create(ConfigMap, map('two'));
  const page = await registry.metrics();
  const count = (rejected: boolean) =>
    `apiserver_admission_webhook_admission_duration_seconds_count{name="check.example.com",type="validating",operation="CREATE",rejected="${rejected}"}`;
  t.ok(page.includes(`${count(false)} 2\n`), page);
  t.ok(page.includes(`${count(true)} 1\n`));
  t.ok(page.includes('apiserver_admission_webhook_fail_open_count{name="check.example.com",type="validating"} 1'));
});

t.test('a webhook that closes idle connections fails no request', async (t) => {
  const { client, hooks } = await start(t);
  await register(client, Validating, 'all', webhook(hooks));
  await client.create(ConfigMap, map('one'));
  for (let i = 0; i < 25; i++) {
    // The close and the next request cross each other, or not.
    hooks.dropIdle();
    if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    await client.patch(ConfigMap, 'default', 'one', { data: { count: String(i) } });
  }
  t.equal(hooks.requests.length, 26);
});

t.test('a dry run asks only webhooks without side effects', async (t) => {
  const { client, server, hooks } = await start(t);
  const dryRun = async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    return server.transport.request({ method: 'POST', path, query: { dryRun: 'All' }, body: map('one') });
  };
  await register(client, Validating, 'all', webhook(hooks, { sideEffects: 'NoneOnDryRun' }));
  t.match(await dryRun(), { status: 201 });
  t.match(hooks.requests, [{ dryRun: true, options: { dryRun: ['All'] } }]);
  t.equal(await client.find(ConfigMap, 'default', 'one'), undefined);
});

t.test('warnings reach the client, of denials too', async (t) => {
  const { client, server, hooks } = await start(t, () => ({
    allowed: true,
    warnings: ['mind the gap', '', 'two\nlines fit no header'],
  }));
  await register(client, Validating, 'all', webhook(hooks));
  const path = '/api/v1/namespaces/default/configmaps';
  t.same((await server.transport.request({ method: 'POST', path, body: map('one') })).warnings, ['mind the gap']);
});

t.test('a write that was overtaken while webhooks were asked is decided anew', async (t) => {
  const { client, hooks } = await start(t);
  await client.create(ConfigMap, map('one'));
  // The webhook is asked about nothing but the change to `mine`, so the one in between gets by.
  const matchConditions = [{ name: 'mine', expression: "object.data.key == 'mine'" }];
  await register(client, Mutating, 'all', webhook(hooks, { matchConditions }));
  let overtakings = 1;
  hooks.respond = async () => {
    if (overtakings-- > 0)
      await client.patch(ConfigMap, 'default', 'one', { data: { [`other${overtakings}`]: 'yes' } });
    return patchWith({ op: 'add', path: '/data/patched', value: 'yes' });
  };
  await client.patch(ConfigMap, 'default', 'one', { data: { key: 'mine' } });
  t.same((await client.get(ConfigMap, 'default', 'one')).data, { key: 'mine', other0: 'yes', patched: 'yes' });
  t.match(
    hooks.requests.map(({ oldObject }) => oldObject?.['data']),
    [{ key: 'value' }, { key: 'value', other0: 'yes' }],
  );

  overtakings = Number.POSITIVE_INFINITY;
  await client.update(ConfigMap, map('one'));
  let count = 0;
  hooks.respond = async () => {
    await client.patch(ConfigMap, 'default', 'one', { data: { count: String(count++) } });
    return { allowed: true };
  };
  t.match(await refusal(client.patch(ConfigMap, 'default', 'one', { data: { key: 'mine' } })), { code: 409 });
  t.ok(count < 20, 'it gives up');
});

t.test('scales, evictions and other versions of a kind are reviewed as what they are', async (t) => {
  const { client, server, hooks } = await start(t);
  const Deployment = resourceType<Workload>('apps/v1', 'Deployment', 'deployments');
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await client.create(Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template },
  });
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['*/scale'], operations: ['*'] };
  hooks.respond = () => patchWith({ op: 'replace', path: '/spec/replicas', value: 2 });
  await register(client, Mutating, 'scales', webhook(hooks, { rules: [rule] }));
  await client.patch(Deployment, 'default', 'web', { spec: { replicas: 7 } }, { subresource: 'scale' });
  t.match(hooks.requests, [
    {
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      resource: { resource: 'deployments' },
      subResource: 'scale',
      object: { kind: 'Scale', spec: { replicas: 7 } },
      oldObject: { kind: 'Scale', spec: { replicas: 1 } },
    },
  ]);
  t.equal((await client.get(Deployment, 'default', 'web')).spec.replicas, 2);

  hooks.respond = ALLOW;
  hooks.requests.length = 0;
  const events = { apiGroups: ['events.k8s.io'], apiVersions: ['v1'], resources: ['events'], operations: ['*'] };
  await register(client, Validating, 'events', webhook(hooks, { rules: [events] }));
  const path = '/api/v1/namespaces/default/events';
  const body = { metadata: { name: 'e' }, involvedObject: { namespace: 'default' }, message: 'hello' };
  t.match(await server.transport.request({ method: 'POST', path, body }), { status: 201 });
  t.match(hooks.requests, [{ object: { apiVersion: 'events.k8s.io/v1', note: 'hello' } }]);
});

interface Workload extends KubeObject {
  spec: { replicas: number; selector: object; template: object };
}
