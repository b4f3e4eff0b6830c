/** Service account tokens: JWTs signed by a key of this state folder. The key is made when the first one is asked for. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { isObject, type JsonObject } from './json.ts';

export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  /** Seconds. */
  readonly lifetime: number;
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface TokenClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  readonly pod?: { readonly name: string; readonly uid: string };
}

export const DEFAULT_AUDIENCE = 'https://kubernetes.default.svc.cluster.local';

export class TokenIssuer {
  readonly #keyFile: string;
  #privateKey: KeyObject | undefined;
  #publicKey: KeyObject | undefined;
  #keyId = '';

  constructor(keyFile: string) {
    this.#keyFile = keyFile;
  }

  /** @param now milliseconds since the epoch */
  issue(subject: TokenSubject, now: number): { token: string; expires: number } {
    const { privateKey } = this.#keys();
    const issued = Math.floor(now / 1000);
    const expires = issued + subject.lifetime;
    const header = { alg: 'ES256', typ: 'JWT', kid: this.#keyId };
    const claims = {
      aud: subject.audiences,
      exp: expires,
      iat: issued,
      iss: DEFAULT_AUDIENCE,
      jti: createHash('sha256').update(`${subject.uid} ${now} ${Math.random()}`).digest('hex').slice(0, 32),
      nbf: issued,
      sub: `system:serviceaccount:${subject.namespace}:${subject.serviceAccount}`,
      'kubernetes.io': {
        namespace: subject.namespace,
        serviceaccount: { name: subject.serviceAccount, uid: subject.uid },
        ...(subject.pod === undefined ? {} : { pod: subject.pod }),
      },
    };
    const text = `${encode(header)}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return { token: `${text}.${signature.toString('base64url')}`, expires: expires * 1000 };
  }

  /** Undefined for whatever is not a token of ours that is valid now. */
  verify(token: string, now: number): TokenClaims | undefined {
    const [header, payload, signature, ...rest] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined;
    const parsed = decode(header);
    if (parsed?.alg !== 'ES256') return undefined;
    const { publicKey } = this.#keys();
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
      return undefined;
    return claimsOf(decode(payload), now);
  }

  /** The public key as a JSON Web Key Set. */
  jwks(): { keys: JsonWebKey[] } {
    const { publicKey } = this.#keys();
    return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: this.#keyId, alg: 'ES256', use: 'sig' }] };
  }

  #keys(): { privateKey: KeyObject; publicKey: KeyObject } {
    const privateKey = (this.#privateKey ??= this.#loadKey());
    const publicKey = (this.#publicKey ??= createPublicKey(privateKey));
    if (this.#keyId === '')
      this.#keyId = createHash('sha256')
        .update(publicKey.export({ type: 'spki', format: 'der' }))
        .digest('base64url');
    return { privateKey, publicKey };
  }

  #loadKey(): KeyObject {
    try {
      return createPrivateKey(readFileSync(this.#keyFile));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(this.#keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    return privateKey;
  }
}

function claimsOf(claims: JsonObject | undefined, now: number): TokenClaims | undefined {
  if (claims === undefined) return undefined;
  const { exp, nbf, aud } = claims;
  const own = claims['kubernetes.io'];
  if (typeof exp !== 'number' || exp * 1000 <= now) return undefined;
  if (typeof nbf === 'number' && nbf * 1000 > now + 60_000) return undefined;
  if (!Array.isArray(aud) || !isObject(own) || !isObject(own.serviceaccount)) return undefined;
  const { name, uid } = own.serviceaccount;
  if (typeof own.namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return undefined;
  const audiences = aud.filter((one) => typeof one === 'string');
  const base = { namespace: own.namespace, serviceAccount: name, uid, audiences };
  const { pod } = own;
  if (isObject(pod) && typeof pod.name === 'string' && typeof pod.uid === 'string')
    return { ...base, pod: { name: pod.name, uid: pod.uid } };
  return base;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
