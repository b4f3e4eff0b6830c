import t from 'tap';
import type { ObjectMeta } from '../../../../api/object.ts';
import { validateObjectMeta } from '../../../../local/apiserver/schema/object-meta.ts';
import { problemText } from '../../../../local/apiserver/schema/problems.ts';
import { frozen } from './frozen.ts';

const POD = { group: '', plural: 'pods', namespaced: true };
const SERVICE = { group: '', plural: 'services', namespaced: true };
const NAMESPACE = { group: '', plural: 'namespaces', namespaced: false };
const ROLE = { group: 'rbac.authorization.k8s.io', plural: 'roles', namespaced: true };

const problems = (kind: typeof POD, meta: Partial<ObjectMeta>, old?: Partial<ObjectMeta>): string[] =>
  validateObjectMeta(
    kind,
    frozen({ name: 'a', ...(kind.namespaced ? { namespace: 'default' } : {}), ...meta }),
    'metadata',
    old,
  ).map((one) => `${one.field}: ${problemText(one)}`);

const GOOD: [kind: typeof POD, meta: Partial<ObjectMeta>][] = [
  [POD, { name: 'a.b-c' }],
  [POD, { name: 'a', generateName: 'a-' }],
  [SERVICE, { name: 'web-1' }],
  [ROLE, { name: 'system:view' }],
  [NAMESPACE, { name: 'team-1' }],
  [POD, { labels: { 'example.com/App': 'My_App.1', empty: '' }, annotations: { 'Example.com/x': 'anything\nat all' } }],
  [POD, { finalizers: ['example.com/cleanup', 'foregroundDeletion'] }],
];

t.test('good metadata passes', async (t) => {
  for (const [kind, meta] of GOOD) t.strictSame(problems(kind, meta), [], JSON.stringify(meta));
});

const BAD: [kind: typeof POD, meta: Partial<ObjectMeta>, expected: RegExp][] = [
  [POD, { name: '' }, /^metadata.name: Required value: name or generateName is required$/],
  [POD, { name: 'A' }, /^metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of/],
  [POD, { name: 'a'.repeat(254) }, /must be no more than 253 bytes/],
  [SERVICE, { name: '1web' }, /^metadata.name: Invalid value: "1web": a DNS-1035 label must consist of/],
  [SERVICE, { name: 'a.b' }, /a DNS-1035 label/],
  [NAMESPACE, { name: 'a.b' }, /a lowercase RFC 1123 label must consist of/],
  [ROLE, { name: 'a/b' }, /may not contain '\/'/],
  [POD, { namespace: '' }, /^metadata.namespace: Required value$/],
  [NAMESPACE, { namespace: 'x' }, /^metadata.namespace: Forbidden: not allowed on this type$/],
  [POD, { labels: { 'a b': 'c' } }, /^metadata.labels: Invalid value: "a b": name part must consist of/],
  [POD, { labels: { a: 'b c' } }, /^metadata.labels: Invalid value: "b c": a valid label must be an empty string or/],
  [POD, { labels: { 'a/b/c': '' } }, /a valid label key must consist of/],
  [POD, { labels: { '/b': '' } }, /prefix part must be non-empty/],
  [
    POD,
    { annotations: { a: 'x'.repeat(300_000) } },
    /^metadata.annotations: Too long: may not be more than 262144 bytes$/,
  ],
  [POD, { finalizers: ['cleanup'] }, /name is neither a standard finalizer name nor is it fully qualified/],
  [
    POD,
    { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: '' }] },
    /^metadata.ownerReferences\[0\].uid: Invalid value: "": must not be empty$/,
  ],
  [
    POD,
    {
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Pod', name: 'x', uid: '1', controller: true },
        { apiVersion: 'v1', kind: 'Pod', name: 'y', uid: '2', controller: true },
      ],
    },
    /Only one reference can have Controller set to true/,
  ],
];

t.test('bad metadata is refused in Kubernetes’ words', async (t) => {
  for (const [kind, meta, expected] of BAD)
    t.match(problems(kind, meta).join('\n'), expected, JSON.stringify(meta).slice(0, 80));
});

t.test('what may not change, may not', async (t) => {
  const old = { name: 'a', namespace: 'default', uid: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  t.strictSame(problems(POD, old, old), []);
  t.match(problems(POD, { ...old, uid: '2' }, old), ['metadata.uid: Invalid value: "2": field is immutable']);
  const deleting = { ...old, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a.b/c'] };
  t.match(
    problems(POD, { ...deleting, finalizers: ['a.b/c', 'a.b/d'] }, deleting).join(),
    /no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"a.b\/d"\}/,
  );
  t.strictSame(problems(POD, { ...deleting, finalizers: [] }, deleting), []);
});
