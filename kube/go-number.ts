/** Numbers in text as Go reads and prints them. Source: Go strconv and fmt (behaviour). */

/** Digits with single underscores between them, as Go's literals have. */
const DECIMAL = /^[-+]?(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][-+]?[0-9]+)?$/;
const HEXADECIMAL = /^([-+]?)0[xX]_?([0-9a-fA-F_]*)(?:\.([0-9a-fA-F_]*))?[pP]([-+]?[0-9]+)$/;

/** @returns undefined for what is no finite number: text, NaN, infinity, and what is too large for one */
export function parseFloat64(text: string): number | undefined {
  const hex = HEXADECIMAL.exec(text);
  if (hex !== null) return parseHexadecimal(hex);
  if (!DECIMAL.test(text)) return undefined;
  const number = Number(text.replaceAll('_', ''));
  return Number.isFinite(number) ? number : undefined;
}

function parseHexadecimal([, sign, whole = '', fraction = '', exponent]: RegExpExecArray): number | undefined {
  const [high, low] = [whole.replaceAll('_', ''), fraction.replaceAll('_', '')];
  if (high === '' && low === '') return undefined;
  let mantissa = 0;
  for (const digit of high + low) mantissa = mantissa * 16 + Number.parseInt(digit, 16);
  const number = mantissa * 2 ** (Number(exponent) - 4 * low.length);
  return Number.isFinite(number) ? (sign === '-' ? -number : number) : undefined;
}

/** A whole number in decimal digits, not an underscore among them. @returns undefined for anything else */
export function parseInteger(text: string): number | undefined {
  return /^[-+]?[0-9]+$/.test(text) ? Number(text) : undefined;
}

/** @returns undefined for what Go takes for neither */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined;
}

/** As `%v` prints a float64: the shortest digits, with an exponent of two digits below 1e-4 and from 1e6 on. */
export function formatFloat64(number: number): string {
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return number.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
  return Object.is(number, -0) ? '-0' : String(number);
}
