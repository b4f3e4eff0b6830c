/** Functions that Kubernetes adds to CEL. Source: "CEL in Kubernetes", its list, regex, URL, quantity, IP and set libraries. */
import type { Environment } from '@marcbachmann/cel-js';
import { isIP, isIPv4 } from 'node:net';
import { deepEqual } from '../../../kube/equal.ts';
import { canonicalQuantity, compareQuantities, quantityValue } from '../builtin/quantity.ts';
import { compilePattern } from './pattern.ts';

class Quantity {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

class Url {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

class Ip {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What the name `sets` stands for. */
class Sets {}

type Comparable = bigint | number | string;

export function addKubernetesLibrary(environment: Environment): void {
  addLists(environment);
  addStrings(environment);
  addQuantities(environment);
  addAddresses(environment);
  environment.registerType('kubernetes.Sets', { ctor: Sets, fields: {} });
  environment.registerConstant('sets', 'kubernetes.Sets', new Sets());
  const has = (list: readonly unknown[], item: unknown): boolean => list.some((other) => same(other, item));
  const contains = (list: readonly unknown[], part: readonly unknown[]): boolean =>
    part.every((item) => has(list, item));
  environment
    .registerFunction('kubernetes.Sets.contains(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) =>
      contains(a, b),
    )
    .registerFunction(
      'kubernetes.Sets.equivalent(list, list): bool',
      (_: Sets, a: unknown[], b: unknown[]) => contains(a, b) && contains(b, a),
    )
    .registerFunction('kubernetes.Sets.intersects(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) =>
      a.some((item) => has(b, item)),
    );
}

function addLists(environment: Environment): void {
  environment
    .registerFunction('list.isSorted(): bool', (list: Comparable[]) =>
      list.every((item, index) => index === 0 || (list[index - 1] ?? item) <= item),
    )
    .registerFunction('list.sum(): dyn', (list: (bigint | number)[]) =>
      list.every((item) => typeof item === 'bigint')
        ? list.reduce((sum: bigint, item) => sum + BigInt(item), 0n)
        : list.reduce((sum: number, item) => sum + Number(item), 0),
    )
    .registerFunction('list.min(): dyn', (list: Comparable[]) => extreme(list, (a, b) => a < b))
    .registerFunction('list.max(): dyn', (list: Comparable[]) => extreme(list, (a, b) => a > b))
    .registerFunction('list.indexOf(dyn): int', (list: unknown[], wanted: unknown) =>
      BigInt(list.findIndex((item) => same(item, wanted))),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], wanted: unknown) =>
      BigInt(list.findLastIndex((item) => same(item, wanted))),
    );
}

function extreme(list: readonly Comparable[], better: (a: Comparable, b: Comparable) => boolean): Comparable {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error('min and max need a list with items');
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

function addStrings(environment: Environment): void {
  environment
    .registerFunction('string.charAt(int): string', (text: string, at: bigint) => text.charAt(Number(at)))
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint) => {
        let result = text;
        let at = 0;
        for (let count = 0n; count < limit || limit < 0n; count++) {
          const found = result.indexOf(from, at);
          if (found < 0) break;
          result = result.slice(0, found) + to + result.slice(found + from.length);
          at = found + to.length;
        }
        return result;
      },
    )
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''))
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => compilePattern(pattern).exec(text)?.[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      findAll(text, pattern, -1),
    )
    .registerFunction('string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) =>
      findAll(text, pattern, Number(limit)),
    );
}

function findAll(text: string, pattern: string, limit: number): string[] {
  const { source, flags } = compilePattern(pattern);
  const found = [...text.matchAll(new RegExp(source, `${flags}g`))].map((match) => match[0]);
  return limit < 0 ? found : found.slice(0, limit);
}

