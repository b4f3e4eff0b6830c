import fc from 'fast-check';
import t from 'tap';
import type { CesqlErrorKind, CesqlValue } from '../../../../eventing/trigger/cesql/ast.ts';
import { compileCesql } from '../../../../eventing/trigger/cesql/evaluate.ts';
import { compileLike } from '../../../../eventing/trigger/cesql/like.ts';
import { parseCesql } from '../../../../eventing/trigger/cesql/parser.ts';
import type { EventAttributes } from '../../../../eventing/trigger/attributes.ts';
import { compileTriggerFilter } from '../../../../eventing/trigger/filters.ts';

const event: EventAttributes = {
  specversion: '1.0',
  id: 'a-1',
  source: '/orders/eu',
  type: 'com.example.order.created',
  hop: '5',
  ttl: '10',
  count: 7,
  urgent: true,
  name: 'Ünïcode 😀',
};

function run(expression: string): [value: CesqlValue, error: CesqlErrorKind | undefined] {
  const { value, error } = compileCesql(parseCesql(expression))(event);
  return [value, error?.kind];
}

const cases: [expression: string, value: CesqlValue, error?: CesqlErrorKind][] = [
  // literals, attributes and their case
  ["'it\\'s'", "it's"],
  ['"say \\"hi\\""', 'say "hi"'],
  ['id', 'a-1'],
  ['ID', 'a-1'],
  ['count', 7],
  ['urgent', true],
  ['absent', false, 'missingAttribute'],
  ['2147483647', 2147483647],
  ['-2147483648', -2147483648],
  // precedence and association
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['10 - 3 - 2', 5],
  ['4-1', 3],
  ['7 % 3 + 1', 2],
  ['-7 / 2', -3],
  ['-7 % 3', -1],
  ['1 + 1 = 2', true],
  ['true or false and false', true],
  ['false and false or true', false],
  ['true xor true xor true', true],
  ['NOT false AND false', false],
  ['- - 3', 3],
  ["NOT EXISTS absent AND type LIKE '%.created'", true],
  // casts
  ['hop < ttl', true],
  ["'5' = 5", true],
  ["5 = '5'", true],
  ["'x' = 5", false, 'cast'],
  ["'TRUE' = true", true],
  ["true = 'TRUE'", false],
  ["'x' + 1", 0, 'cast'],
  ["urgent AND 'maybe'", false, 'cast'],
  ['NOT 10', true, 'cast'],
  ['true AND 1', true],
  // arithmetic that has no answer
  ['1 / 0', 0, 'math'],
  ['1 % 0', 0, 'math'],
  ['2147483647 + 1', 0, 'math'],
  ['65536 * 65536', 0, 'math'],
  ['1 / absent', 0, 'missingAttribute'],
  ['true AND (1 != 1 / 0)', false, 'math'],
  ['false AND (1 != 1 / 0)', false],
  ['true OR absent', true],
  // sets
  ["type IN ('a', type)", true],
  ["type NOT IN ('a', 'b')", true],
  ["count IN ('6', '7')", true],
  ["count IN ('x')", false, 'cast'],
  ["absent IN ('x')", false, 'missingAttribute'],
  // patterns
  ["source LIKE '/orders/%'", true],
  ["source NOT LIKE '/orders/__'", false],
  ["'50%' LIKE '50\\%'", true],
  ["'50x' LIKE '50\\%'", false],
  ["name LIKE 'Ünïcode _'", true],
  ['count LIKE "7"', true],
  // functions
  ["LENGTH('😀')", 1],
  ["concat('a', 1, true)", 'a1true'],
  ["CONCAT_WS('-', 'a', 'b')", 'a-b'],
  ["UPPER(LEFT('abc', 2))", 'AB'],
  ["TRIM('\u00a0 a\u2003')", 'a'],
  ["SUBSTRING('abc', -2, 9)", 'bc'],
  ["SUBSTRING('abc', 1, -1)", '', 'functionEvaluation'],
  ["RIGHT('a😀', 1)", '😀'],
  ['ABS(-2147483648)', 2147483647, 'math'],
  ["INT(hop) + INT('1')", 6],
  ["IS_INT('7') AND NOT IS_INT('x')", true],
  ["IS_BOOL('true') AND NOT IS_BOOL('x')", true],
  ['NOPE(1)', false, 'missingFunction'],
  ['LENGTH()', false, 'missingFunction'],
  ['LENGTH(absent)', 0, 'missingAttribute'],
  ['toString()', false, 'missingFunction'],
  ['constructor', false, 'missingAttribute'],
];

