import t from 'tap';
import { ApiError } from '../../../../kube/errors.ts';
import { jsonPatch } from '../../../../local/apiserver/patch/json-patch.ts';
import { frozen } from '../schema/frozen.ts';

// Cases of RFC 6902 appendix A, and of pointers in RFC 6901.
const CASES: [name: string, document: object, patch: object[], expected: unknown][] = [
  ['adds a member', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
  ['inserts into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
  ['appends to a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: [2] }], { a: [1, [2]] }],
  ['add replaces a member', { a: 1 }, [{ op: 'add', path: '/a', value: 2 }], { a: 2 }],
  ['removes a member', { a: 1, b: 2 }, [{ op: 'remove', path: '/b' }], { a: 1 }],
  ['removes an item', { a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
  ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: null }], { a: { b: null } }],
  ['moves a member', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
  ['moves an item', { a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: [2, 3, 1] }],
  ['copies', { a: { b: [1] } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: [1] }, c: { b: [1] } }],
  ['tests and goes on', { a: [1, { b: 2 }] }, [{ op: 'test', path: '/a/1', value: { b: 2 } }], { a: [1, { b: 2 }] }],
  ['unescapes ~1 and ~0', { 'a/b~c': 1 }, [{ op: 'replace', path: '/a~1b~0c', value: 2 }], { 'a/b~c': 2 }],
  ['replaces the document', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
  ['a missing member tests as null', {}, [{ op: 'test', path: '/a', value: null }], {}],
  [
    'the second operation sees the first',
    {},
    [
      { op: 'add', path: '/a', value: {} },
      { op: 'add', path: '/a/b', value: 1 },
    ],
    { a: { b: 1 } },
  ],
];

t.test('a JSON patch does what RFC 6902 says, and leaves the stored object alone', async (t) => {
  for (const [name, document, patch, expected] of CASES)
    t.strictSame(jsonPatch(frozen(document), frozen(patch)), expected, name);
});

const FAILURES: [name: string, document: object, patch: unknown, code: number][] = [
  ['a failed test', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }], 422],
  ['a missing parent', {}, [{ op: 'add', path: '/a/b', value: 2 }], 422],
  ['removing what is not there', {}, [{ op: 'remove', path: '/a' }], 422],
  ['replacing what is not there', {}, [{ op: 'replace', path: '/a', value: 1 }], 422],
  ['an index beyond the list', { a: [1] }, [{ op: 'add', path: '/a/3', value: 1 }], 422],
  ['an index with a leading zero', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }], 422],
  ['moving into a child', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b' }], 422],
  ['an unknown operation', {}, [{ op: 'merge', path: '/a' }], 400],
  ['no value', {}, [{ op: 'add', path: '/a' }], 400],
  ['no pointer', {}, [{ op: 'remove', path: 'a' }], 400],
  ['not a list', {}, { op: 'remove', path: '/a' }, 400],
  ['too many operations', {}, Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} })), 413],
];

t.test('a JSON patch that cannot be carried out is refused with its code, not half applied', async (t) => {
  for (const [name, document, patch, code] of FAILURES)
    t.throws(() => jsonPatch(frozen(document), patch), { code }, name);
});

t.test('a failed test says which path it was', async (t) => {
  try {
    jsonPatch({ a: 1 }, [{ op: 'test', path: '/a', value: 2 }]);
    t.fail('it passed');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    t.equal(error.reason, 'Invalid');
    t.equal(error.status.details?.causes?.[0]?.field, '/a');
  }
});
