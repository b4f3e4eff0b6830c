import t from 'tap';
import fc from 'fast-check';
import { canonicalQuantity, compareQuantities, quantityValue } from '../../../../local/apiserver/builtin/quantity.ts';

const CASES: [given: string, canonical: string | undefined, value: number | undefined][] = [
  ['1', '1', 1],
  ['1000m', '1', 1],
  ['1500m', '1500m', 1.5],
  ['0.5', '500m', 0.5],
  ['.5', '500m', 0.5],
  ['1.', '1', 1],
  ['1000', '1k', 1000],
  ['1024Mi', '1Gi', 1024 ** 3],
  ['1.5Gi', '1536Mi', 1.5 * 1024 ** 3],
  ['1Ki', '1Ki', 1024],
  ['0.5Ki', '512', 512],
  ['128974848', '128974848', 128_974_848],
  ['129e6', '129e6', 129e6],
  ['1e3', '1e3', 1000],
  ['12E', '12E', 12e18],
  ['100n', '100n', 1e-7],
  ['1n', '1n', 1e-9],
  ['0', '0', 0],
  ['0Gi', '0', 0],
  ['-1', '-1', -1],
  ['+1', '1', 1],
  ['', undefined, undefined],
  ['.', undefined, undefined],
  ['1 Gi', undefined, undefined],
  ['1Gib', undefined, undefined],
  ['x', undefined, undefined],
];

t.test('quantities take the form Kubernetes stores', async (t) => {
  for (const [given, canonical, value] of CASES) {
    t.equal(canonicalQuantity(given), canonical, given);
    t.equal(quantityValue(given), value, given);
  }
});

t.test('a canonical quantity is its own canonical form, and worth the same', async () => {
  const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'E-2');
  const quantity = fc
    .tuple(fc.integer({ min: -5000, max: 5000 }), fc.integer({ min: 0, max: 999 }), suffix)
    .map(([whole, fraction, unit]) => `${whole}.${fraction}${unit}`);
  fc.assert(
    fc.property(quantity, (text) => {
      const canonical = canonicalQuantity(text);
      if (canonical === undefined) return false;
      return canonicalQuantity(canonical) === canonical && compareQuantities(canonical, text) === 0;
    }),
  );
});
