/** Tokens of service accounts, asked for through TokenRequest. */
import type { Pod } from '../../../api/core.ts';
import { ServiceAccount } from '../../../api/core.ts';
import { resourcePath } from '../../../api/resource.ts';
import type { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import { NodeError } from '../errors.ts';

export interface Token {
  readonly token: string;
  /** Milliseconds after which another should be asked for. */
  readonly renewIn: number;
}

export interface TokenSource {
  /** @throws NodeError FailedMount when the server does not give tokens */
  get(pod: Pod, audience: string | undefined, expirationSeconds: number | undefined): Promise<Token>;
}

export interface TokenQuestion {
  readonly namespace: string | undefined;
  readonly account: string;
  /** The API server's own when undefined. */
  readonly audience?: string;
  readonly expirationSeconds: number;
  /** The token is good as long as the pod is there. */
  readonly pod?: { readonly name: string; readonly uid: string | undefined };
}

const DEFAULT_SECONDS = 3600;
/** Renewed when this part of its life is over, as the kubelet does. */
const RENEW_AT = 0.8;

/** @throws NodeError FailedMount when the server does not give tokens */
export async function requestToken(client: Client, clock: Clock, question: TokenQuestion): Promise<Token> {
  const { namespace, account, audience, expirationSeconds, pod } = question;
  const now = clock.now();
  const { status, body } = await client.transport.request({
    method: 'POST',
    path: resourcePath(ServiceAccount, namespace, account, 'token'),
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        ...(audience === undefined ? {} : { audiences: [audience] }),
        expirationSeconds,
        ...(pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
      },
    },
  });
  const answer = body as { status?: { token?: unknown; expirationTimestamp?: unknown } } | undefined;
  const token = answer?.status?.token;
  if (status >= 400 || typeof token !== 'string')
    throw new NodeError('FailedMount', `no token for service account "${account}": the server answered ${status}`);
  const expires = Date.parse(String(answer?.status?.expirationTimestamp));
  const life = Number.isFinite(expires) ? Math.max(1000, expires - now) : expirationSeconds * 1000;
  return { token, renewIn: life * RENEW_AT };
}

export function tokenSource(client: Client, clock: Clock): TokenSource {
  const known = new Map<string, { token: string; renewAt: number }>();
  return {
    async get(pod, audience, expirationSeconds = DEFAULT_SECONDS) {
      const { namespace, name, uid } = pod.metadata;
      const account = pod.spec?.serviceAccountName ?? 'default';
      const key = JSON.stringify([uid, audience, expirationSeconds]);
      const now = clock.now();
      for (const [other, { renewAt }] of known) if (now >= renewAt) known.delete(other);
      const before = known.get(key);
      if (before !== undefined) return { token: before.token, renewIn: before.renewAt - now };
      const question = { namespace, account, audience, expirationSeconds, pod: { name, uid } };
      const { token, renewIn } = await requestToken(client, clock, question);
      known.set(key, { token, renewAt: now + renewIn });
      return { token, renewIn };
    },
  };
}
