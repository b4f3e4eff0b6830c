import t from 'tap';
import type { KubeObject, ManagedFieldsEntry } from '../../../../api/object.ts';
import { ApiError } from '../../../../kube/errors.ts';
import { builtinShape } from '../../../../local/apiserver/builtin/shapes.ts';
import {
  serverSideApply,
  updateManagedFields,
  type ApplyOptions,
} from '../../../../local/apiserver/patch/managed-fields.ts';
import { shapeOf } from '../../../../local/apiserver/patch/shape.ts';
import { frozen } from '../schema/frozen.ts';

const SHAPE = builtinShape('apps', 'v1', 'Deployment');
const CONFIG_MAP = builtinShape('', 'v1', 'ConfigMap');

interface Loose extends KubeObject {
  spec?: Record<string, unknown>;
  data?: Record<string, string>;
  status?: Record<string, unknown>;
}

const by = (manager: string, more: Partial<ApplyOptions> = {}): ApplyOptions => ({
  manager,
  force: false,
  time: '2026-01-01T00:00:00Z',
  apiVersion: 'apps/v1',
  ...more,
});

function deployment(spec: Record<string, unknown>): Loose {
  return frozen({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x', namespace: 'default' }, spec });
}

function configMap(data: Record<string, string>): Loose {
  return frozen({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'default' }, data });
}

const fieldsOf = (object: KubeObject, manager: string): Record<string, unknown> | undefined =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

function failureOf(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const containers = [{ name: 'a', image: 'a:1', ports: [{ containerPort: 80 }], command: ['x'] }];
const template = { metadata: { labels: { app: 'x' } }, spec: { containers } };

t.test('what is applied is recorded field by field, lists by their keys', async (t) => {
  const object = serverSideApply(undefined, deployment({ replicas: 1, template }), by('m'), SHAPE);
  t.strictSame(object.metadata.managedFields, [
    {
      manager: 'm',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:replicas': {},
          'f:template': {
            'f:metadata': { 'f:labels': { 'f:app': {} } },
            'f:spec': {
              'f:containers': {
                'k:{"name":"a"}': {
                  '.': {},
                  'f:command': {},
                  'f:image': {},
                  'f:name': {},
                  'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                },
              },
            },
          },
        },
      },
    },
  ]);
});

t.test('applying the same again is no change at all, whatever the time', async (t) => {
  const live = frozen(serverSideApply(undefined, deployment({ replicas: 1, template }), by('m'), SHAPE));
  t.equal(
    serverSideApply(live, deployment({ replicas: 1, template }), by('m', { time: '2027-01-01T00:00:00Z' }), SHAPE),
    live,
  );
});

t.test('a change of one field moves the time, and only of its manager', async (t) => {
  let live = frozen(serverSideApply(undefined, configMap({ a: '1' }), by('m', { apiVersion: 'v1' }), CONFIG_MAP));
  live = frozen(serverSideApply(live, configMap({ b: '1' }), by('n', { apiVersion: 'v1' }), CONFIG_MAP));
  live = serverSideApply(
    live,
    configMap({ b: '2' }),
    by('n', { apiVersion: 'v1', time: '2027-01-01T00:00:00Z' }),
    CONFIG_MAP,
  );
  const times = live.metadata.managedFields?.map(({ manager, time }) => [manager, time]);
  t.strictSame(times, [
    ['m', '2026-01-01T00:00:00Z'],
    ['n', '2027-01-01T00:00:00Z'],
  ]);
  t.strictSame(live.data, { a: '1', b: '2' });
});

t.test('another manager’s value conflicts, with its name and path', async (t) => {
  const created = deployment({ replicas: 1, template });
  const live = frozen(updateManagedFields(undefined, created, by('kubectl-client-side-apply'), SHAPE));
  const error = failureOf(() => serverSideApply(live, deployment({ replicas: 3 }), by('m'), SHAPE));
  t.equal(error.code, 409);
  t.equal(error.reason, 'Conflict');
  t.equal(
    error.message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
  );
  t.strictSame(error.status.details?.causes, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "kubectl-client-side-apply" using apps/v1',
      field: '.spec.replicas',
    },
  ]);
});

