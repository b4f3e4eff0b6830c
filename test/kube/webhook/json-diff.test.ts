/** A patch that a webhook answers with makes exactly the object that it means. */
import fc from 'fast-check';
import t from 'tap';
import { deepEqual } from '../../../kube/equal.ts';
import { jsonDiff } from '../../../kube/webhook/json-diff.ts';
import { jsonPatch } from '../../../local/apiserver/patch/json-patch.ts';

const value = fc.jsonValue({ maxDepth: 4 });
const object = fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', 'a/b', '~', '~1', ''), fc.string()), value);

t.test('applied to what was, it gives what is wanted', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(object, object, (before, after) => {
        const plain = (one: object) => JSON.parse(JSON.stringify(one)) as object;
        return deepEqual(jsonPatch(plain(before), jsonDiff(plain(before), plain(after))), plain(after));
      }),
    ),
  );
  t.end();
});

t.test('it says no more than what changed', (t) => {
  const cases: [before: unknown, after: unknown, expected: unknown][] = [
    [{ a: 1 }, { a: 1 }, []],
    [{ a: { b: 1 } }, { a: { b: 1, c: [2] } }, [{ op: 'add', path: '/a/c', value: [2] }]],
    [{ a: { b: 1, c: 2 } }, { a: { b: 1 } }, [{ op: 'remove', path: '/a/c' }]],
    [
      { a: [{ b: 1 }] },
      { a: [{ b: 1, c: 2 }, 3] },
      [
        { op: 'add', path: '/a/0/c', value: 2 },
        { op: 'add', path: '/a/-', value: 3 },
      ],
    ],
    [{ a: [1, 2] }, { a: [2] }, [{ op: 'replace', path: '/a', value: [2] }]],
    [{ 'a/b': { '~': 1 } }, { 'a/b': { '~': 2 } }, [{ op: 'replace', path: '/a~1b/~0', value: 2 }]],
    [{ a: null }, { a: undefined }, [{ op: 'remove', path: '/a' }]],
  ];
  for (const [before, after, expected] of cases) t.same(jsonDiff(before, after), expected);
  t.end();
});
