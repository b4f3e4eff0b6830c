/** Whole numbers as Kubernetes writes them: with the largest suffix that leaves no fraction. */

const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** @param value a whole number, ≥ 0 */
export function binaryQuantity(value: number): string {
  return canonical(value, 1024, BINARY);
}

/** @param value a whole number, ≥ 0 */
export function decimalQuantity(value: number): string {
  return canonical(value, 1000, DECIMAL);
}

function canonical(value: number, step: number, suffixes: readonly string[]): string {
  let rest = value;
  let at = 0;
  while (rest !== 0 && rest % step === 0 && at < suffixes.length - 1) {
    rest /= step;
    at++;
  }
  return `${rest}${suffixes[at] ?? ''}`;
}
