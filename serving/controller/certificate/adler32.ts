/** Adler-32 of a text, as a decimal number makes part of a Certificate's name. Source: RFC 1950. */
const MODULUS = 65_521;

export function adler32(text: string): number {
  let a = 1;
  let b = 0;
  for (const byte of Buffer.from(text)) {
    a = (a + byte) % MODULUS;
    b = (b + a) % MODULUS;
  }
  return ((b << 16) | a) >>> 0;
}
