/** Where a request goes: its Host by the routing table, a revision's own name, or any Service's name. */
import { serviceKey, type Address, type Backends } from './backends.ts';
import {
  BadRequest,
  HostNotFound,
  NoEndpoints,
  PlainHttpRefused,
  RevisionNotFound,
  RoutingLoop,
  ToHttps,
} from './errors.ts';
import type { RequestHead } from './exchange.ts';
import { headerOf } from './headers.ts';
import { normalizeHost, parseServiceName, portOf } from './host-name.ts';
import type { Revisions, ServedRevision } from './revisions.ts';
import type { RoutingTable, Scope } from './table.ts';

export type Destination =
  | {
      readonly to: 'revision';
      readonly revision: ServedRevision;
      readonly headers: readonly string[];
      readonly authority: string;
    }
  | {
      readonly to: 'service';
      readonly addresses: readonly Address[];
      /** Its port speaks HTTP/2 without TLS. */
      readonly h2c: boolean;
      readonly headers: readonly string[];
      readonly authority: string;
    };

/** What a listener may be asked for. */
export interface Audience {
  readonly scope: Scope;
  /** Services may be asked for by their own names; unless said, where names of the cluster are served at all. */
  readonly serviceNames?: boolean;
  /** Requests come from inside: Knative's headers between its parts are believed. */
  readonly trusted: boolean;
}

export interface ServicePort {
  readonly name: string;
  readonly h2c: boolean;
}

export interface ResolverOptions {
  readonly table: RoutingTable;
  readonly revisions: Revisions;
  readonly backends: Backends;
  readonly clusterDomain: string;
  /** A Service's port by number or name; undefined when there is no such Service or port. */
  portOf(namespace: string, service: string, port: number | string): ServicePort | undefined;
  /** Is this one of the gateway's own listeners? */
  isOwn(address: Address): boolean;
  /** Port of https as clients see it; undefined when TLS is not served. */
  httpsPort(): number | undefined;
}

const MAX_REWRITES = 4;

export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** @throws GatewayError 301, 400, 404, 503 or 508 */
  resolve(head: RequestHead, audience: Audience): Destination {
    const host = normalizeHost(head.authority);
    if (host === undefined) throw new BadRequest('malformed or missing host');
    const named = audience.trusted ? this.#byHeaders(head) : undefined;
    if (named !== undefined) return named;

    const question = head.target.indexOf('?');
    const path = question < 0 ? head.target : head.target.slice(0, question);
    const header = (name: string): string | undefined => headerOf(head.headers, name);
    const headers: string[] = [];
    let name = host;
    let { scope } = audience;
    for (let rewrites = 0; rewrites <= MAX_REWRITES; rewrites++) {
      const lookup = this.#options.table.lookup(name, scope, path, header);
      if (lookup.found === 'host') throw new HostNotFound(head.authority, `no rule for path ${path}`);
      if (lookup.found === 'nothing') {
        const allowed = rewrites > 0 || (audience.serviceNames ?? scope !== 'external');
        return this.#byServiceName(name, allowed, head, headers);
      }
      const { rule } = lookup;
      // A host that was rewritten to is not the client's to ask for otherwise.
      if (rewrites === 0 && lookup.plainHttp !== 'served' && head.scheme === 'http')
        this.#sendToHttps(host, head, lookup.plainHttp === 'redirected');
      headers.push(...rule.headers);
      if (rule.rewriteHost === undefined) {
        const target = rule.targets[rule.deck.draw()];
        if (target === undefined) throw new HostNotFound(head.authority, 'its rule has no target');
        headers.push(...target.headers);
        return this.#byTarget(target.namespace, target.service, target.port, head, headers);
      }
      const rewritten = normalizeHost(rule.rewriteHost);
      if (rewritten === undefined || rewritten === name) break;
      name = rewritten;
      scope = 'all';
    }
    throw new RoutingLoop(head.authority);
  }

  /** @throws ToHttps, or PlainHttpRefused; returns when there is no https to send anyone to */
  #sendToHttps(host: string, { target }: RequestHead, redirected: boolean): void {
    const port = this.#options.httpsPort();
    if (port === undefined) return;
    const origin = `https://${host}${port === 443 ? '' : `:${port}`}`;
    if (redirected) throw new ToHttps(`${origin}${target.startsWith('/') ? target : '/'}`);
    throw new PlainHttpRefused(host, origin);
  }

  /** `Knative-Serving-Revision` and `-Namespace`, set by an ingress in front of this activator. */
  #byHeaders(head: RequestHead): Destination | undefined {
    const name = headerOf(head.headers, 'knative-serving-revision');
    const namespace = headerOf(head.headers, 'knative-serving-namespace');
    if (name === undefined || namespace === undefined || name === '' || namespace === '') return undefined;
    const revision = this.#options.revisions.get(namespace, name);
    if (revision === undefined) throw new RevisionNotFound(namespace, name);
    const authority = headerOf(head.headers, 'k-original-host') ?? head.authority;
    return { to: 'revision', revision, headers: [], authority };
  }

  #byTarget(
    namespace: string,
    service: string,
    port: number | string,
    head: RequestHead,
    headers: string[],
  ): Destination {
    const revision = this.#options.revisions.get(namespace, service);
    if (revision !== undefined) return { to: 'revision', revision, headers, authority: head.authority };
    if (!this.#options.backends.has(serviceKey(namespace, service))) throw new RevisionNotFound(namespace, service);
    return this.#toService(namespace, service, port, head, headers);
  }

  #byServiceName(host: string, allowed: boolean, head: RequestHead, headers: string[]): Destination {
    const parsed = allowed ? parseServiceName(host, this.#options.clusterDomain) : undefined;
    if (parsed !== undefined) {
      const { namespace, name } = parsed;
      const revision = this.#options.revisions.get(namespace, name);
      if (revision !== undefined) return { to: 'revision', revision, headers, authority: head.authority };
      if (this.#options.backends.has(serviceKey(namespace, name)))
        return this.#toService(namespace, name, portOf(head.authority) ?? 80, head, headers);
    }
    throw new HostNotFound(
      head.authority,
      'no Route, DomainMapping or Service is known by this name; `kubectl get ksvc,domainmappings -A` lists the URLs',
    );
  }

  #toService(
    namespace: string,
    name: string,
    port: number | string,
    head: RequestHead,
    headers: string[],
  ): Destination {
    const found = this.#options.portOf(namespace, name, port);
    const addresses = this.#options.backends.addressesOf(serviceKey(namespace, name), found?.name);
    if (addresses.length === 0) throw new NoEndpoints(`${namespace}/${name}`);
    if (addresses.some((address) => this.#options.isOwn(address))) throw new RoutingLoop(head.authority);
    return { to: 'service', addresses, h2c: found?.h2c ?? false, headers, authority: head.authority };
  }
}
