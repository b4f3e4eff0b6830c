/** Kubernetes resource quantities as numbers. Source: Kubernetes API reference, Quantity. */

const UNITS: Readonly<Record<string, number>> = {
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

/** @returns the amount in the resource's own unit (cores, bytes, pieces); 0 for what is no quantity */
export function quantity(text: string | number | undefined): number {
  if (typeof text === 'number') return text;
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text ?? '');
  if (match === null) return 0;
  return Number((match[1] ?? '0') + (match[2] ?? '')) * (UNITS[match[3] ?? ''] ?? 1);
}
