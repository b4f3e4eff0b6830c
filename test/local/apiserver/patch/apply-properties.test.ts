import t from 'tap';
import fc from 'fast-check';
import type { KubeObject } from '../../../../api/object.ts';
import { deepEqual } from '../../../../kube/equal.ts';
import {
  difference,
  intersection,
  memberPaths,
  union,
  type MaybeSet,
} from '../../../../local/apiserver/patch/field-set.ts';
import { fieldsOf } from '../../../../local/apiserver/patch/field-walk.ts';
import { serverSideApply } from '../../../../local/apiserver/patch/managed-fields.ts';
import { strategicMergePatch } from '../../../../local/apiserver/patch/strategic-patch.ts';
import { builtinShape } from '../../../../local/apiserver/builtin/shapes.ts';
import { frozen } from '../schema/frozen.ts';

const SHAPE = builtinShape('', 'v1', 'Pod');

interface Loose extends KubeObject {
  spec: Record<string, unknown>;
}

const word = fc.constantFrom('a', 'b', 'c');
const container = (name: string) =>
  fc.record(
    {
      name: fc.constant(name),
      image: word,
      command: fc.array(word, { maxLength: 2 }),
      env: fc.uniqueArray(fc.record({ name: word, value: word }), {
        selector: (item) => item.name,
        maxLength: 3,
        minLength: 1,
      }),
      ports: fc.uniqueArray(fc.record({ containerPort: fc.integer({ min: 1, max: 3 }) }), {
        selector: (item) => item.containerPort,
        minLength: 1,
        maxLength: 3,
      }),
    },
    { requiredKeys: ['name'] },
  );
const spec = fc.record(
  {
    containers: fc
      .uniqueArray(word, { minLength: 1, maxLength: 3 })
      .chain((names) => fc.tuple(...names.map(container)).map((list) => [...list])),
    hostname: word,
    nodeSelector: fc.dictionary(word, word, { minKeys: 1 }),
    tolerations: fc.array(fc.record({ key: word }), { minLength: 1, maxLength: 2 }),
    hostNetwork: fc.boolean(),
  },
  { requiredKeys: [] },
);
const pod = fc
  .tuple(spec, fc.option(fc.dictionary(word, word, { minKeys: 1 }), { nil: undefined }))
  .map(([body, labels]): Loose =>
    frozen({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default', ...(labels === undefined ? {} : { labels }) },
      spec: body,
    }),
  );
const options = (manager: string) => ({ manager, force: true, time: '2026-01-01T00:00:00Z', apiVersion: 'v1' });

t.test('apply is idempotent, and leaves exactly what was applied when nobody else did', async () => {
  fc.assert(
    fc.property(pod, pod, (first, second) => {
      const created = frozen(serverSideApply(undefined, first, options('m'), SHAPE));
      const changed = frozen(serverSideApply(created, second, options('m'), SHAPE));
      const { managedFields: _managed, ...metadata } = changed.metadata;
      const clean = { ...changed, metadata };
      return (
        deepEqual(withoutEmpty(clean), withoutEmpty(second)) &&
        serverSideApply(changed, second, options('m'), SHAPE) === changed
      );
    }),
  );
});

t.test('an apply never loses a field that another manager owns and this one does not touch', async () => {
  fc.assert(
    fc.property(pod, pod, pod, (mine, theirs, mineLater) => {
      let live = frozen(serverSideApply(undefined, mine, options('mine'), SHAPE));
      live = frozen(serverSideApply(live, theirs, options('theirs'), SHAPE));
      live = frozen(serverSideApply(live, mineLater, options('mine'), SHAPE));
      const entry = live.metadata.managedFields?.find((one) => one.manager === 'theirs');
      const owned = entry?.fieldsV1 as MaybeSet;
      // All that theirs still owns is there, with its value; what it lost was taken by mine.
      const wanted = fieldsOf(theirs, SHAPE);
      const lost = difference(wanted, owned);
      const present = fieldsOf(live, SHAPE);
      const missing = memberPaths(difference(owned, present)).filter((path) => !path.startsWith('.metadata.'));
      const mineNow = fieldsOf(mineLater, SHAPE);
      const unexplained = memberPaths(difference(lost, union(mineNow, ALWAYS)));
      return missing.length === 0 && unexplained.length === 0;
    }),
  );
});

/** What no manager ever owns. */
const ALWAYS: MaybeSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': { '.': {}, 'f:name': {}, 'f:namespace': {} },
};

t.test('a strategic patch made of a whole object turns an empty one into it', async () => {
  fc.assert(fc.property(pod, (object) => deepEqual(strategicMergePatch({} as Loose, object, SHAPE), object)));
});

t.test('a strategic patch of an object onto itself changes nothing', async () => {
  fc.assert(fc.property(pod, (object) => deepEqual(strategicMergePatch(object, object, SHAPE), object)));
});

t.test('sets of fields obey the laws of sets', async () => {
  const set = pod.map((object) => fieldsOf(object, SHAPE));
  const same = (a: MaybeSet, b: MaybeSet) => deepEqual(memberPaths(a), memberPaths(b));
  fc.assert(
    fc.property(set, set, set, (a, b, c) => {
      return (
        same(union(a, b), union(b, a)) &&
        same(intersection(a, b), intersection(b, a)) &&
        same(union(difference(a, b), intersection(a, b)), a) &&
        same(difference(a, union(b, c)), difference(difference(a, b), c))
      );
    }),
  );
});

/** Empty lists and maps are as good as absent for a comparison. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, withoutEmpty(item)] as const)
      .filter(([, item]) => !(typeof item === 'object' && item !== null && Object.keys(item).length === 0)),
  );
}
