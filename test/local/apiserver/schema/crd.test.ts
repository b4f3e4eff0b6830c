import t from 'tap';
import type { CustomResourceDefinition } from '../../../../api/core.ts';
import { defaultCrd, validateCrd } from '../../../../local/apiserver/schema/crd.ts';
import { compileSchema } from '../../../../local/apiserver/schema/structural.ts';
import { frozen } from './frozen.ts';
import type { Schema } from '../../../../local/apiserver/schema/schema.ts';

function definition(schema: Schema, change: (spec: CustomResourceDefinition['spec']) => void = () => undefined) {
  const crd: CustomResourceDefinition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema as object } }],
    },
  };
  change(crd.spec);
  return frozen(defaultCrd(frozen(crd)));
}

const text: Schema = { type: 'string' };
const good: Schema = { type: 'object', properties: { spec: { type: 'object', properties: { a: text } } } };
const spec = (node: Schema): Schema => ({ type: 'object', properties: { spec: node } });
const AT = 'spec.versions[0].schema.openAPIV3Schema';

t.test('names that are left out are made from the kind', async (t) => {
  const { names, conversion } = definition(good).spec;
  t.strictSame(names, { plural: 'things', kind: 'Thing', singular: 'thing', listKind: 'ThingList' });
  t.strictSame(conversion, { strategy: 'None' });
});

t.test('a good definition has no problems', async (t) => {
  t.strictSame(validateCrd(definition(good)), []);
  const intOrString: Schema = { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] };
  t.strictSame(validateCrd(definition(spec({ type: 'object', properties: { port: intOrString } }))), []);
});

const SCHEMAS: [name: string, schema: Schema, field: string][] = [
  ['no type at the root', {}, `${AT}.type`],
  ['not an object', { type: 'string' }, `${AT}.type`],
  ['a property without a type', spec({}), `${AT}.properties[spec].type`],
  ['an unknown type', spec({ type: 'text' }), `${AT}.properties[spec].type`],
  ['a list without items', spec({ type: 'array' }), `${AT}.properties[spec].items`],
  ['unique items', spec({ type: 'array', items: text, uniqueItems: true }), `${AT}.properties[spec].uniqueItems`],
  [
    'a map list without keys',
    spec({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
    `${AT}.properties[spec].x-kubernetes-list-map-keys`,
  ],
  [
    'properties and additionalProperties',
    spec({ type: 'object', properties: { a: text }, additionalProperties: text }),
    `${AT}.properties[spec].additionalProperties`,
  ],
  [
    'a type inside of anyOf',
    spec({ type: 'string', anyOf: [{ type: 'string' }] }),
    `${AT}.properties[spec].anyOf[0].type`,
  ],
  ['a default that is not valid', spec({ type: 'integer', default: 'x' }), `${AT}.properties[spec].default`],
  ['a pattern that is none', spec({ type: 'string', pattern: '(' }), `${AT}.properties[spec].pattern`],
  [
    'more of the metadata than its name',
    { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
    `${AT}.properties[metadata]`,
  ],
  [
    'embedded resource that is no object',
    spec({ type: 'string', 'x-kubernetes-embedded-resource': true }),
    `${AT}.properties[spec].type`,
  ],
];

t.test('a schema that is not structural is refused at the place that is wrong', async (t) => {
  for (const [name, schema, field] of SCHEMAS)
    t.ok(
      validateCrd(definition(schema)).some((problem) => problem.field === field),
      `${name}: ${JSON.stringify(validateCrd(definition(schema)))}`,
    );
});

const SPECS: [name: string, change: (spec: CustomResourceDefinition['spec']) => void, field: string][] = [
  ['a name that does not fit', (s) => (s.names.plural = 'others'), 'metadata.name'],
  ['a group without a dot', (s) => (s.group = 'example'), 'spec.group'],
  ['an unknown scope', (s) => (s.scope = 'Galaxy'), 'spec.scope'],
  ['a kind like its list', (s) => (s.names.listKind = 'Thing'), 'spec.names.listKind'],
  ['no version is stored', (s) => s.versions.forEach((v) => (v.storage = false)), 'spec.versions'],
  ['two versions of a name', (s) => s.versions.push({ ...s.versions[0]!, storage: false }), 'spec.versions[1].name'],
  ['no schema', (s) => s.versions.forEach((v) => delete v.schema), 'spec.versions[0].schema.openAPIV3Schema'],
  [
    'a column of an unknown type',
    (s) => s.versions.forEach((v) => (v.additionalPrinterColumns = [{ name: 'A', type: 'colour', jsonPath: '.a' }])),
    'spec.versions[0].additionalPrinterColumns[0].type',
  ],
  [
    'a scale that is not below spec',
    (s) =>
      s.versions.forEach(
        (v) => (v.subresources = { scale: { specReplicasPath: '.a', statusReplicasPath: '.status.a' } }),
      ),
    'spec.versions[0].subresources.scale.specReplicasPath',
  ],
];

t.test('a definition that contradicts itself is refused', async (t) => {
  for (const [name, change, field] of SPECS) {
    const found = validateCrd(definition(good, change)).map((problem) => problem.field);
    t.ok(found.includes(field), `${name}: ${found.join(', ')}`);
  }
});

t.test('an established definition keeps its scope, its kind, and the versions objects are stored in', async (t) => {
  const status = { conditions: [{ type: 'Established', status: 'True' }], storedVersions: ['v1'] };
  const old = frozen({ ...definition(good), status });
  t.strictSame(validateCrd(old, old), []);
  const changes: [change: (spec: CustomResourceDefinition['spec']) => void, field: string][] = [
    [(s) => (s.scope = 'Cluster'), 'spec.scope'],
    [(s) => (s.names.kind = 'Other'), 'spec.names.kind'],
    [(s) => s.versions.forEach((v) => (v.name = 'v2')), 'status.storedVersions[0]'],
  ];
  for (const [change, field] of changes)
    t.match(validateCrd({ ...definition(good, change), status }, old), [{ field }], field);
});

t.test('rules that do not parse are refused; the first definition with rules is told to come again', async (t) => {
  const ruled = (rule: string): Schema =>
    spec({ type: 'object', properties: { a: text }, 'x-kubernetes-validations': [{ rule }] });
  t.throws(() => validateCrd(definition(ruled('self.a =='))), { code: 503 });
  await compileSchema(ruled('true')).ready;
  t.match(validateCrd(definition(ruled('self.a =='))), [
    { field: `${AT}.properties[spec].x-kubernetes-validations[0].rule`, detail: /^compilation failed: / },
  ]);
  t.strictSame(validateCrd(definition(ruled('self.a == "x"'))), []);
});
