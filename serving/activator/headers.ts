/**
 * Header lists as they stand on the wire: name, value, name, value… with duplicates and spelling kept.
 * Hop-by-hop rules: RFC 9110 section 7.6.1; Forwarded: RFC 7239.
 */

export type HeaderList = readonly string[];

/** The first value of a header. @param name lower case */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i]!;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}

/** All values of a list-valued header, joined as one. */
export function joinedHeader(headers: HeaderList, name: string): string | undefined {
  let joined: string | undefined;
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i]!.toLowerCase() === name)
      joined = joined === undefined ? headers[i + 1]! : `${joined}, ${headers[i + 1]!}`;
  return joined;
}

export function countOf(headers: HeaderList, name: string): number {
  let count = 0;
  for (let i = 0; i < headers.length; i += 2) if (headers[i]!.toLowerCase() === name) count++;
  return count;
}

/** Removes every header whose lower-case name is in the set. */
export function without(headers: HeaderList, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2)
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  return kept;
}

/** Sets headers to one value each, replacing what was there. */
export function withSet(headers: HeaderList, pairs: HeaderList): string[] {
  if (pairs.length === 0) return [...headers];
  const names = new Set<string>();
  for (let i = 0; i < pairs.length; i += 2) names.add(pairs[i]!.toLowerCase());
  return [...without(headers, names), ...pairs];
}

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
] as const;

const HOP_BY_HOP_SET: ReadonlySet<string> = new Set(HOP_BY_HOP);

/** Drops what concerns one connection only: the fixed set and whatever `Connection` names. */
export function endToEnd(headers: HeaderList): string[] {
  const connection = joinedHeader(headers, 'connection');
  if (connection === undefined) return without(headers, HOP_BY_HOP_SET);
  const named = connection.split(',').map((token) => token.trim().toLowerCase());
  // Content-Length and Host decide where a message ends and goes: a client cannot have them taken away.
  const safe = named.filter((token) => token !== 'content-length' && token !== 'host' && token !== 'transfer-encoding');
  return without(headers, new Set([...HOP_BY_HOP, ...safe]));
}

/** Headers of Knative's inner hops; a pod sees none of these but what the gateway sets itself. */
const INNER: ReadonlySet<string> = new Set([
  'knative-serving-revision',
  'knative-serving-namespace',
  'k-original-host',
  'k-proxy-request',
  'k-passthrough-lb',
  'k-network-hash',
  'k-network-probe',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'host',
]);

/** Of headers that rules set, those that steer Knative's own hops end here. */
const STEERING: ReadonlySet<string> = new Set([
  'knative-serving-revision',
  'knative-serving-namespace',
  'k-original-host',
]);

export function forPod(headers: HeaderList): string[] {
  return without(headers, STEERING);
}

export interface Via {
  /** Address of the client as the socket has it. */
  readonly peer: string;
  /** Host as the client sent it. */
  readonly authority: string;
  readonly scheme: string;
}

/** The request's headers as the pod gets them, without Host. */
export function forwardedHeaders(headers: HeaderList, via: Via): string[] {
  const forwardedFor = joinedHeader(headers, 'x-forwarded-for');
  const chain = forwardedFor === undefined ? via.peer : `${forwardedFor}, ${via.peer}`;
  const host = headerOf(headers, 'x-forwarded-host') ?? via.authority;
  const proto = headerOf(headers, 'x-forwarded-proto') ?? via.scheme;
  const result = without(endToEnd(headers), INNER);
  result.push('X-Forwarded-For', chain, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', proto);
  result.push('K-Proxy-Request', 'activator');
  if (headerOf(headers, 'forwarded') === undefined) result.push('Forwarded', forwardedElement(chain, host, proto));
  return result;
}

/** RFC 7239 elements for a chain of X-Forwarded-For addresses; host and proto belong to the first. */
export function forwardedElement(chain: string, host: string, proto: string): string {
  return chain
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '')
    .map((address, i) => {
      const node = `for=${token(address.includes(':') && !address.startsWith('[') ? `[${address}]` : address)}`;
      return i === 0 ? `${node};host=${token(host)};proto=${token(proto)}` : node;
    })
    .join(', ');
}

/** A bare token where the grammar allows one, else a quoted string. */
function token(value: string): string {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