t.test('several conflicts are listed by manager, with list keys in the path', async (t) => {
  const live = frozen(serverSideApply(undefined, deployment({ replicas: 1, template }), by('one'), SHAPE));
  const other = { spec: { containers: [{ name: 'a', image: 'a:2' }] } };
  const error = failureOf(() => serverSideApply(live, deployment({ replicas: 2, template: other }), by('two'), SHAPE));
  t.equal(
    error.message,
    'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.replicas\n- .spec.template.spec.containers[name="a"].image',
  );
});

t.test('force takes the field over', async (t) => {
  const live = frozen(serverSideApply(undefined, deployment({ replicas: 1, paused: true }), by('one'), SHAPE));
  const next = serverSideApply(live, deployment({ replicas: 2 }), by('two', { force: true }), SHAPE);
  t.strictSame(next.spec, { replicas: 2, paused: true });
  t.strictSame(fieldsOf(next, 'one'), { 'f:spec': { 'f:paused': {} } });
  t.strictSame(fieldsOf(next, 'two'), { 'f:spec': { 'f:replicas': {} } });
});

t.test('the same value may have several owners, and stays while one is left', async (t) => {
  let live = frozen(serverSideApply(undefined, deployment({ replicas: 1, paused: true }), by('one'), SHAPE));
  live = frozen(serverSideApply(live, deployment({ replicas: 1 }), by('two'), SHAPE));
  live = frozen(serverSideApply(live, deployment({ paused: true }), by('one'), SHAPE));
  t.strictSame(live.spec, { replicas: 1, paused: true }, 'two still wants it');
  live = serverSideApply(live, deployment({}), by('two'), SHAPE);
  t.strictSame(live.spec, { paused: true }, 'nobody wants it');
});

t.test('what is left out is removed: fields, items, map entries', async (t) => {
  const two = [...containers, { name: 'b', image: 'b:1' }];
  const full = { metadata: { labels: { app: 'x', extra: 'y' } }, spec: { containers: two } };
  const live = frozen(serverSideApply(undefined, deployment({ replicas: 1, template: full }), by('m'), SHAPE));
  const next = serverSideApply(live, deployment({ template }), by('m'), SHAPE);
  t.strictSame(next.spec, { template });
});

t.test('defaults that nobody owns stay, and go with what they belong to', async (t) => {
  const applied = deployment({ template, strategy: { type: 'Recreate' } });
  const created = serverSideApply(undefined, applied, by('m'), SHAPE);
  const live = frozen({
    ...created,
    spec: { ...created.spec, progressDeadlineSeconds: 600, strategy: { type: 'Recreate', rollingUpdate: null } },
  });
  const next = serverSideApply(live, deployment({ template }), by('m'), SHAPE);
  t.strictSame(next.spec, { template, progressDeadlineSeconds: 600 });
});

t.test('items keep the applier’s order, those of others their place', async (t) => {
  const images = (names: string[]) => ({ spec: { containers: names.map((name) => ({ name })) } });
  let live = frozen(serverSideApply(undefined, deployment({ template: images(['a', 'b']) }), by('one'), SHAPE));
  live = frozen(serverSideApply(live, deployment({ template: images(['sidecar']) }), by('two'), SHAPE));
  const next = serverSideApply(live, deployment({ template: images(['b', 'a']) }), by('one'), SHAPE);
  t.strictSame(next.spec, { template: images(['b', 'sidecar', 'a']) });
});

t.test('an update takes the fields it changes, also from appliers', async (t) => {
  const live = frozen(serverSideApply(undefined, deployment({ replicas: 1, paused: true }), by('one'), SHAPE));
  const next = frozen({ ...live, spec: { ...live.spec, replicas: 5 } });
  const stored = updateManagedFields(live, next, by('scaler', { subresource: 'scale' }), SHAPE);
  t.strictSame(fieldsOf(stored, 'one'), { 'f:spec': { 'f:paused': {} } });
  t.strictSame(fieldsOf(stored, 'scaler'), { 'f:spec': { 'f:replicas': {} } });
  t.equal(stored.metadata.managedFields?.[1]?.subresource, 'scale');
});

