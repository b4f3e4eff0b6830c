import t from 'tap';
import fc from 'fast-check';
import { compileSchema } from '../../../../local/apiserver/schema/structural.ts';
import { frozen } from './frozen.ts';
import type { Schema } from '../../../../local/apiserver/schema/schema.ts';

const object = (properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema => ({
  type: 'object',
  properties,
  ...more,
});
const text: Schema = { type: 'string' };

interface PruneCase {
  name: string;
  schema: Schema;
  given: object;
  kept: object;
  unknown: string[];
}

const PRUNING: PruneCase[] = [
  {
    name: 'unknown fields go, at any depth',
    schema: object({ spec: object({ a: text, list: { type: 'array', items: object({ b: text }) } }) }),
    given: { spec: { a: '1', x: 1, list: [{ b: '2', y: 2 }] }, z: 3 },
    kept: { spec: { a: '1', list: [{ b: '2' }] } },
    unknown: ['spec.x', 'spec.list[0].y', 'z'],
  },
  {
    name: 'apiVersion, kind and metadata stay at the root',
    schema: object({}),
    given: { apiVersion: 'v1', kind: 'X', metadata: { name: 'a', labels: { b: 'c' } } },
    kept: { apiVersion: 'v1', kind: 'X', metadata: { name: 'a', labels: { b: 'c' } } },
    unknown: [],
  },
  {
    name: 'fields that metadata does not have go',
    schema: object({}),
    given: { metadata: { name: 'a', colour: 'red' } },
    kept: { metadata: { name: 'a' } },
    unknown: ['metadata.colour'],
  },
  {
    name: 'maps keep every key and prune the values',
    schema: object({ m: { type: 'object', additionalProperties: object({ a: text }) } }),
    given: { m: { k: { a: '1', b: '2' } } },
    kept: { m: { k: { a: '1' } } },
    unknown: ['m.k.b'],
  },
  {
    name: 'x-kubernetes-preserve-unknown-fields keeps what it does not know, and prunes what it does',
    schema: object({ s: object({ known: object({ a: text }) }, { 'x-kubernetes-preserve-unknown-fields': true }) }),
    given: { s: { other: { deep: 1 }, known: { a: '1', b: '2' } } },
    kept: { s: { other: { deep: 1 }, known: { a: '1' } } },
    unknown: ['s.known.b'],
  },
  {
    name: 'embedded resources keep their identity',
    schema: object({ t: object({ spec: object({}) }, { 'x-kubernetes-embedded-resource': true }) }),
    given: { t: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { a: 1 }, extra: 1 } },
    kept: { t: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: {} } },
    unknown: ['t.spec.a', 't.extra'],
  },
  {
    name: 'names that every JavaScript object has are no known fields',
    schema: object({ spec: object({}) }),
    given: { spec: { constructor: 1, toString: 2 } },
    kept: { spec: {} },
    unknown: ['spec.constructor', 'spec.toString'],
  },
];

t.test('fields a schema does not name are dropped and reported', async (t) => {
  for (const { name, schema, given, kept, unknown } of PRUNING) {
    const result = compileSchema(schema).prune(frozen(given));
    t.strictSame(result.object, kept, name);
    t.strictSame(result.unknown, unknown, name);
  }
});

t.test('pruning what needs none hands back the same object', async (t) => {
  const given = frozen({ metadata: { name: 'a' }, spec: { a: '1' } });
  t.equal(compileSchema(object({ spec: object({ a: text }) })).prune(given).object, given);
});

const DEFAULTING: [name: string, schema: Schema, given: object, expected: object][] = [
  ['a missing field', object({ a: { ...text, default: 'x' } }), {}, { a: 'x' }],
  ['a given field stays', object({ a: { ...text, default: 'x' } }), { a: 'y' }, { a: 'y' }],
  ['an empty string is given', object({ a: { ...text, default: 'x' } }), { a: '' }, { a: '' }],
  ['below a missing parent nothing is made', object({ s: object({ a: { ...text, default: 'x' } }) }), {}, {}],
  [
    'a defaulted parent is filled in, too',
    object({ s: object({ a: { ...text, default: 'x' } }, { default: {} }) }),
    {},
    { s: { a: 'x' } },
  ],
  [
    'items of lists',
    object({ l: { type: 'array', items: object({ a: { ...text, default: 'x' } }) } }),
    { l: [{}, { a: 'y' }] },
    { l: [{ a: 'x' }, { a: 'y' }] },
  ],
  [
    'values of maps',
    object({ m: { type: 'object', additionalProperties: object({ a: { ...text, default: 'x' } }) } }),
    { m: { k: {} } },
    { m: { k: { a: 'x' } } },
  ],
  ['null takes the default', object({ a: { ...text, default: 'x' } }), { a: null }, { a: 'x' }],
  ['null without a default goes', object({ a: text }), { a: null }, {}],
  [
    'null stays where it is allowed',
    object({ a: { ...text, nullable: true, default: 'x' } }),
    { a: null },
    { a: null },
  ],
  [
    'false and 0 are defaults',
    object({ a: { type: 'boolean', default: false }, b: { type: 'integer', default: 0 } }),
    {},
    { a: false, b: 0 },
  ],
];

t.test('defaults are filled in as the CRD documentation says', async (t) => {
  for (const [name, schema, given, expected] of DEFAULTING)
    t.strictSame(compileSchema(schema).defaults(frozen(given)), expected, name);
});

t.test('nothing to fill in hands back the same object', async (t) => {
  const given = frozen({ a: 'y' });
  t.equal(compileSchema(object({ a: { ...text, default: 'x' } })).defaults(given), given);
});

const leaf = fc.constantFrom<Schema>({ type: 'string' }, { type: 'integer' }, { type: 'string', default: 'd' });
const { node } = fc.letrec<{ node: Schema }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')).map((properties) => object(properties)),
    tie('node').map((items): Schema => ({ type: 'array', items })),
    tie('node').map((additionalProperties): Schema => ({ type: 'object', additionalProperties })),
  ),
}));

t.test('pruning and defaulting are each done after once, in any schema', async () => {
  const value = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue({ maxDepth: 3 }));
  const schemas = fc.dictionary(fc.constantFrom('a', 'b', 'c'), node).map((properties) => object(properties));
  fc.assert(
    fc.property(schemas, value, (schema, given) => {
      const compiled = compileSchema(schema);
      const pruned = frozen(compiled.prune(frozen(given)).object);
      const filled = frozen(compiled.defaults(pruned));
      return (
        compiled.prune(pruned).object === pruned &&
        compiled.prune(filled).object === filled &&
        compiled.defaults(filled) === filled &&
        JSON.stringify(compiled.validate(filled)) === JSON.stringify(compiled.validate(filled))
      );
    }),
  );
});
