/** Kubernetes quantities (`100m`, `1.5Gi`, `2e3`). Source: Kubernetes API concepts, resource.Quantity. */

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** @returns the amount in base units, or undefined when the text is not a quantity */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^([-+]?(?:\d+\.?\d*|\.\d+))(?:([eE][-+]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/.exec(value);
  if (match === null) return undefined;
  const number = Number(match[1] ?? '');
  return match[2] === undefined ? number * (SUFFIXES[match[3] ?? ''] ?? 1) : Number(`${match[1] ?? ''}${match[2]}`);
}

/** What Kubernetes says of a text that is no quantity. */
export function quantityProblem(text: string): string {
  return /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEinumkKMGTP]*[-+]?[0-9]*)$/.test(text)
    ? "unable to parse quantity's suffix"
    : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
}

export function isQuantity(value: unknown): boolean {
  return parseQuantity(value) !== undefined;
}