t.test('an update without a change keeps its managers as they are', async (t) => {
  const live = frozen(updateManagedFields(undefined, deployment({ replicas: 1 }), by('one'), SHAPE));
  const next = frozen(structuredClone(live));
  t.strictSame(updateManagedFields(live, next, by('two', { time: '2027-01-01T00:00:00Z' }), SHAPE), live);
});

t.test('a create records maps and items themselves, not only their leaves', async (t) => {
  const created = { ...configMap({ a: '1' }), metadata: { name: 'x', namespace: 'default', labels: { app: 'x' } } };
  const stored = updateManagedFields(undefined, created, by('kubectl-create', { apiVersion: 'v1' }), CONFIG_MAP);
  t.strictSame(fieldsOf(stored, 'kubectl-create'), {
    'f:data': { '.': {}, 'f:a': {} },
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
  });
});

t.test('a create of a built-in does not own what the decoder always has', async (t) => {
  const created = {
    ...deployment({ replicas: 1, template, strategy: { rollingUpdate: { maxSurge: 1 } } }),
    status: {},
  };
  const stored = updateManagedFields(undefined, created, by('kubectl-create'), SHAPE);
  t.strictSame(fieldsOf(stored, 'kubectl-create'), {
    'f:spec': {
      'f:replicas': {},
      'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} } },
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"a"}': {
              '.': {},
              'f:command': {},
              'f:image': {},
              'f:name': {},
              'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
            },
          },
        },
      },
    },
  });
});

t.test('removed fields leave every manager', async (t) => {
  const live = frozen(
    updateManagedFields(undefined, configMap({ a: '1', b: '2' }), by('one', { apiVersion: 'v1' }), CONFIG_MAP),
  );
  const stored = updateManagedFields(
    live,
    frozen({ ...live, data: { a: '1' } }),
    by('two', { apiVersion: 'v1' }),
    CONFIG_MAP,
  );
  t.strictSame(
    stored.metadata.managedFields?.map((entry) => entry.manager),
    ['one'],
  );
  t.strictSame(fieldsOf(stored, 'one'), { 'f:data': { '.': {}, 'f:a': {} } });
});

t.test('a first apply on an object nobody tracked leaves its fields to before-first-apply', async (t) => {
  const live = deployment({ replicas: 1, paused: true });
  const next = serverSideApply(live, deployment({ replicas: 1 }), by('m'), SHAPE);
  t.strictSame(
    next.metadata.managedFields?.map(({ manager, operation }) => [manager, operation]),
    [
      ['m', 'Apply'],
      ['before-first-apply', 'Update'],
    ],
  );
  t.equal(failureOf(() => serverSideApply(live, deployment({ replicas: 2 }), by('m'), SHAPE)).code, 409);
});

t.test('one empty entry clears managedFields, as kubectl documents', async (t) => {
  const live = frozen(updateManagedFields(undefined, deployment({ replicas: 1 }), by('one'), SHAPE));
  const empty: ManagedFieldsEntry[] = [{}];
  const sent = frozen({ ...live, metadata: { ...live.metadata, managedFields: empty } });
  t.equal(updateManagedFields(live, sent, by('two'), SHAPE).metadata.managedFields, undefined);
});

t.test('kubectl may take over what it applied client-side, and its annotation follows', async (t) => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const plain = deployment({ replicas: 1 });
  const metadata = { ...plain.metadata, annotations: { [annotation]: JSON.stringify(plain) } };
  const live = frozen(updateManagedFields(undefined, { ...plain, metadata }, by('kubectl-client-side-apply'), SHAPE));
  const next = serverSideApply(live, deployment({ replicas: 2 }), by('kubectl'), SHAPE);
  t.strictSame(next.spec, { replicas: 2 });
  t.match(next.metadata.annotations?.[annotation], '"replicas":2');
  t.equal(failureOf(() => serverSideApply(live, deployment({ replicas: 2 }), by('other'), SHAPE)).code, 409);
});

