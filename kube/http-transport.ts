/**
 * A transport to any Kubernetes API server over HTTP/1.1, with or without TLS. Thin on purpose: data-path processes load
 * it, so it needs nothing but Node. Source: Kubernetes API concepts (watch, warnings), RFC 9110.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { fixedToken, tokenFile, type BearerToken } from './bearer-token.ts';
import { ApiError, asStatus, TransportError } from './errors.ts';
import { JsonLines } from './json-lines.ts';
import type { ApiRequest, ApiResponse, Transport, WatchEvent, Watcher, WatchHandle } from './transport.ts';

export interface HttpTransportOptions {
  /** `https://HOST:PORT` or `http://HOST:PORT`, with or without a path before `/api`. */
  readonly url: string;
  /** A fixed bearer token, or the file that holds it (read again on 401 and once a minute). */
  readonly token?: string;
  readonly tokenFile?: string;
  /** PEM of the server's CA, or the file that holds it; the system's when both are absent. */
  readonly ca?: string;
  readonly caFile?: string;
  /** PEM of a client certificate and its key, where a kubeconfig has them instead of a token. */
  readonly cert?: string;
  readonly key?: string;
  readonly userAgent?: string;
  /** Longest wait for a connection, and for the answer's head after that, ms. */
  readonly connectTimeout?: number;
  readonly answerTimeout?: number;
  /** A watch without a byte for this long, ms, is ended so that the caller opens it anew. Servers send bookmarks each minute. */
  readonly watchIdle?: number;
  /** Largest answer and longest watch line, bytes. */
  readonly maxBody?: number;
  readonly maxLine?: number;
}

type Limits = Required<
  Pick<HttpTransportOptions, 'userAgent' | 'connectTimeout' | 'answerTimeout' | 'watchIdle' | 'maxBody' | 'maxLine'>
>;

const DEFAULTS: Limits = {
  userAgent: 'zeroth',
  connectTimeout: 5_000,
  answerTimeout: 60_000,
  watchIdle: 300_000,
  maxBody: 128 * 2 ** 20,
  maxLine: 16 * 2 ** 20,
};

