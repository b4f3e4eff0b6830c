/**
 * Host → path → weighted targets, from Ingress objects. Each Ingress is compiled by itself, so a change costs as much
 * as that Ingress has rules, however many others there are.
 * Source: networking.internal.knative.dev/v1alpha1 Ingress (reference section 1.2, 2.5).
 */
import type { Ingress, IngressPath } from '../../api/networking/ingress.ts';
import { normalizeHost } from './host-name.ts';
import { SplitDeck } from './split.ts';

/** Which rules a listener serves. */
export type Scope = 'external' | 'cluster' | 'all';

export interface Target {
  readonly namespace: string;
  readonly service: string;
  readonly port: number | string;
  /** Headers to set on the request: name, value, name, value… */
  readonly headers: readonly string[];
}

export interface PathRule {
  readonly prefix: string;
  /** Lower-case name and exact value; all must match. */
  readonly match: readonly (readonly [name: string, value: string])[];
  readonly rewriteHost: string | undefined;
  readonly headers: readonly string[];
  readonly targets: readonly Target[];
  readonly deck: SplitDeck;
}

/** What becomes of plain HTTP to a public host that has a certificate. */
export type PlainHttp = 'served' | 'redirected' | 'refused';

export type Lookup =
  | { readonly found: 'rule'; readonly rule: PathRule; readonly plainHttp: PlainHttp }
  /** The host is known, but not with this path and these headers. */
  | { readonly found: 'host' }
  | { readonly found: 'nothing' };

type Audience = 'external' | 'cluster';

/** What one Ingress says about one host. */
interface Claim {
  readonly owner: string;
  /** Creation time: the oldest claim to a host wins. */
  readonly since: string;
  readonly plainHttp: PlainHttp;
  readonly paths: readonly PathRule[];
}

interface Compiled {
  readonly generation: number;
  readonly hosts: readonly (readonly [Audience, string])[];
  readonly byIdentity: ReadonlyMap<string, PathRule>;
}

export class RoutingTable {
  readonly #claims: Record<Audience, Map<string, readonly Claim[]>> = { external: new Map(), cluster: new Map() };
  readonly #ingresses = new Map<string, Compiled>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Ingresses held. */
  get size(): number {
    return this.#ingresses.size;
  }

  /** The generation of an Ingress that is being served; undefined when it is not in the table. */
  generationOf(key: string): number | undefined {
    return this.#ingresses.get(key)?.generation;
  }

  /** Takes in an Ingress or its new version. A split that did not change keeps its place in the deck. */
  set(key: string, ingress: Ingress): void {
    const before = this.#ingresses.get(key);
    const byIdentity = new Map<string, PathRule>();
    const perHost = new Map<string, { audience: Audience; host: string; paths: PathRule[] }>();
    for (const rule of ingress.spec.rules) {
      const audience: Audience = rule.visibility === 'ClusterLocal' ? 'cluster' : 'external';
      const paths = rule.http.paths.map((path) => {
        const identity = JSON.stringify([audience, rule.hosts, path]);
        const compiled = before?.byIdentity.get(identity) ?? compilePath(path, this.#random);
        byIdentity.set(identity, compiled);
        return compiled;
      });
      for (const name of rule.hosts) {
        const host = normalizeHost(name);
        if (host === undefined) continue;
        const at = `${audience}/${host}`;
        const entry = perHost.get(at) ?? { audience, host, paths: [] };
        entry.paths.push(...paths);
        perHost.set(at, entry);
      }
    }
    if (before !== undefined) for (const [audience, host] of before.hosts) this.#withdraw(audience, host, key);
    const since = ingress.metadata.creationTimestamp ?? '';
    const secured = new Set((ingress.spec.tls ?? []).flatMap(({ hosts = [] }) => hosts.map(normalizeHost)));
    for (const { audience, host, paths } of perHost.values()) {
      const plainHttp = audience === 'external' && secured.has(host) ? plainHttpOf(ingress) : 'served';
      const claim: Claim = { owner: key, since, plainHttp, paths: [...paths].sort(mostSpecificFirst) };
      const all = [...(this.#claims[audience].get(host) ?? []), claim];
      all.sort((a, b) => compare(a.since, b.since) || compare(a.owner, b.owner));
      this.#claims[audience].set(host, all);
    }
    this.#ingresses.set(key, {
      generation: ingress.metadata.generation ?? 0,
      hosts: [...perHost.values()].map(({ audience, host }) => [audience, host] as const),
      byIdentity,
    });
  }

  delete(key: string): void {
    for (const [audience, host] of this.#ingresses.get(key)?.hosts ?? []) this.#withdraw(audience, host, key);
    this.#ingresses.delete(key);
  }

  /**
   * @param host as `normalizeHost` gives it
   * @param path request path, without query
   * @param header the value of a request header by lower-case name
   */
  lookup(host: string, scope: Scope, path: string, header: (name: string) => string | undefined): Lookup {
    const claim = this.#claimOf(host, scope);
    if (claim === undefined) return { found: 'nothing' };
    for (const rule of claim.paths) {
      if (!path.startsWith(rule.prefix)) continue;
      if (!rule.match.every(([name, value]) => header(name) === value)) continue;
      // Whoever issues the certificate asks over HTTP, and must not be sent to the https that it is to make possible.
      const plainHttp = rule.prefix.startsWith(CHALLENGES) ? 'served' : claim.plainHttp;
      return { found: 'rule', rule, plainHttp };
    }
    return { found: 'host' };
  }

  /** The Ingress that serves a host. @param host as `normalizeHost` gives it */
  ownerOf(host: string, scope: Scope): string | undefined {
    return this.#claimOf(host, scope)?.owner;
  }

  #claimOf(host: string, scope: Scope): Claim | undefined {
    return (
      (scope === 'cluster' ? undefined : this.#claims.external.get(host)?.[0]) ??
      (scope === 'external' ? undefined : this.#claims.cluster.get(host)?.[0])
    );
  }

  #withdraw(audience: Audience, host: string, owner: string): void {
    const rest = this.#claims[audience].get(host)?.filter((claim) => claim.owner !== owner) ?? [];
    if (rest.length === 0) this.#claims[audience].delete(host);
    else this.#claims[audience].set(host, rest);
  }
}

/** Source: RFC 8555, 8.3. */
const CHALLENGES = '/.well-known/acme-challenge/';

/** Without an option there is no plain HTTP: what `http-protocol: Disabled` comes to. */
function plainHttpOf({ spec: { httpOption } }: Ingress): PlainHttp {
  return httpOption === 'Redirected' ? 'redirected' : httpOption === 'Enabled' ? 'served' : 'refused';
}

function compilePath(path: IngressPath, random: () => number): PathRule {
  const lone = path.splits.length === 1;
  return {
    prefix: path.path ?? '',
    match: Object.entries(path.headers ?? {}).map(([name, { exact }]) => [name.toLowerCase(), exact] as const),
    rewriteHost: path.rewriteHost,
    headers: Object.entries(path.appendHeaders ?? {}).flat(),
    targets: path.splits.map((split) => ({
      namespace: split.serviceNamespace,
      service: split.serviceName,
      port: split.servicePort,
      headers: Object.entries(split.appendHeaders ?? {}).flat(),
    })),
    deck: new SplitDeck(
      path.splits.map((split) => (lone ? 100 : (split.percent ?? 0))),
      random,
    ),
  };
}

function mostSpecificFirst(a: PathRule, b: PathRule): number {
  return b.prefix.length - a.prefix.length || b.match.length - a.match.length;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
