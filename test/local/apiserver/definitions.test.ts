/** Custom resources: usable the moment their definition is, in every served version, and gone with it. */
import t from 'tap';
import { CustomResourceDefinition } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import type { Client } from '../../../kube/client.ts';
import type { ApiResponse, Method } from '../../../kube/transport.ts';
import { compareVersions } from '../../../local/apiserver/definitions.ts';
import type { ApiServer } from '../../../local/apiserver/main.ts';
import { startServer } from './support.ts';

interface Widget extends KubeObject {
  spec?: { color?: string; size?: number; replicas?: number; extra?: unknown };
  status?: { replicas?: number; selector?: string };
}
const Widget = resourceType<Widget>('example.com/v1', 'Widget', 'widgets');
const PATH = '/apis/example.com/v1/namespaces/default/widgets';

function definition(more: object = {}): CustomResourceDefinition {
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          required: ['size'],
          properties: {
            color: { type: 'string', default: 'red', enum: ['red', 'blue'] },
            size: { type: 'integer', minimum: 1 },
            replicas: { type: 'integer' },
          },
        },
        status: {
          type: 'object',
          properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
        },
      },
    },
  };
  const scale = {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
      versions: [
        { name: 'v1', served: true, storage: true, schema, subresources: { status: {}, scale } },
        { name: 'v1beta1', served: true, storage: false, schema, deprecated: true },
      ],
      ...more,
    },
  } as unknown as CustomResourceDefinition;
}

function widget(name: string, spec: object = { size: 1 }): Widget {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, namespace: 'default' }, spec };
}

function send(server: ApiServer, method: Method, path: string, body?: unknown, query?: Record<string, string>) {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : undefined;
  return server.transport.request({ method, path, body, query, contentType });
}

async function define(client: Client): Promise<CustomResourceDefinition> {
  return client.create(CustomResourceDefinition, definition());
}

t.test('a kind is there as soon as its definition was acknowledged', async (t) => {
  const { client } = await startServer(t);
  const made = await define(client);
  t.match(made.status, {
    acceptedNames: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    storedVersions: ['v1'],
  });
  const conditions = Object.fromEntries((made.status?.conditions ?? []).map((one) => [one.type, one.status]));
  t.strictSame(conditions, { NamesAccepted: 'True', Established: 'True' });
  const first = await client.create(Widget, widget('a'));
  t.match(first, { metadata: { generation: 1 }, spec: { color: 'red', size: 1 } }, 'defaults are filled in');
});

