/** Quantities such as `500m`, `1Gi`, `2e3`, in the canonical form Kubernetes stores. Source: "Quantity" in its API docs. */

const FORM = /^([+-]?)(\d+)?(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3})?$/;
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** Powers of ten by their suffix. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const SUFFIXES = new Map(Object.entries(DECIMAL).map(([suffix, power]) => [power, suffix]));
const NANO = 10n ** 9n;

type Notation = 'decimal' | 'binary' | 'exponent';

interface Parsed {
  /** The value in billionths, rounded up to whole ones. */
  readonly nanos: bigint;
  readonly notation: Notation;
}

function parse(text: string): Parsed | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  let numerator = BigInt(whole + fraction);
  let denominator = 10n ** BigInt(fraction.length);
  let notation: Notation = 'decimal';
  const binary = suffix === '' ? -1 : BINARY.indexOf(suffix);
  if (binary > 0) {
    notation = 'binary';
    numerator *= 1024n ** BigInt(binary);
  } else {
    let power = DECIMAL[suffix];
    if (power === undefined) {
      notation = 'exponent';
      power = Number(suffix.slice(1));
    }
    if (power >= 0) numerator *= 10n ** BigInt(power);
    else denominator *= 10n ** BigInt(-power);
  }
  const scaled = numerator * NANO;
  const nanos = scaled / denominator + (scaled % denominator === 0n ? 0n : 1n);
  return { nanos: sign === '-' ? -nanos : nanos, notation };
}

/** @returns undefined when the text is not a quantity */
export function canonicalQuantity(text: string): string | undefined {
  const parsed = parse(text);
  if (parsed === undefined) return undefined;
  const { nanos, notation } = parsed;
  if (nanos === 0n) return '0';
  if (notation === 'binary' && nanos % NANO === 0n) {
    let value = nanos / NANO;
    if (value >= 1024n || value <= -1024n) {
      let unit = 0;
      while (unit < BINARY.length - 1 && value % 1024n === 0n) {
        value /= 1024n;
        unit++;
      }
      return `${value}${BINARY[unit]}`;
    }
  }
  let value = nanos;
  let power = -9;
  while (power < 18 && value % 1000n === 0n) {
    value /= 1000n;
    power += 3;
  }
  if (notation === 'exponent') return power === 0 ? `${value}` : `${value}e${power}`;
  return `${value}${SUFFIXES.get(power) ?? ''}`;
}

/** The value as a number (bytes, cores); undefined when the text is not a quantity. */
export function quantityValue(text: string): number | undefined {
  const parsed = parse(text);
  return parsed === undefined ? undefined : Number(parsed.nanos) / 1e9;
}

/** Negative when `a` is less than `b`, 0 when equal; undefined when one is not a quantity. */
export function compareQuantities(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)];
  if (left === undefined || right === undefined) return undefined;
  return left.nanos < right.nanos ? -1 : left.nanos > right.nanos ? 1 : 0;
}
