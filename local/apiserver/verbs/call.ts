/** One request after routing, and what the verbs work on. */
import type { Admission } from '../../../kube/admission.ts';
import type { Clock } from '../../../kube/clock.ts';
import type { ResourceUsage } from '../../../kube/resource-usage.ts';
import type { Logger } from '../../../kube/log.ts';
import type { Reviews, Webhooks } from '../admission/reviews.ts';
import type { ClusterIps } from '../cluster-ips.ts';
import { badRequest } from '../errors.ts';
import type { KindInfo, Registry } from '../registry.ts';
import type { Store } from '../store/store.ts';
import type { TokenIssuer } from '../tokens.ts';
import type { User } from '../user.ts';

export interface Core {
  readonly store: Store;
  readonly registry: Registry;
  readonly admissions: readonly Admission[];
  readonly webhooks: Webhooks;
  readonly ips: ClusterIps;
  readonly tokens: TokenIssuer;
  /** Ends of the watches that are open, with what they watch: for when the server stops, or the kind goes. */
  readonly watches: Map<(reason?: Error) => void, string>;
  /** Who measures what pods use, once there is somebody. */
  readonly usage?: () => ResourceUsage | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export type Query = Readonly<Record<string, string | undefined>>;

export interface Call {
  readonly user: User;
  readonly info: KindInfo;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: Query;
  readonly contentType: string | undefined;
  /** The parsed body, this call's own. */
  readonly body: unknown;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly manager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict';
  /** Texts of `Warning` headers, added to as they come up. */
  readonly warnings: string[];
  /** What webhooks have said so far; undefined when none is asked. */
  readonly reviews?: Reviews;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Key of the store: the namespace is empty for cluster-scoped kinds. */
export function keyOf(info: KindInfo, namespace: string | undefined, name: string): string {
  return info.namespaced ? `${namespace ?? ''}/${name}` : `/${name}`;
}

/** The name in the path; a collection has none. */
export function nameOf(call: Call): string {
  if (call.name === undefined) throw badRequest('name is required');
  return call.name;
}

export function isTrue(value: string | undefined): boolean {
  return value === 'true' || value === '1' || value === '';
}