t.test('objects that break the schema are refused, unknown fields pruned', async (t) => {
  const { client, server } = await startServer(t);
  await define(client);
  const wrong = await send(server, 'POST', PATH, widget('a', { size: 0, color: 'green' }));
  t.match(wrong, {
    status: 422,
    body: {
      reason: 'Invalid',
      message: /^Widget\.example\.com "a" is invalid: \[/,
      details: { group: 'example.com', kind: 'Widget', name: 'a' },
    },
  });
  const causes = (wrong.body as { details: { causes: { field: string }[] } }).details.causes;
  t.strictSame(causes.map((cause) => cause.field).sort(), ['spec.color', 'spec.size']);
  const pruned = await client.create(Widget, widget('b', { size: 1, extra: 'gone' }));
  t.equal(pruned.spec?.extra, undefined);
  const strict = await send(server, 'POST', PATH, widget('c', { size: 1, extra: 1 }), { fieldValidation: 'Strict' });
  t.match(strict, { status: 400, body: { message: 'strict decoding error: unknown field "spec.extra"' } });
  const warned = await send(server, 'POST', PATH, widget('c', { size: 1, extra: 1 }), { fieldValidation: 'Warn' });
  t.strictSame(warned.warnings, ['unknown field "spec.extra"']);
  t.match(await send(server, 'POST', PATH, { metadata: { name: 'd' } }), { status: 400 }, 'kind must be said');
  const made = await client.get(Widget, 'default', 'b');
  const { resourceVersion: _, ...metadata } = made.metadata;
  t.match(await send(server, 'PUT', `${PATH}/b`, { ...made, metadata }), {
    status: 422,
    body: { message: /metadata\.resourceVersion: Invalid value: (0x0|0): must be specified for an update/ },
  });
});

t.test('status and scale are subresources where the version says so', async (t) => {
  const { client, server } = await startServer(t);
  await define(client);
  const made = await client.create(Widget, { ...widget('a', { size: 1, replicas: 2 }), status: { replicas: 5 } });
  t.equal(made.status, undefined);
  const status = { replicas: 2, selector: 'app=a' };
  const counted = await client.update(Widget, { ...made, spec: { size: 9 }, status }, 'status');
  t.match(counted, { metadata: { generation: 1 }, spec: { size: 1 }, status });
  t.match((await send(server, 'GET', `${PATH}/a/scale`)).body, {
    spec: { replicas: 2 },
    status: { replicas: 2, selector: 'app=a' },
  });
  await send(server, 'PATCH', `${PATH}/a/scale`, { spec: { replicas: 4 } });
  t.match(await client.get(Widget, 'default', 'a'), { metadata: { generation: 2 }, spec: { replicas: 4, size: 1 } });
  t.equal((await send(server, 'GET', `${PATH.replace('v1', 'v1beta1')}/a/scale`)).status, 404);
});

t.test('every served version shows the object as its own', async (t) => {
  const { client, server } = await startServer(t);
  await define(client);
  await client.create(Widget, widget('a'));
  const old = await send(server, 'GET', `${PATH.replace('v1', 'v1beta1')}/a`);
  t.match(old, { body: { apiVersion: 'example.com/v1beta1' } });
  const body = { ...widget('b'), apiVersion: 'example.com/v1beta1' };
  const made = await send(server, 'POST', PATH.replace('v1', 'v1beta1'), body);
  t.match(made, { status: 201, warnings: ['example.com/v1beta1 Widget is deprecated'] });
  t.equal((await client.get(Widget, 'default', 'b')).apiVersion, 'example.com/v1');
});

t.test('kinds survive a restart', async (t) => {
  const { client, server, dir } = await startServer(t);
  await define(client);
  await client.create(Widget, widget('a'));
  await server.close();
  const again = await startServer(t, { dir });
  t.match(await again.client.get(Widget, 'default', 'a'), { spec: { color: 'red' } });
});

t.test('names of another definition are not given away', async (t) => {
  const { client } = await startServer(t);
  await define(client);
  const rival = definition({
    names: { plural: 'gadgets', kind: 'Widget', singular: 'gadget' },
  });
  rival.metadata.name = 'gadgets.example.com';
  const made = await client.create(CustomResourceDefinition, rival);
  t.match(
    made.status?.conditions?.find((one) => one.type === 'NamesAccepted'),
    { status: 'False', reason: 'KindConflict', message: '"Widget" is already in use' },
  );
  t.equal(made.status?.conditions?.find((one) => one.type === 'Established')?.status, 'False');
});

t.test('a definition takes its objects along, and waits for those that are held', async (t) => {
  const { client, server } = await startServer(t);
  await define(client);
  await client.create(Widget, widget('free'));
  const held = widget('held');
  held.metadata.finalizers = ['example.com/hold'];
  await client.create(Widget, held);
  await client.delete(CustomResourceDefinition, undefined, 'widgets.example.com');
  const gone = new Promise<void>((resolve) => {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const handle = server.transport.watch(
      { method: 'GET', path, query: { watch: 'true' } },
      {
        onEvent: (event) => {
          if (event.type !== 'DELETED') return;
          handle.close();
          resolve();
        },
        onEnd: () => undefined,
      },
    );
  });
  const ending = await client.get(CustomResourceDefinition, undefined, 'widgets.example.com');
  t.equal(ending.status?.conditions?.find((one) => one.type === 'Terminating')?.status, 'True');
  t.match(await send(server, 'POST', PATH, widget('late')), {
    status: 405,
    body: { message: /create not allowed while custom resource definition is terminating/ },
  });
  const ended = new Promise((resolve) => {
    const watcher = { onEvent: () => undefined, onEnd: resolve };
    server.transport.watch({ method: 'GET', path: PATH, query: { watch: 'true' } }, watcher);
  });
  await client.patch(Widget, 'default', 'held', { metadata: { finalizers: null } });
  await gone;
  t.equal(await ended, undefined, 'watches of the kind end');
  const after: ApiResponse = await send(server, 'GET', PATH);
  t.equal(after.status, 404);
  await define(client);
  t.strictSame((await client.list(Widget)).items, [], 'nothing of the old kind comes back');
});

t.test('versions are listed in Kubernetes’ order of priority', (t) => {
  const sorted = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'foo1', 'foo10'];
  t.strictSame([...sorted].reverse().sort(compareVersions), sorted);
  t.end();
});
