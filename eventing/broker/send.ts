/** One HTTP exchange with a subscriber. Addresses inside the cluster go to the gateway when there is one. */
import http from 'node:http';
import https from 'node:https';
import type { EventMessage } from './event/binding.ts';

export interface SendTarget {
  readonly url: URL;
  /** PEM, for https. */
  readonly caCerts?: string;
}

/** How an exchange ended. `status` is undefined when there was no whole response; `body` then says why. */
export interface SendResult {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Sender {
  /** @param timeout milliseconds for the whole exchange. Never rejects. */
  send(target: SendTarget, message: EventMessage, timeout: number): Promise<SendResult>;
  close(): void;
}

export interface SenderOptions {
  /** Where `*.svc.CLUSTER_DOMAIN` is reached; undefined leaves it to DNS. */
  readonly gateway: { readonly host: string; readonly port: number } | undefined;
  readonly clusterDomain: string;
  /** Bytes of a response's body. */
  readonly maxResponse: number;
}

const IDLE_TIMEOUT = 30_000;
const IDLE_SOCKETS = 256;

export function createSender(options: SenderOptions): Sender {
  const pool = { keepAlive: true, maxFreeSockets: IDLE_SOCKETS, timeout: IDLE_TIMEOUT, scheduling: 'lifo' } as const;
  const plain = new http.Agent(pool);
  const secure = new https.Agent(pool);

  /** Where to connect; the Host header and TLS name stay those of the URL. */
  function address(url: URL): { host: string; port: number } {
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const own = { host: hostname, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) };
    if (options.gateway !== undefined && isInCluster(hostname, options.clusterDomain))
      // The gateway's port for https is in the URL: the only one that a name can have without Services of its own.
      return url.protocol === 'http:' ? options.gateway : { ...own, host: options.gateway.host };
    // The C library of a bare machine does not know these names; RFC 6761 says where they lead.
    return hostname === 'localhost' || hostname.endsWith('.localhost') ? { ...own, host: '127.0.0.1' } : own;
  }

  function exchange(
    target: SendTarget,
    message: EventMessage,
    timeout: number,
  ): Promise<SendResult & { stale?: boolean }> {
    return new Promise((resolve) => {
      const { url } = target;
      const tls = url.protocol === 'https:';
      let timer: NodeJS.Timeout | undefined = undefined;
      const finish = (result: SendResult & { stale?: boolean }): void => {
        clearTimeout(timer);
        resolve(result);
      };
      const fail = (reason: string, stale = false): void =>
        finish({ status: undefined, headers: {}, body: Buffer.from(`dispatch error: ${reason}`), stale });
      const request = (tls ? https : http).request({
        ...address(url),
        method: 'POST',
        path: url.pathname + url.search,
        agent: tls ? secure : plain,
        headers: {
          host: url.host,
          ...message.headers,
          'content-length': message.body?.length ?? 0,
        },
        auth:
          url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`,
        ...(tls ? { ca: target.caCerts, servername: url.hostname } : {}),
      });
      timer = setTimeout(() => {
        fail(`no response from ${url.href} within ${timeout} ms`);
        request.destroy();
      }, timeout);
      request.on('error', (error: NodeJS.ErrnoException) =>
        fail(`${url.href}: ${error.message}`, request.reusedSocket && error.code === 'ECONNRESET'),
      );
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > options.maxResponse) {
            fail(`the response of ${url.href} exceeds ${options.maxResponse} bytes`);
            request.destroy();
          } else chunks.push(chunk);
        });
        response.on('end', () =>
          finish({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', (error) => fail(`${url.href}: ${error.message}`));
        response.on('close', () => fail(`the response of ${url.href} was cut short`));
      });
      request.end(message.body);
    });
  }

  return {
    async send(target, message, timeout) {
      const first = await exchange(target, message, timeout);
      // The subscriber closed a pooled connection as it was taken: that was no attempt.
      return first.stale === true ? exchange(target, message, timeout) : first;
    },
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

export function isInCluster(hostname: string, clusterDomain: string): boolean {
  return hostname.endsWith(`.svc.${clusterDomain}`) || hostname.endsWith('.svc');
}
