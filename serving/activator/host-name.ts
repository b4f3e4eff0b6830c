/** Host names as they arrive in requests, and the cluster's own names among them. */

/**
 * The name a Host header or authority means: lower case, without port and trailing dot.
 * @returns undefined when it is not a host name or address at all
 */
export function normalizeHost(authority: string): string | undefined {
  let host = authority;
  if (host.startsWith('[')) {
    const end = host.indexOf(']');
    if (end < 0 || !/^(:\d{1,5})?$/.test(host.slice(end + 1))) return undefined;
    host = host.slice(0, end + 1);
    return /^\[[0-9a-f:.]+\]$/i.test(host) ? host.toLowerCase() : undefined;
  }
  const colon = host.indexOf(':');
  if (colon >= 0) {
    if (!/^\d{0,5}$/.test(host.slice(colon + 1))) return undefined;
    host = host.slice(0, colon);
  }
  if (host.endsWith('.')) host = host.slice(0, -1);
  return /^[a-z0-9_]([a-z0-9._-]{0,253})$/i.test(host) ? host.toLowerCase() : undefined;
}

/** The port written in a Host header, if any. */
export function portOf(authority: string): number | undefined {
  const match = /:(\d{1,5})$/.exec(authority);
  return match === null ? undefined : Number(match[1]);
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** `NAME.NS.svc.DOMAIN`, `NAME.NS.svc` or `NAME.NS` of a Kubernetes Service. */
export function parseServiceName(host: string, clusterDomain: string): ServiceName | undefined {
  const suffix = `.svc.${clusterDomain}`;
  let rest = host;
  if (rest.endsWith(suffix)) rest = rest.slice(0, -suffix.length);
  else if (rest.endsWith('.svc')) rest = rest.slice(0, -'.svc'.length);
  const labels = rest.split('.');
  const [name, namespace] = labels;
  if (labels.length !== 2 || name === undefined || name === '' || namespace === undefined || namespace === '')
    return undefined;
  return { namespace, name };
}

/** Is this address one that only this machine can reach? */
export function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || address.startsWith('127.');
}