t.test('fields an endpoint does not write are neither changed nor owned', async (t) => {
  const live = frozen(serverSideApply(undefined, deployment({ replicas: 1 }), by('m'), SHAPE));
  const applied = { ...deployment({ replicas: 1 }), status: { replicas: 9 } };
  t.equal(serverSideApply(live, applied, by('m'), SHAPE), live, 'the object itself has no say in its status');
  const told = { ...deployment({ replicas: 7 }), status: { replicas: 9 } };
  const next = serverSideApply(live, told, by('controller', { subresource: 'status' }), SHAPE);
  t.strictSame([next.spec, next.status], [{ replicas: 1 }, { replicas: 9 }], 'nor its status in the rest');
  t.strictSame(fieldsOf(next, 'controller'), { 'f:status': { 'f:replicas': {} } });
});

t.test('applied lists must have their keys, once each', async (t) => {
  const bad = [{ spec: { containers: [{ image: 'x' }] } }, { spec: { containers: [{ name: 'a' }, { name: 'a' }] } }];
  for (const broken of bad) {
    const error = failureOf(() => serverSideApply(undefined, deployment({ template: broken }), by('m'), SHAPE));
    t.equal(error.code, 500);
  }
  const sent = { ...deployment({}), metadata: { name: 'x', managedFields: [] } };
  t.equal(failureOf(() => serverSideApply(undefined, sent, by('m'), SHAPE)).code, 400);
});

t.test('custom resources follow their schema: map lists, sets, atomic parts, unknown parts', async (t) => {
  const shape = shapeOf({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          items: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } },
          },
          tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
          whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
          plain: { type: 'array', items: { type: 'string' } },
          open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
  });
  const one = deployment({
    items: [{ name: 'a', value: '1' }],
    tags: ['x'],
    whole: { a: '1' },
    plain: ['p'],
    open: { a: { b: 1 } },
  });
  const live = frozen(serverSideApply(undefined, one, by('one'), shape));
  t.strictSame(fieldsOf(live, 'one'), {
    'f:spec': {
      'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
      'f:open': { 'f:a': { '.': {}, 'f:b': {} } },
      'f:plain': {},
      'f:tags': { 'v:"x"': {} },
      'f:whole': {},
    },
  });
  const two = deployment({ items: [{ name: 'b' }], tags: ['y'], open: { c: 2 } });
  const next = serverSideApply(live, two, by('two'), shape);
  t.strictSame(next.spec, {
    items: [{ name: 'a', value: '1' }, { name: 'b' }],
    tags: ['x', 'y'],
    whole: { a: '1' },
    plain: ['p'],
    open: { a: { b: 1 }, c: 2 },
  });
  t.equal(failureOf(() => serverSideApply(live, deployment({ whole: { b: '2' } }), by('two'), shape)).code, 409);
});

t.test('more than ten updaters are folded into one entry', async (t) => {
  let live: Loose = frozen(updateManagedFields(undefined, configMap({}), by('u', { apiVersion: 'v1' }), CONFIG_MAP));
  for (let n = 10; n < 30; n++) {
    const next = frozen({ ...live, data: { ...live.data, [`k${n}`]: 'v' } });
    const options = by(`u${n}`, { apiVersion: 'v1', time: `2026-01-01T00:00:${n}Z` });
    live = frozen(updateManagedFields(live, next, options, CONFIG_MAP));
  }
  const names = live.metadata.managedFields?.map((entry) => entry.manager) ?? [];
  t.equal(names.length, 10);
  t.ok(names.includes('ancient-changes'));
  const owned = live.metadata.managedFields?.flatMap((entry) =>
    Object.keys((entry.fieldsV1 as Record<string, object>)['f:data'] ?? {}),
  );
  t.equal(owned?.filter((key) => key !== '.').length, 20, 'no field is forgotten');
});
