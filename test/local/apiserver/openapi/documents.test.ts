import t from 'tap';
import { builtinKinds } from '../../../../local/apiserver/builtins.ts';
import { openapiV2, openapiV3Document, openapiV3Index } from '../../../../local/apiserver/openapi/main.ts';
import type { KindInfo } from '../../../../local/apiserver/registry.ts';
import type { Schema } from '../../../../local/apiserver/schema/schema.ts';

const schema: Schema = {
  type: 'object',
  description: 'A thing.',
  properties: {
    spec: { type: 'object', properties: { size: { type: 'integer', description: 'How large.' } }, required: ['size'] },
  },
};
const thing = (shape: Schema): KindInfo => ({
  group: 'example.com',
  version: 'v1',
  kind: 'Thing',
  listKind: 'ThingList',
  plural: 'things',
  singular: 'thing',
  shortNames: [],
  categories: [],
  namespaced: true,
  subresources: ['status'],
  verbs: ['get', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection', 'watch'],
  stored: true,
  storageVersion: 'v1',
  columns: [],
  custom: {
    schema: shape,
    structural: undefined,
    scale: undefined,
    definition: 'things.example.com',
    deprecationWarning: undefined,
    selectable: [],
  },
});
const kinds = [...builtinKinds, thing(schema)];

/** Every reference in a document. */
function references(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, item] of Object.entries(value)) {
    if (key === '$ref' && typeof item === 'string') found.add(item);
    else references(item, found);
  }
  return found;
}

interface Document {
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: { schemas: Record<string, Record<string, unknown>> };
  definitions: Record<string, Record<string, unknown>>;
}

t.test('every reference leads somewhere, in each document', async (t) => {
  for (const path of Object.keys(openapiV3Index(kinds).paths)) {
    const [, group = '', version = ''] = /^(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
    const document = openapiV3Document(group, version, kinds) as unknown as Document;
    for (const ref of references(document))
      t.ok(document.components.schemas[ref.replace('#/components/schemas/', '')], `${path}: ${ref}`);
  }
  const v2 = openapiV2(kinds) as unknown as Document;
  for (const ref of references(v2)) t.ok(v2.definitions[ref.replace('#/definitions/', '')], `v2: ${ref}`);
});

t.test('kubectl finds kinds, patch types and query parameters where it looks for them', async (t) => {
  const { paths, components } = openapiV3Document('apps', 'v1', kinds) as unknown as Document;
  const patch = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.patch;
  t.match(patch, {
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
    requestBody: { content: { 'application/strategic-merge-patch+json': {} } },
  });
  t.ok((patch?.parameters as { name: string }[]).some((one) => one.name === 'fieldValidation'));
  t.strictSame(components.schemas['io.k8s.api.apps.v1.Deployment']?.['x-kubernetes-group-version-kind'], [
    { group: 'apps', version: 'v1', kind: 'Deployment' },
  ]);
  t.match(components.schemas['io.k8s.api.core.v1.PodSpec']?.properties, {
    containers: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    },
  });
});

t.test('a custom resource is described by its schema, without strategic merge patch', async (t) => {
  const { paths, components } = openapiV3Document('example.com', 'v1', kinds) as unknown as Document;
  t.match(components.schemas['com.example.v1.Thing'], {
    description: 'A thing.',
    properties: { spec: { required: ['size'], properties: { size: { description: 'How large.' } } }, metadata: {} },
  });
  const patch = paths['/apis/example.com/v1/namespaces/{namespace}/things/{name}']?.patch;
  t.notMatch(patch, { requestBody: { content: { 'application/strategic-merge-patch+json': {} } } });
});

t.test('the hash in the index changes with the schema, and only then', async (t) => {
  const of = (shape: Schema) => openapiV3Index([...builtinKinds, thing(shape)]).paths;
  const other: Schema = { ...schema, description: 'Another thing.' };
  t.strictSame(of(schema), of(structuredClone(schema)));
  t.not(of(schema)['apis/example.com/v1']?.serverRelativeURL, of(other)['apis/example.com/v1']?.serverRelativeURL);
  t.equal(of(schema)['apis/apps/v1']?.serverRelativeURL, of(other)['apis/apps/v1']?.serverRelativeURL);
});

t.test('a group that is not served has no document', async (t) => {
  t.equal(openapiV3Document('example.org', 'v1', kinds), undefined);
});
