/** A subscriber over real HTTP that remembers what it got. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
  readonly at: number;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** Milliseconds before the answer. */
  readonly after?: number;
  /** Cuts the connection instead of answering. */
  readonly cut?: boolean;
}

export class Subscriber {
  readonly received: Received[] = [];
  readonly #server: Server;
  answer: (request: Received, n: number) => Answer | Promise<Answer>;

  private constructor(answer: Subscriber['answer']) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const one = {
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
          path: request.url ?? '',
          at: Date.now(),
        };
        this.received.push(one);
        void Promise.resolve(this.answer(one, this.received.length)).then(({ status, headers, body, after, cut }) => {
          if (cut === true) return request.socket.destroy();
          const send = (): void => void response.writeHead(status ?? 200, headers).end(body);
          if (after === undefined) send();
          else setTimeout(send, after).unref();
        });
      });
    });
  }

  static async start(answer: Subscriber['answer'] = () => ({})): Promise<Subscriber> {
    const subscriber = new Subscriber(answer);
    await new Promise<void>((resolve) => subscriber.#server.listen(0, '127.0.0.1', resolve));
    return subscriber;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  get ids(): string[] {
    return this.received.map(({ headers }) => String(headers['ce-id']));
  }

  /** Closes idle connections, as a server does after its keep-alive timeout. */
  dropIdle(): void {
    this.#server.closeIdleConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
