import t from 'tap';
import fc from 'fast-check';
import { mergePatch } from '../../../../local/apiserver/patch/merge-patch.ts';
import { frozen } from '../schema/frozen.ts';

// The examples of RFC 7386, appendix A, that start from an object.
const CASES: [document: object, patch: object, expected: object][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

t.test('a merge patch does what RFC 7386 says', async (t) => {
  for (const [document, patch, expected] of CASES)
    t.strictSame(mergePatch(frozen(document), frozen(patch)), expected, JSON.stringify(patch));
});

t.test('a merge patch that is not an object is refused', async (t) => {
  for (const patch of [[], null, 1, 'a']) t.throws(() => mergePatch({}, patch), { code: 400 });
});

t.test('applying a merge patch twice changes nothing more', async () => {
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(object, object, (document, patch) => {
      const once = mergePatch(frozen(document), frozen(patch));
      const twice = mergePatch(frozen(once), patch);
      return JSON.stringify(once) === JSON.stringify(twice);
    }),
  );
});

t.test('a key named __proto__ cannot reach other objects', async (t) => {
  mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  t.equal(({} as { polluted?: boolean }).polluted, undefined);
});