function addQuantities(environment: Environment): void {
  const type = 'kubernetes.Quantity';
  const compare = (a: Quantity, b: Quantity): number => compareQuantities(a.text, b.text) ?? 0;
  environment
    .registerType(type, { ctor: Quantity, fields: {} })
    .registerFunction('isQuantity(string): bool', (text: string) => canonicalQuantity(text) !== undefined)
    .registerFunction(`quantity(string): ${type}`, (text: string) => {
      if (canonicalQuantity(text) === undefined) throw new Error(`${JSON.stringify(text)} is not a quantity`);
      return new Quantity(text);
    })
    .registerFunction(`${type}.isGreaterThan(${type}): bool`, (a: Quantity, b: Quantity) => compare(a, b) > 0)
    .registerFunction(`${type}.isLessThan(${type}): bool`, (a: Quantity, b: Quantity) => compare(a, b) < 0)
    .registerFunction(`${type}.compareTo(${type}): int`, (a: Quantity, b: Quantity) => BigInt(compare(a, b)))
    .registerFunction(`${type}.sign(): int`, (a: Quantity) => BigInt(Math.sign(quantityValue(a.text) ?? 0)))
    .registerFunction(`${type}.isInteger(): bool`, (a: Quantity) => Number.isInteger(quantityValue(a.text)))
    .registerFunction(`${type}.asInteger(): int`, (a: Quantity) => BigInt(quantityValue(a.text) ?? 0))
    .registerFunction(`${type}.asApproximateFloat(): double`, (a: Quantity) => quantityValue(a.text) ?? 0);
}

function addAddresses(environment: Environment): void {
  const url = 'kubernetes.URL';
  environment
    .registerType(url, { ctor: Url, fields: {} })
    .registerFunction('isURL(string): bool', (text: string) => parseUrl(text) !== undefined)
    .registerFunction(`url(string): ${url}`, (text: string) => {
      const parsed = parseUrl(text);
      if (parsed === undefined) throw new Error(`${JSON.stringify(text)} is not a URL`);
      return new Url(parsed);
    })
    .registerFunction(`${url}.getScheme(): string`, ({ url: { protocol } }: Url) => protocol.slice(0, -1))
    .registerFunction(`${url}.getHost(): string`, ({ url: { host } }: Url) => host)
    .registerFunction(`${url}.getHostname(): string`, ({ url: { hostname } }: Url) => hostname.replace(/^\[|\]$/g, ''))
    .registerFunction(`${url}.getPort(): string`, ({ url: { port } }: Url) => port)
    .registerFunction(`${url}.getEscapedPath(): string`, ({ url: { pathname } }: Url) => pathname);
  const ip = 'kubernetes.IP';
  environment
    .registerType(ip, { ctor: Ip, fields: {} })
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
    .registerFunction(`ip(string): ${ip}`, (text: string) => {
      if (isIP(text) === 0) throw new Error(`${JSON.stringify(text)} is not an IP address`);
      return new Ip(text);
    })
    .registerFunction(`${ip}.family(): int`, (address: Ip) => BigInt(isIP(address.text)))
    .registerFunction(`${ip}.isLoopback(): bool`, ({ text }: Ip) =>
      isIPv4(text) ? text.startsWith('127.') : text === '::1',
    )
    .registerFunction(`${ip}.isUnspecified(): bool`, ({ text }: Ip) => text === '0.0.0.0' || text === '::')
    .registerFunction('isCIDR(string): bool', (text: string) => {
      const [address = '', bits = ''] = text.split('/');
      const family = isIP(address);
      return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
    });
}

/** Absolute, or a path of its own, as Go's url.ParseRequestURI has it. */
function parseUrl(text: string): URL | undefined {
  if (/\s/.test(text)) return undefined;
  const absolute = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text);
  if (!absolute && !text.startsWith('/')) return undefined;
  try {
    return new URL(text, absolute ? undefined : 'http://localhost');
  } catch {
    return undefined;
  }
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'bigint' && typeof b === 'number') return Number(a) === b;
  if (typeof a === 'number' && typeof b === 'bigint') return a === Number(b);
  return deepEqual(a, b);
}
