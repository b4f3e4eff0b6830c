import t from 'tap';
import { invalidStatus, problemText } from '../../../../local/apiserver/schema/problems.ts';
import { compileSchema } from '../../../../local/apiserver/schema/structural.ts';
import { frozen } from './frozen.ts';
import type { Schema } from '../../../../local/apiserver/schema/schema.ts';

/** Problems of `spec.x` under a schema, as kubectl prints them. */
function problems(x: Schema, value: unknown): string[] {
  const schema: Schema = { type: 'object', properties: { spec: { type: 'object', properties: { x } } } };
  return compileSchema(schema)
    .validate(frozen({ spec: { x: value } }))
    .map((problem) => `${problem.field}: ${problemText(problem)}`);
}

const CASES: [schema: Schema, value: unknown, expected: string[]][] = [
  [{ type: 'integer' }, 'a', ['spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"']],
  [{ type: 'integer' }, 1.5, ['spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"']],
  [{ type: 'number' }, 1, []],
  [{ type: 'string' }, null, ['spec.x: Invalid value: "null": spec.x in body must be of type string: "null"']],
  [{ type: 'string', nullable: true }, null, []],
  [
    { type: 'array', items: { type: 'string' } },
    {},
    ['spec.x: Invalid value: "object": spec.x in body must be of type array: "object"'],
  ],
  [
    { type: 'array', items: { type: 'string' } },
    ['a', 1],
    ['spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"'],
  ],
  [{ type: 'string', enum: ['a', 'b'] }, 'c', ['spec.x: Unsupported value: "c": supported values: "a", "b"']],
  [{ type: 'string', pattern: '^a+$' }, 'b', ['spec.x: Invalid value: "b": spec.x in body should match \'^a+$\'']],
  [{ type: 'string', maxLength: 2 }, 'abc', ['spec.x: Too long: may not be more than 2 bytes']],
  [
    { type: 'string', minLength: 2 },
    'a',
    ['spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long'],
  ],
  [{ type: 'string', maxLength: 1 }, '😀', []],
  [
    { type: 'integer', maximum: 10 },
    11,
    ['spec.x: Invalid value: 11: spec.x in body should be less than or equal to 10'],
  ],
  [
    { type: 'integer', maximum: 10, exclusiveMaximum: true },
    10,
    ['spec.x: Invalid value: 10: spec.x in body should be less than 10'],
  ],
  [
    { type: 'integer', minimum: 1 },
    0,
    ['spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1'],
  ],
  [{ type: 'integer', multipleOf: 5 }, 7, ['spec.x: Invalid value: 7: spec.x in body should be a multiple of 5']],
  [{ type: 'number', multipleOf: 0.1 }, 0.3, []],
  [
    { type: 'array', items: { type: 'integer' }, maxItems: 1 },
    [1, 2],
    ['spec.x: Too many: 2: must have at most 1 item'],
  ],
  [
    { type: 'array', items: { type: 'integer' }, minItems: 1 },
    [],
    ['spec.x: Invalid value: 0: spec.x in body should have at least 1 items'],
  ],
  [
    { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 1 },
    { a: '', b: '' },
    ['spec.x: Too many: 2: must have at most 1 item'],
  ],
  [{ type: 'object', required: ['y'], properties: { y: { type: 'string' } } }, {}, ['spec.x.y: Required value']],
  [
    { type: 'object', additionalProperties: { type: 'string' } },
    { k: 1 },
    ['spec.x.k: Invalid value: "integer": spec.x.k in body must be of type string: "integer"'],
  ],
  [{ 'x-kubernetes-int-or-string': true }, '50%', []],
  [{ 'x-kubernetes-int-or-string': true }, 5, []],
  [
    { 'x-kubernetes-int-or-string': true },
    true,
    ['spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"'],
  ],
  [
    { type: 'string', format: 'date-time' },
    'now',
    ['spec.x: Invalid value: "now": spec.x in body must be of type date-time: "now"'],
  ],
  [{ type: 'string', format: 'date-time' }, '2026-01-01T00:00:00.5+02:00', []],
  [
    { type: 'string', format: 'ipv4' },
    '1.2.3',
    ['spec.x: Invalid value: "1.2.3": spec.x in body must be of type ipv4: "1.2.3"'],
  ],
  [{ type: 'string', format: 'duration' }, '1h30m', []],
  [{ type: 'string', format: 'something-else' }, 'anything', []],
  [
    { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ['a', 'b', 'a'],
    ['spec.x[2]: Duplicate value: "a"'],
  ],
  [
    {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: { type: 'object', properties: { k: { type: 'string' } } },
    },
    [{ k: 'a' }, { k: 'a' }],
    ['spec.x[1]: Duplicate value: {"k":"a"}'],
  ],
  [
    { type: 'integer', oneOf: [{ minimum: 5 }, { maximum: 7 }] },
    6,
    ['<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [
    { type: 'integer', not: { minimum: 5 } },
    6,
    ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)'],
  ],
  [
    {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    {},
    ['spec.x.a: Required value', '<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)'],
  ],
  [{ type: 'integer', allOf: [{ minimum: 1 }, { maximum: 5 }] }, 3, []],
];

t.test('each rule of a schema holds, and says so as Kubernetes does', async (t) => {
  for (const [schema, value, expected] of CASES)
    t.strictSame(problems(schema, value), expected, `${JSON.stringify(schema)} of ${JSON.stringify(value)}`);
});

t.test('the status of one problem and of several reads as kubectl expects', async (t) => {
  const one = {
    type: 'FieldValueInvalid',
    field: 'spec.replicas',
    detail: 'must be greater than or equal to 0',
    badValue: -1,
  } as const;
  const two = { type: 'FieldValueRequired', field: 'spec.selector', detail: '' } as const;
  const status = invalidStatus('Deployment', 'apps', 'x', [one]);
  t.equal(status.code, 422);
  t.equal(status.reason, 'Invalid');
  t.equal(
    status.message,
    'Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  t.strictSame(status.details, {
    name: 'x',
    group: 'apps',
    kind: 'Deployment',
    causes: [
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: -1: must be greater than or equal to 0',
        field: 'spec.replicas',
      },
    ],
  });
  t.equal(
    invalidStatus('Pod', '', 'x', [one, two]).message,
    'Pod "x" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.selector: Required value]',
  );
});

t.test('an answer does not grow without bound', async (t) => {
  const schema: Schema = { type: 'array', items: { type: 'string' } };
  t.ok(
    problems(
      schema,
      Array.from({ length: 10_000 }, () => 1),
    ).length <= 101,
  );
});

t.test('Go patterns are understood', async (t) => {
  t.strictSame(problems({ type: 'string', pattern: '^[[:alpha:]]+\\z' }, 'abc'), []);
  t.strictSame(problems({ type: 'string', pattern: '(?i)^ABC$' }, 'abc'), []);
  t.strictSame(problems({ type: 'string', pattern: '^(?P<x>a)$' }, 'a'), []);
  t.equal(problems({ type: 'string', pattern: '^[a-z\\-]+$' }, 'A').length, 1);
});