/** Probes of TCP keep-alive find a peer that vanished without a word long before `watchIdle` does. */
const KEEP_ALIVE_PROBE = 15_000;
const CONNECTIONS = 64;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export class HttpTransport implements Transport {
  readonly #base: URL;
  readonly #token: BearerToken;
  readonly #limits: Limits;
  readonly #requests: http.Agent;
  readonly #watches: http.Agent;
  /** Under way, to be ended by `close()`. */
  readonly #outgoing = new Set<http.ClientRequest>();
  #closed = false;

  /** @throws TransportError (`CONFIGURATION`) for a URL or CA file that cannot be used */
  constructor(options: HttpTransportOptions) {
    this.#limits = { ...DEFAULTS, ...defined(options) };
    this.#base = parseUrl(options.url);
    this.#token = options.tokenFile === undefined ? fixedToken(options.token) : tokenFile(options.tokenFile);
    const tls = {
      ca: options.ca ?? (options.caFile === undefined ? undefined : readCa(options.caFile)),
      cert: options.cert,
      key: options.key,
    };
    const pooled = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_PROBE,
      maxSockets: CONNECTIONS,
      scheduling: 'lifo',
    } as const;
    const single = { keepAlive: false };
    const secure = this.#base.protocol === 'https:';
    this.#requests = secure ? new https.Agent({ ...pooled, ...tls }) : new http.Agent(pooled);
    this.#watches = secure ? new https.Agent({ ...single, ...tls }) : new http.Agent(single);
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const token = await this.#token.current();
    const answer = await this.#exchange(request, body, token, signal);
    if (answer.status !== 401 || !(await this.#token.renew(token))) return answer;
    return this.#exchange(request, body, await this.#token.current(), signal);
  }

  watch(request: ApiRequest, watcher: Watcher): WatchHandle {
    const abort = new AbortController();
    this.#stream(request, watcher, abort.signal).then(
      () => {
        if (!abort.signal.aborted) watcher.onEnd();
      },
      (error: unknown) => {
        if (!abort.signal.aborted) watcher.onEnd(error instanceof Error ? error : new Error(String(error)));
      },
    );
    return { close: () => abort.abort() };
  }

  /** Ends all requests and watches and lets go of the connections. */
  close(): void {
    this.#closed = true;
    for (const outgoing of this.#outgoing) outgoing.destroy(closed());
    this.#requests.destroy();
    this.#watches.destroy();
  }

  async #exchange(
    request: ApiRequest,
    body: Buffer | undefined,
    token: string | undefined,
    stop: AbortSignal | undefined,
  ): Promise<ApiResponse> {
    const open = () => this.#open(request, body, token, stop, this.#requests);
    let response: http.IncomingMessage;
    try {
      response = await open();
    } catch (error) {
      // A pooled connection may have been closed by the server as it was taken; reading again does no harm.
      if (request.method !== 'GET' || !(error instanceof StaleConnection)) throw error;
      response = await open();
    }
    const bytes = await collect(response, this.#limits.maxBody, stop);
    const warnings = parseWarnings(response.headers.warning);
    return {
      status: response.statusCode ?? 0,
      body: parseBody(response.headers['content-type'], bytes),
      ...(warnings.length > 0 ? { warnings } : {}),
    };
  }

  /** Resolves when the stream is over, however it is renewed; rejects when it failed to start or broke. */
  async #stream(request: ApiRequest, watcher: Watcher, stop: AbortSignal): Promise<void> {
    let token = await this.#token.current();
    let response = await this.#open(request, undefined, token, stop, this.#watches);
    if (response.statusCode === 401 && (await this.#token.renew(token))) {
      response.destroy();
      token = await this.#token.current();
      response = await this.#open(request, undefined, token, stop, this.#watches);
    }
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      const bytes = await collect(response, this.#limits.maxBody, stop);
      throw new ApiError(asStatus(status, parseBody(response.headers['content-type'], bytes)));
    }
    await this.#events(response, watcher, stop);
  }

  #events(response: http.IncomingMessage, watcher: Watcher, stop: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const lines = new JsonLines(this.#limits.maxLine, (value) => {
        if (!stop.aborted) watcher.onEvent(asWatchEvent(value));
      });
      const attempt = (step: () => void): void => {
        try {
          step();
        } catch (error) {
          reject(error);
          response.destroy();
        }
      };
      response.socket.setTimeout(this.#limits.watchIdle, () => {
        resolve();
        response.destroy();
      });
      response.on('data', (chunk: Buffer) => attempt(() => lines.write(chunk)));
      response.on('end', () => {
        attempt(() => lines.end());
        resolve();
      });
      response.on('error', (error) => reject(brokenBy(error, stop)));
      response.on('close', () => resolve());
    });
  }

  #open(
    request: ApiRequest,
    body: Buffer | undefined,
    token: string | undefined,
    stop: AbortSignal | undefined,
    agent: http.Agent,
  ): Promise<http.IncomingMessage> {
    if (this.#closed) return Promise.reject(closed());
    const { userAgent, connectTimeout, answerTimeout } = this.#limits;
    const headers: http.OutgoingHttpHeaders = { accept: 'application/json', 'user-agent': userAgent };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = body.length;
    }
    const url = new URL(this.#base.href + request.path.slice(1));
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const start = url.protocol === 'https:' ? https.request : http.request;
    return new Promise((resolve, reject) => {
      const outgoing = start(url, { method: request.method, headers, agent, signal: stop });
      this.#outgoing.add(outgoing);
      outgoing.on('close', () => this.#outgoing.delete(outgoing));
      let timer: NodeJS.Timeout | undefined;
      const within = (delay: number, code: string, what: string): void => {
        clearTimeout(timer);
        timer = setTimeout(
          () => outgoing.destroy(new TransportError(code, `${url.origin} ${what} within ${delay} ms`)),
          delay,
        );
      };
      outgoing.on('socket', (socket) => {
        if (!socket.connecting) return within(answerTimeout, 'TIMEOUT', 'did not answer');
        within(connectTimeout, 'CONNECT_TIMEOUT', 'could not be connected to');
        socket.setKeepAlive(true, KEEP_ALIVE_PROBE);
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () =>
          within(answerTimeout, 'TIMEOUT', 'did not answer'),
        );
      });
      outgoing.on('response', (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        if (outgoing.reusedSocket && error.code === 'ECONNRESET') reject(new StaleConnection(error));
        else reject(brokenBy(error, stop, url.origin));
      });
      outgoing.end(body);
    });
  }
}

