/** The functions of Go templates that work on texts, numbers, lists and maps. Source: Go text/template. */
import { HttpHeader } from './http-header.ts';

type Function = (...args: unknown[]) => unknown;

const HTML: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&#39;', '"': '&#34;' };

export const FUNCTIONS: Readonly<Record<string, Function>> = {
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (arg) => !isTrue(arg),
  eq: (first, ...others) => {
    if (others.length === 0) throw new Error('error calling eq: missing argument for comparison');
    return others.some((other) => same(first, other));
  },
  ne: (a, b) => !same(a, b),
  lt: (a, b) => order(a, b) < 0,
  le: (a, b) => order(a, b) <= 0,
  gt: (a, b) => order(a, b) > 0,
  ge: (a, b) => order(a, b) >= 0,
  index: (from, ...keys) => keys.reduce(entry, from) ?? '',
  len: (of) => {
    if (typeof of === 'string') return Buffer.byteLength(of);
    if (typeof of === 'object' && of !== null) return Object.keys(of).length;
    throw new Error(`error calling len: len of type ${typeof of}`);
  },
  slice: (of, from = 0, to) => text(of).slice(whole(from), to === undefined ? undefined : whole(to)),
  // Blanks stand only between what are no texts.
  print: (...args) =>
    args
      .map((arg, i) =>
        i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string' ? ` ${text(arg)}` : text(arg),
      )
      .join(''),
  println: (...args) => `${args.map(text).join(' ')}\n`,
  printf: (format, ...args) => formatted(text(format), args),
  js: (arg) => escapedForScript(text(arg)),
  html: (arg) => text(arg).replace(/[<>&'"]/g, (sign) => HTML[sign] ?? sign),
  urlquery: (arg) =>
    encodeURIComponent(text(arg))
      .replaceAll('%20', '+')
      .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
};

/** Quotes, backslashes, angle brackets, `&`, `=` and controls. */
function escapedForScript(value: string): string {
  return value.replace(/[\\'"<>&=\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (sign) => {
    if (sign === '\\' || sign === "'" || sign === '"') return `\\${sign}`;
    return `\\u${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

function isTrue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== '' && value !== 0;
}

/** A missing entry of a map of texts is an empty text. */
function same(a: unknown, b: unknown): boolean {
  return (a ?? '') === (b ?? '');
}

function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [text(a), text(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function entry(from: unknown, key: unknown): unknown {
  if (from instanceof HttpHeader) return from.all(text(key));
  if (from === undefined || from === null) return undefined;
  if (typeof from !== 'object') throw new Error(`error calling index: can't index item of type ${typeof from}`);
  const name = text(key);
  return Object.hasOwn(from, name) ? (from as Record<string, unknown>)[name] : undefined;
}

function whole(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new Error(`error calling slice: index out of range: ${text(value)}`);
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
}

function formatted(format: string, args: readonly unknown[]): string {
  let next = 0;
  return format.replace(/%[-+ 0]*\d*(?:\.\d+)?([a-zA-Z%])/g, (verb, kind: string) => {
    if (kind === '%') return '%';
    if (next >= args.length) return `%!${kind}(MISSING)`;
    const value = text(args[next++]);
    const width = Number(/\d+/.exec(verb)?.[0] ?? 0);
    const shown = kind === 'q' ? JSON.stringify(value) : value;
    // A format is written by whoever runs the cluster, and still may not ask for gigabytes.
    const padded = Math.min(width, 253);
    return verb.includes('-') ? shown.padEnd(padded) : shown.padStart(padded, /^%0/.test(verb) ? '0' : ' ');
  });
}
