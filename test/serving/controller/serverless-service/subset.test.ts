import fc from 'fast-check';
import t from 'tap';
import { chooseSubset } from '../../../../serving/controller/serverless-service/subset.ts';

const PLANETS = ['sun', 'moon', 'mars', 'mercury'];

t.test('it chooses as Knative does', (t) => {
  for (const [from, count, target, expected] of [
    [PLANETS, 4, 'a target!', [...PLANETS].sort()],
    [PLANETS, 2, 'a target!', ['mercury', 'moon']],
    [PLANETS, 2, 'something else entirely', ['mars', 'mercury']],
    [PLANETS, 3, 'something else entirely', ['mars', 'mercury', 'sun']],
    [['task1', 'task2', 'task3'], 1, 'my-key1', ['task3']],
    [['task1', 'task2', 'task3'], 1, 'something/another-key', ['task2']],
    [['task1', 'task2', 'task3', 'task4', 'task5'], 2, 'my-key1', ['task3', 'task4']],
  ] as const)
    t.strictSame([...chooseSubset(from, count, target)].sort(), expected, `${count} for ${target}`);
  t.end();
});

t.test('as many as wanted, whatever order they are given in', (t) => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 40 }), fc.string(), (all, count, target) => {
      const chosen = chooseSubset(all, count, target);
      const same = chooseSubset([...all].reverse(), count, target);
      return (
        chosen.size === Math.min(count, all.length) && [...chosen].every((name) => all.includes(name) && same.has(name))
      );
    }),
  );
  t.end();
});
