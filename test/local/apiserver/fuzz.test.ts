/** Whatever a client sends, it is told what is wrong with it: no request ends in an internal error. */
import fc from 'fast-check';
import t from 'tap';
import { createLogger } from '../../../kube/log.ts';
import type { Method } from '../../../kube/transport.ts';
import { builtinKinds } from '../../../local/apiserver/builtins.ts';
import { groupVersion } from '../../../local/apiserver/registry.ts';
import { startServer } from './support.ts';

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const TYPES = [
  undefined,
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const names = fc.constantFrom('a', 'b', 'kubernetes', 'default', 'cluster-admin', '..', 'A_', '%', '');
const subresource = fc.constantFrom(
  '',
  '',
  '',
  'status',
  'scale',
  'finalize',
  'binding',
  'eviction',
  'token',
  'log',
  'x',
);

const path = fc
  .tuple(fc.constantFrom(...builtinKinds), fc.boolean(), names, subresource)
  .map(([info, object, name, sub]) => {
    const root = info.group === '' ? '/api' : '/apis';
    const scope = info.namespaced ? '/namespaces/default' : '';
    const tail = object && name !== '' ? `/${name}${sub === '' ? '' : `/${sub}`}` : '';
    return { info, path: `${root}/${groupVersion(info)}${scope}/${info.plural}${tail}` };
  });

const junk = fc.jsonValue({ maxDepth: 3 });
const words = [
  'name',
  'spec',
  'selector',
  'template',
  'metadata',
  'containers',
  'ports',
  'rules',
  'data',
  'type',
  'versions',
  'names',
  'matchLabels',
  'status',
  'subjects',
  'roleRef',
  'group',
  'scope',
  'schema',
  'openAPIV3Schema',
  'target',
  'replicas',
  'clusterIP',
  'clusterIPs',
  'finalizers',
  'labels',
  'ownerReferences',
  'managedFields',
  'conditions',
  'webhooks',
  'subsets',
  'endpoints',
  'stringData',
  'op',
  'path',
  'value',
  'deleteOptions',
  'preconditions',
  'uid',
  'resourceVersion',
];
const leaf = fc.oneof(
  fc.constantFrom<unknown>('a', '', '1', 'Service', '/spec', 'add', 'remove', 0, 1, -1, 1.5, true, null),
  junk,
);

/** Objects whose members have names that mean something, and values that may not. */
function likely(depth: number): fc.Arbitrary<unknown> {
  if (depth === 0) return leaf;
  const inner = likely(depth - 1);
  return fc.oneof(
    { arbitrary: fc.dictionary(fc.constantFrom(...words), inner, { maxKeys: 5 }), weight: 4 },
    { arbitrary: fc.array(inner, { maxLength: 3 }), weight: 1 },
    { arbitrary: leaf, weight: 2 },
  );
}

t.test('no body and no path is answered with an internal error', async (t) => {
  const complaints: string[] = [];
  const log = createLogger('error', {}, (line) => complaints.push(line));
  const { server } = await startServer(t, { log });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...METHODS),
      path,
      likely(5),
      fc.constantFrom(...TYPES),
      fc.record(
        {
          fieldManager: fc.constantFrom('m', ''),
          force: fc.constant('true'),
          labelSelector: fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('a=b', 'a in (b', '!a', 'a>1')),
          fieldSelector: fc.constantFrom('metadata.name=a', 'x=y', '=', 'spec.nodeName!=a'),
          limit: fc.constantFrom('1', '0', '-1', 'x'),
          fieldValidation: fc.constantFrom('Strict', 'Warn', 'Ignore', 'x'),
          dryRun: fc.constantFrom('All', 'x'),
        },
        { requiredKeys: [] },
      ),
      async (method, target, body, contentType, query) => {
        const { info, path } = target;
        const typed =
          typeof body === 'object' && body !== null && !Array.isArray(body) && method !== 'PATCH'
            ? { ...body, kind: info.kind, apiVersion: groupVersion(info), metadata: { name: 'a' } }
            : body;
        const answer = await server.transport.request({ method, path, body: typed, contentType, query });
        if (answer.status >= 500 && answer.status !== 503 && answer.status !== 504)
          throw new Error(
            `${method} ${path} ${JSON.stringify(typed)}: ${JSON.stringify(answer.body)}\n${complaints.join('\n')}`,
          );
      },
    ),
    { numRuns: 2_000 },
  );
  t.strictSame(complaints, []);
});
