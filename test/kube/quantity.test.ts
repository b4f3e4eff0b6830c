// Amounts of processor and memory as manifests write them.
import fc from 'fast-check';
import t from 'tap';
import { parseQuantity } from '../../kube/quantity.ts';

t.test('suffixes, exponents, numbers, and what is no quantity', async (t) => {
  for (const [text, expected] of [
    ['100m', 0.1],
    ['1', 1],
    ['1.5', 1.5],
    ['2Gi', 2 ** 31],
    ['1e3', 1000],
    ['12E2', 1200],
    ['1k', 1000],
    ['5E', 5e18],
    [7, 7],
    ['', undefined],
    ['many', undefined],
    [undefined, undefined],
  ] as const)
    t.equal(parseQuantity(text), expected, String(text));
  fc.assert(fc.property(fc.nat(), (n) => parseQuantity(`${n}`) === n && parseQuantity(`${n}Ki`) === n * 1024));
});
