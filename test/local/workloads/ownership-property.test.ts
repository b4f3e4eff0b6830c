import t from 'tap';
import fc from 'fast-check';
import { ConfigMap } from '../../../api/core.ts';
import { startWorld, until, type World } from './world.ts';

const POLICIES = ['Background', 'Foreground', 'Orphan'] as const;
type Policy = (typeof POLICIES)[number];

/** Owners of each object, all among those before it; and what is deleted how, in turn. */
interface Family {
  readonly owners: readonly (readonly number[])[];
  readonly deletions: readonly (readonly [object: number, policy: Policy])[];
}

const family: fc.Arbitrary<Family> = fc.integer({ min: 2, max: 9 }).chain((size) =>
  fc.record({
    owners: fc.tuple(
      ...Array.from({ length: size }, (_, i) =>
        i === 0 ? fc.constant([]) : fc.uniqueArray(fc.nat({ max: i - 1 }), { maxLength: 3 }),
      ),
    ),
    deletions: fc.array(fc.tuple(fc.nat({ max: size - 1 }), fc.constantFrom(...POLICIES)), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
);

/** What Kubernetes promises is left: objects without owners, or with one that is. */
function survivors(owners: Map<number, Set<number>>, deleted: number, policy: Policy): Map<number, Set<number>> {
  const left = new Map([...owners].map(([object, of]) => [object, new Set(of)]));
  const gone = [deleted];
  for (let object = gone.pop(); object !== undefined; object = gone.pop()) {
    left.delete(object);
    for (const [dependent, of] of left) {
      if (!of.delete(object) || of.size > 0) continue;
      if (!(policy === 'Orphan' && object === deleted)) gone.push(dependent);
    }
  }
  return left;
}

async function play(world: World, run: number, { owners, deletions }: Family): Promise<void> {
  const uids: string[] = [];
  const name = (i: number): string => `r${run}-${i}`;
  for (const [i, of] of owners.entries()) {
    const made = await world.client.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: name(i),
        namespace: 'default',
        ownerReferences: of.map((j) => ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name: name(j),
          uid: uids[j] ?? '',
          blockOwnerDeletion: j % 2 === 0,
        })),
      },
    });
    uids.push(made.metadata.uid ?? '');
  }
  let expected = new Map(owners.map((of, i) => [i, new Set(of)]));
  for (const [object, propagationPolicy] of deletions) {
    if (!expected.has(object)) continue;
    expected = survivors(expected, object, propagationPolicy);
    await world.client.delete(ConfigMap, 'default', name(object), { propagationPolicy });
    const wanted = [...expected].map(([i, of]) => `${name(i)} of ${[...of].sort().map(name).join()}`).sort();
    await until(world, ConfigMap, (all) => {
      const found = all
        .filter(({ metadata }) => metadata.name.startsWith(`r${run}-`))
        .map(
          ({ metadata }) =>
            `${metadata.name} of ${(metadata.ownerReferences ?? [])
              .map((owner) => owner.name)
              .sort()
              .join()}`,
        );
      return found.sort().join(';') === wanted.join(';');
    });
  }
}

void t.test('whatever the family and the order, exactly what has an owner left stays', async (t) => {
  const world = await startWorld(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(family, (one) => play(world, run++, one)),
    { numRuns: 40, endOnFailure: true },
  );
  t.same(world.log, []);
});