/**
 * The transport that a process' environment describes: `ZEROTH_API_URL` with `ZEROTH_API_TOKEN_FILE` and
 * `ZEROTH_API_CA_FILE`, else the service account of the cluster this runs in.
 * @throws TransportError (`CONFIGURATION`) when there is neither
 */
export function transportFromEnvironment(env: NodeJS.ProcessEnv, userAgent?: string): HttpTransport {
  if (env.ZEROTH_API_URL !== undefined && env.ZEROTH_API_URL !== '') {
    return new HttpTransport({
      url: env.ZEROTH_API_URL,
      tokenFile: env.ZEROTH_API_TOKEN_FILE || undefined,
      caFile: env.ZEROTH_API_CA_FILE || undefined,
      userAgent,
    });
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host === undefined || host === '') {
    throw new TransportError('CONFIGURATION', 'no API server: set ZEROTH_API_URL, or run inside a cluster');
  }
  return new HttpTransport({
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tokenFile: `${SERVICE_ACCOUNT}/token`,
    caFile: `${SERVICE_ACCOUNT}/ca.crt`,
    userAgent,
  });
}

/** Texts of a `Warning` header: any number of `CODE AGENT "TEXT"`. */
export function parseWarnings(header: string | undefined): string[] {
  if (header === undefined) return [];
  return [...header.matchAll(/\d{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"/g)].map((match) =>
    (match[1] ?? '').replace(/\\(.)/g, '$1'),
  );
}

/** The server dropped a connection of the pool before any answer. */
class StaleConnection extends TransportError {
  constructor(cause: Error) {
    super('ECONNRESET', 'the connection was closed before an answer', { cause });
  }
}

function collect(response: http.IncomingMessage, limit: number, stop: AbortSignal | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) {
        reject(new TransportError('TOO_LARGE', `the answer is longer than ${limit} bytes`));
        response.destroy();
      } else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks)));
    response.on('error', (error) => reject(brokenBy(error, stop)));
    response.on('close', () => reject(new TransportError('ECONNRESET', 'the answer was cut short')));
  });
}

function closed(): TransportError {
  return new TransportError('CLOSED', 'the transport was closed');
}

function parseBody(contentType: string | undefined, bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  if (text === '') return undefined;
  if (!/^application\/([\w.-]+\+)?json\b/.test(contentType ?? '')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new TransportError('MALFORMED', 'the answer says it is JSON but is not', { cause });
  }
}

function asWatchEvent(value: unknown): WatchEvent {
  if (typeof value === 'object' && value !== null && 'type' in value && 'object' in value) {
    const { type, object } = value;
    if (typeof type === 'string' && typeof object === 'object' && object !== null) return value as WatchEvent;
  }
  throw new TransportError('MALFORMED', 'a line of the stream is not a watch event');
}

function brokenBy(error: NodeJS.ErrnoException, stop: AbortSignal | undefined, where?: string): Error {
  if (stop?.aborted) return stop.reason instanceof Error ? stop.reason : error;
  if (error instanceof TransportError) return error;
  const text = where === undefined ? error.message : `${where}: ${error.message}`;
  return new TransportError(error.code ?? 'FAILED', text, { cause: error });
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new TransportError('CONFIGURATION', `not a URL of an API server: ${text}`, { cause });
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TransportError(
      'CONFIGURATION',
      `an API server's URL begins with https:// or http://, not ${url.protocol}`,
    );
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TransportError('CONFIGURATION', `the CA file ${file} cannot be read`, { cause });
  }
}

function defined(options: HttpTransportOptions): Partial<HttpTransportOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
