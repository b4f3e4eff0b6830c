import fc from 'fast-check';
import t from 'tap';
import { SplitDeck } from '../../../serving/activator/split.ts';

function tally(deck: SplitDeck, draws: number, targets: number): number[] {
  const counts = Array<number>(targets).fill(0);
  for (let i = 0; i < draws; i++) counts[deck.draw()]!++;
  return counts;
}

void t.test('1,000 requests at 90/10 are 900 and 100', async (t) => {
  t.same(tally(new SplitDeck([90, 10]), 1000, 2), [900, 100]);
});

void t.test('weights of every sort', async (t) => {
  const table: [number[], number, number[]][] = [
    [[100], 10, [10]],
    [[0], 10, [10]],
    [[0, 0], 10, [10, 0]],
    [[0, 100], 10, [0, 10]],
    [[33, 33, 34], 100, [33, 33, 34]],
    [[50, 50], 2, [1, 1]],
    [[99, 1], 100, [99, 1]],
  ];
  for (const [weights, draws, expected] of table)
    t.same(tally(new SplitDeck(weights), draws, weights.length), expected, JSON.stringify(weights));
});

void t.test('a client with a rhythm does not always meet the same target', async (t) => {
  const deck = new SplitDeck([50, 50]);
  const even: number[] = [];
  for (let i = 0; i < 400; i++) {
    const target = deck.draw();
    if (i % 2 === 0) even.push(target);
  }
  const first = even.filter((target) => target === 0).length;
  t.ok(first > 50 && first < 150, `every other request: ${first} of 200`);
});

void t.test('after each full deck the shares are exact, and no window strays further than a deck', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 6 }).filter((w) => w.some((n) => n > 0)),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      fc.integer({ min: 1, max: 1500 }),
      (weights, random, draws) => {
        const deck = new SplitDeck(weights, () => random.next().value ?? 0);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const counts = tally(deck, draws, weights.length);
        return counts.every((count, target) => {
          const share = (weights[target]! / total) * draws;
          return Math.abs(count - share) <= deck.size && (weights[target] !== 0 || count === 0);
        });
      },
    ),
  );
});
