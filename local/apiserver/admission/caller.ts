/** POSTs a review to a webhook over HTTPS. Failures read as those of Kubernetes' own client. */
import { Agent, request, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { isObject } from '../json.ts';
import type { Store } from '../store/store.ts';
import { endpointOf, NoEndpoint, urlOf } from './endpoint.ts';
import type { Hook } from './hook.ts';
import { messageOf } from '../../../kube/message.ts';

const MOST_SOCKETS = 64;
const MOST_IDLE = 8;
const LARGEST_ANSWER = 16 * 1024 * 1024;

/** The webhook could not be asked. `why` comes after `failed to call webhook: `. */
export class CallFailed extends Error {}

export class HookCaller {
  readonly #store: Store;
  /** Its pools are apart by address, server name and CA. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_SOCKETS, maxFreeSockets: MOST_IDLE });

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns the parsed answer. @throws CallFailed */
  async call(hook: Hook, body: unknown): Promise<unknown> {
    const { timeoutSeconds } = hook;
    const query = `?timeout=${timeoutSeconds}s`;
    const sent = JSON.stringify(body);
    try {
      // A connection that the webhook was just giving up says nothing of the webhook.
      const { status, text } = await this.#post(hook, query, sent, this.#agent).catch((error: unknown) => {
        if (error instanceof StaleConnection) return this.#post(hook, query, sent, false);
        throw error;
      });
      return parseAnswer(status, text);
    } catch (error) {
      if (error instanceof CallFailed) throw error;
      throw new CallFailed(`Post ${JSON.stringify(urlOf(hook) + query)}: ${goText(error)}`);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @param agent false for a connection of its own */
  #post(hook: Hook, query: string, text: string, agent: Agent | false): Promise<{ status: number; text: string }> {
    const { host, port, serverName, path } = endpointOf(this.#store, hook);
    const options: RequestOptions = {
      agent,
      host,
      port,
      method: 'POST',
      path: path + query,
      ca: hook.caBundle,
      minVersion: 'TLSv1.2',
      // An address has no server name, but is what the certificate is checked against all the same.
      ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
      headers: {
        host: port === 443 ? serverName : `${isIP(serverName) === 6 ? `[${serverName}]` : serverName}:${port}`,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        'user-agent': 'kube-apiserver-admission',
      },
    };
    return new Promise((resolve, reject) => {
      const sent = request(options);
      const timer = setTimeout(() => sent.destroy(new Expired()), hook.timeoutSeconds * 1000);
      sent.on('error', (error: NodeJS.ErrnoException) =>
        reject(sent.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnection() : error),
      );
      sent.on('close', () => clearTimeout(timer));
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST_ANSWER) sent.destroy(new CallFailed(`the answer is longer than ${LARGEST_ANSWER} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        );
      });
      sent.end(text);
    });
  }
}

class Expired extends Error {}

/** A pooled connection was closed before anything came back over it. */
class StaleConnection extends Error {
  readonly code = 'ECONNRESET';
}

function parseAnswer(status: number, text: string): unknown {
  const isSuccess = status >= 200 && status <= 206;
  if (isSuccess && text === '')
    throw new CallFailed(`0-length response with status code: ${status} and content type: application/json`);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    if (isSuccess) throw new CallFailed(`couldn't get version/kind; json parse error: ${messageOf(error)}`);
  }
  if (isSuccess) return reviewIn(body);
  if (isObject(body) && body.kind === 'Status' && typeof body.message === 'string') throw new CallFailed(body.message);
  throw new CallFailed(statusText(status, text));
}

/** An answer may leave out what it is, but must not be something else. */
function reviewIn(body: unknown): unknown {
  if (!isObject(body)) return body;
  const { apiVersion, kind } = body;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return body;
  if (kind === 'AdmissionReview' && apiVersion.startsWith('admission.k8s.io/')) return body;
  throw new CallFailed(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
}

/** What client-go says of a status that comes without an explanation. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

function statusText(status: number, text: string): string {
  const said = text.trim() === '' ? 'unknown' : text.trim().slice(0, 2048);
  if (status === 403 || status === 406 || status === 415) return said;
  const known = STATUS_TEXTS[status];
  if (known !== undefined) return known;
  if (status >= 500)
    return `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${status} but did not return more information`;
}

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

const UNVERIFIED = 'tls: failed to verify certificate: x509: ';

/** A failure of the connection in the words of Go, which people search for. */
function goText(error: unknown): string {
  if (error instanceof Expired) return 'context deadline exceeded';
  if (error instanceof NoEndpoint) return error.message;
  const { code = '', address, port, hostname } = error as NodeJS.ErrnoException & Record<string, unknown>;
  const where = `${String(address ?? hostname ?? '')}:${String(port ?? '')}`;
  if (UNKNOWN_AUTHORITY.has(code)) return `${UNVERIFIED}certificate signed by unknown authority`;
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${where}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${where}: connect: no route to host`;
    case 'ENOTFOUND':
      return `dial tcp: lookup ${String(hostname ?? '')}: no such host`;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `${UNVERIFIED}certificate has expired or is not yet valid`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `${UNVERIFIED}certificate is not valid for any names, but wanted to match ${altName(error)}`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return 'http: server gave HTTP response to HTTPS client';
    case 'ECONNRESET':
      return 'EOF';
    default:
      return messageOf(error);
  }
}

function altName(error: unknown): string {
  const { host } = error as { host?: unknown };
  return typeof host === 'string' ? host : 'the name of the webhook';
}
