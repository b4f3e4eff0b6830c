/** Who sends a request: a bearer token of the configuration, a service account's token, or a client certificate. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { MASTERS } from '../rbac.ts';
import type { Store } from '../store/store.ts';
import { DEFAULT_AUDIENCE, type TokenIssuer } from '../tokens.ts';
import type { User } from '../user.ts';
import { serviceAccountUser } from '../verbs/reviews.ts';

/** A token alone is that of `system:admin`. */
export type TokenEntry = string | { readonly token: string; readonly user: User };

const AUTHENTICATED = 'system:authenticated';
export const ADMIN: User = { name: 'system:admin', groups: [MASTERS, AUTHENTICATED] };
export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Looked up by hash, so that the time of the look-up says nothing of the token. */
export class Authenticator {
  readonly #users: ReadonlyMap<string, User>;
  readonly #issuer: TokenIssuer;
  readonly #store: Store;

  constructor(tokens: readonly TokenEntry[], issuer: TokenIssuer, store: Store) {
    this.#users = new Map(
      tokens.map((entry) => (typeof entry === 'string' ? [hash(entry), ADMIN] : [hash(entry.token), entry.user])),
    );
    this.#issuer = issuer;
    this.#store = store;
  }

  /** Undefined for credentials that are wrong; `ANONYMOUS` when there are none. */
  authenticate(headers: IncomingHttpHeaders, socket: Socket | undefined, now: number): User | undefined {
    const token = bearerToken(headers);
    if (token !== undefined) return this.#users.get(hash(token)) ?? this.#serviceAccount(token, now);
    return certificateUser(socket) ?? ANONYMOUS;
  }

  #serviceAccount(token: string, now: number): User | undefined {
    const claims = this.#issuer.verify(token, now);
    if (claims === undefined || !claims.audiences.includes(DEFAULT_AUDIENCE)) return undefined;
    // A token dies with its account.
    const account = this.#store.get('/serviceaccounts', `${claims.namespace}/${claims.serviceAccount}`);
    if (account?.metadata.uid !== claims.uid) return undefined;
    return serviceAccountUser(claims);
  }
}

/** Browsers cannot set headers on WebSockets: Kubernetes takes the token from the subprotocol list too. */
function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  const match = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '');
  if (match !== null) return match[1];
  if (headers.authorization !== undefined && headers.authorization !== '') return '';
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const protocols = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim()) ?? [];
  const carrier = protocols.find((one) => one.startsWith(prefix));
  return carrier === undefined ? undefined : Buffer.from(carrier.slice(prefix.length), 'base64url').toString('utf8');
}

function certificateUser(socket: Socket | undefined): User | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  const name: unknown = subject?.CN;
  if (typeof name !== 'string' || name === '') return undefined;
  const organizations: unknown = subject.O;
  const groups = (Array.isArray(organizations) ? organizations : [organizations]).filter(
    (one) => typeof one === 'string',
  );
  return { name, groups: [...groups, AUTHENTICATED] };
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
