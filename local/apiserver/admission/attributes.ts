/** What one request asks admission about. */
import type { KindInfo } from '../registry.ts';
import type { Body } from '../body.ts';
import type { User } from '../user.ts';
import type { Operation } from './hook.ts';

export interface Attributes {
  readonly operation: Operation;
  /** The resource of the request. */
  readonly info: KindInfo;
  /** The kind of its objects, where a subresource has one of its own. */
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string };
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Empty while a name is still to be generated. */
  readonly name: string;
  /** Undefined for DELETE. */
  readonly object: Body | undefined;
  /** Undefined for CREATE. */
  readonly old: Body | undefined;
  readonly user: User;
  readonly dryRun: boolean;
  /** A `CreateOptions` and the like, as the client sent them; a connection has none. */
  readonly options: Readonly<Record<string, unknown>> | null;
}