t.test('what expressions result in', (t) => {
  for (const [expression, value, error] of cases) t.same(run(expression), [value, error], expression);
  t.end();
});

const broken: [expression: string, message: RegExp][] = [
  ['', /expected an expression at position 0/],
  ['ABC(', /expected an expression at position 4, found the end/],
  ['(1', /expected "\)"/],
  ['1 2', /expected the end at position 2, found "2"/],
  ['x LIKE 123', /string literal behind LIKE/],
  ['x IN ()', /expected an expression/],
  ['EXISTS 1 +', /expected an expression/],
  ['EXISTS AND', /name of an attribute/],
  ["'abc", /unexpected "'" at position 0/],
  ['a & b', /unexpected "&" at position 2/],
  ['2147483648', /does not fit into 32 bits/],
  ['a_b', /name of an attribute/],
  ['f1(2)', /cannot name a function/],
  ['('.repeat(500) + '1' + ')'.repeat(500), /nested deeper/],
  ['NOT '.repeat(100_000) + 'true', /nested deeper/],
];

t.test('what cannot be read, and where', (t) => {
  for (const [expression, message] of broken)
    t.throws(() => parseCesql(expression), { kind: 'parse', message }, expression.slice(0, 40));
  t.end();
});

t.test('LIKE agrees with the regular expression that it stands for', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '%', '_', '\\'), maxLength: 12 });
  fc.assert(
    fc.property(text, text, (subject, pattern) => {
      const source = pattern.replace(/\\[%_]|[\s\S]/g, (part) =>
        part === '%'
          ? '[^]*'
          : part === '_'
            ? '[^]'
            : part.length === 2
              ? part.charAt(1)
              : part === '\\'
                ? '\\\\'
                : part,
      );
      return compileLike(pattern)(subject) === new RegExp(`^${source}$`).test(subject);
    }),
    { numRuns: 2_000 },
  );
  const started = performance.now();
  t.notOk(compileLike('%a%a%a%a%a%a%a%a%b')('a'.repeat(5_000)));
  t.ok(performance.now() - started < 2_000, 'no pattern takes for ever');
  t.end();
});

t.test('no text breaks the reader, and no event the expression', (t) => {
  const piece = fc.constantFrom(
    'a',
    '1',
    "'x'",
    '(',
    ')',
    ',',
    '+',
    '-',
    '=',
    '<',
    'NOT ',
    ' AND ',
    ' LIKE ',
    ' IN ',
    'EXISTS ',
    'LENGTH(',
    ' ',
    '%',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        const { value } = compileCesql(parseCesql(pieces.join('')))(event);
        return ['string', 'number', 'boolean'].includes(typeof value) && !Object.is(value, -0);
      } catch (error) {
        return error instanceof Error && 'kind' in error && error.kind === 'parse';
      }
    }),
    { numRuns: 3_000 },
  );
  t.end();
});

t.test('as a filter, only true without error passes', (t) => {
  const passes = (cesql: string) => compileTriggerFilter({ filters: [{ cesql }] })(event);
  t.ok(passes("type LIKE 'com.example.%' AND count > 5"));
  t.notOk(passes('count'), 'no boolean');
  t.notOk(passes("'true'"), 'no boolean');
  t.notOk(passes('NOT 10'), 'true, but with an error');
  t.notOk(passes('absent = 1'));
  t.throws(() => passes('a b'), { code: 'InvalidFilter', message: /position 2/ });
  t.end();
});
