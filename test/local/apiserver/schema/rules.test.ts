import t from 'tap';
import { problemText } from '../../../../local/apiserver/schema/problems.ts';
import { compileSchema } from '../../../../local/apiserver/schema/structural.ts';
import { frozen } from './frozen.ts';
import type { Schema, ValidationRule } from '../../../../local/apiserver/schema/schema.ts';

const integer: Schema = { type: 'integer' };
const text: Schema = { type: 'string' };
const spec: Schema = {
  type: 'object',
  properties: {
    min: integer,
    max: integer,
    ratio: { type: 'number' },
    name: text,
    'some-name': text,
    namespace: text,
    when: { type: 'string', format: 'date-time' },
    tags: { type: 'array', items: text },
    numbers: { type: 'array', items: integer },
    labels: { type: 'object', additionalProperties: text },
    port: { 'x-kubernetes-int-or-string': true },
    size: text,
  },
};

async function problems(rules: ValidationRule[], value: object, old?: object): Promise<string[]> {
  const schema = compileSchema({
    type: 'object',
    properties: { spec: { ...spec, 'x-kubernetes-validations': rules } },
  });
  await schema.ready;
  const before = old === undefined ? undefined : frozen({ spec: old });
  return schema.validate(frozen({ spec: value }), before).map((one) => `${one.field}: ${problemText(one)}`);
}

const HOLD: [rule: string, value: object][] = [
  ['self.min <= self.max', { min: 1, max: 2 }],
  ['has(self.name) ? self.name == "a" : true', {}],
  ['self.tags.all(tag, tag.startsWith("a"))', { tags: ['a', 'ab'] }],
  ['self.tags.isSorted()', { tags: ['a', 'b'] }],
  ['self.numbers.sum() == 6 && self.numbers.max() == 3', { numbers: [1, 2, 3] }],
  ['self.ratio > 0.5', { ratio: 1 }],
  ['self.some__dash__name == "x"', { 'some-name': 'x' }],
  ['self.__namespace__ == "x"', { namespace: 'x' }],
  ['self.when < timestamp("2030-01-01T00:00:00Z")', { when: '2026-01-01T00:00:00Z' }],
  ['self.labels.all(key, key.size() < 5)', { labels: { a: '1' } }],
  ['type(self.port) == int ? self.port > 0 : self.port.endsWith("%")', { port: '5%' }],
  ['quantity(self.size).isLessThan(quantity("2Gi"))', { size: '512Mi' }],
  ['isURL(self.name) && url(self.name).getHost() == "a.b"', { name: 'https://a.b/c' }],
  ['self.name.find("[0-9]+") == "42"', { name: 'x42y' }],
  ['sets.contains(["a", "b"], self.tags)', { tags: ['a'] }],
  ['self.name.lowerAscii() == "ab"', { name: 'AB' }],
];

t.test('rules that hold let the object pass', async (t) => {
  for (const [rule, value] of HOLD) t.strictSame(await problems([{ rule }], value), [], rule);
});

t.test('a rule that fails says its message, or itself', async (t) => {
  const value = { min: 3, max: 2 };
  const rule = 'self.min <= self.max';
  t.strictSame(await problems([{ rule }], value), ['spec: Invalid value: "object": failed rule: self.min <= self.max']);
  t.strictSame(await problems([{ rule, message: 'min first' }], value), ['spec: Invalid value: "object": min first']);
  t.strictSame(await problems([{ rule, messageExpression: '"min " + string(self.min)', message: 'plain' }], value), [
    'spec: Invalid value: "object": min 3',
  ]);
  t.strictSame(await problems([{ rule, message: 'no', fieldPath: '.min', reason: 'FieldValueForbidden' }], value), [
    'spec.min: Forbidden: no',
  ]);
});

t.test('a rule that cannot be evaluated fails rather than passes', async (t) => {
  const [problem] = await problems([{ rule: 'self.name == "a"' }], {});
  t.match(problem, /spec: Invalid value: "object": .*evaluating rule: self.name == "a"/);
});

t.test('transition rules are checked on updates only', async (t) => {
  const rules = [{ rule: 'self.min >= oldSelf.min', message: 'may not shrink' }];
  t.strictSame(await problems(rules, { min: 1 }), []);
  t.strictSame(await problems(rules, { min: 2 }, { min: 1 }), []);
  t.strictSame(await problems(rules, { min: 1 }, { min: 2 }), ['spec: Invalid value: "object": may not shrink']);
});

t.test('an optional oldSelf is checked on create, too', async (t) => {
  const rules = [{ rule: 'oldSelf.hasValue() || self.min == 0', optionalOldSelf: true, message: 'starts at 0' }];
  t.strictSame(await problems(rules, { min: 1 }), ['spec: Invalid value: "object": starts at 0']);
  t.strictSame(await problems(rules, { min: 1 }, { min: 0 }), []);
});

t.test('rules apply within lists and maps; items of map lists remember what they were', async (t) => {
  const item: Schema = {
    type: 'object',
    properties: { name: text, value: integer },
    'x-kubernetes-validations': [{ rule: 'self.value >= oldSelf.value', message: 'may not shrink' }],
  };
  const schema = compileSchema({
    type: 'object',
    properties: {
      list: { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
      map: {
        type: 'object',
        additionalProperties: { ...text, 'x-kubernetes-validations': [{ rule: 'self != ""', message: 'empty' }] },
      },
    },
  });
  await schema.ready;
  const old = frozen({
    list: [
      { name: 'a', value: 1 },
      { name: 'b', value: 5 },
    ],
  });
  const next = frozen({
    list: [
      { name: 'b', value: 4 },
      { name: 'a', value: 2 },
    ],
    map: { k: '' },
  });
  t.strictSame(
    schema.validate(next, old).map((one) => `${one.field}: ${one.detail}`),
    ['list[0]: may not shrink', 'map[k]: empty'],
  );
});

t.test('of the metadata a rule sees the name', async (t) => {
  const schema = compileSchema({
    type: 'object',
    'x-kubernetes-validations': [{ rule: 'self.metadata.name.startsWith("a")', message: 'must start with a' }],
  });
  await schema.ready;
  t.strictSame(schema.validate(frozen({ metadata: { name: 'ab' } })), []);
  t.equal(schema.validate(frozen({ metadata: { name: 'b' } }))[0]?.detail, 'must start with a');
});

t.test('a schema without rules is ready at once', async (t) => {
  t.equal(compileSchema({ type: 'object' }).ready, undefined);
});
