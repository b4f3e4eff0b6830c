/** The process's own page: metrics, health, and what each revision is doing. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Revisions } from './revisions.ts';
import type { ListenAddress } from './settings.ts';

export interface AdminOptions {
  readonly registry: Registry;
  readonly revisions: Revisions;
  /** What is missing before requests can be served; empty when ready. */
  missing(): readonly string[];
}

interface RevisionStatus {
  readonly namespace: string;
  readonly name: string;
  readonly inFlight: number;
  readonly queued: number;
  readonly readyPods: number;
}

export class Admin {
  readonly #server: Server;

  constructor(options: AdminOptions) {
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?')[0];
      const send = (status: number, type: string, body: string): void => {
        response.writeHead(status, { 'Content-Type': type }).end(body);
      };
      if (path === '/healthz') return send(200, 'text/plain; charset=utf-8', 'ok\n');
      if (path === '/readyz') {
        const missing = options.missing();
        const text = missing.length === 0 ? 'ok\n' : `not ready: ${missing.join(', ')}\n`;
        return send(missing.length === 0 ? 200 : 503, 'text/plain; charset=utf-8', text);
      }
      if (path === '/status')
        return send(200, 'application/json', JSON.stringify({ revisions: statusOf(options.revisions) }));
      if (path === '/metrics') {
        options.registry.metrics().then(
          (text) => send(200, options.registry.contentType, text),
          (error: unknown) => send(500, 'text/plain; charset=utf-8', `${String(error)}\n`),
        );
        return;
      }
      send(404, 'text/plain; charset=utf-8', 'not found: /metrics, /healthz, /readyz, /status\n');
    });
  }

  listen(address: ListenAddress): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ ...address }, () => {
        this.#server.off('error', reject);
        resolve({ host: address.host, port: portOf(this.#server.address()) });
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function statusOf(revisions: Revisions): RevisionStatus[] {
  return [...revisions.all].map(({ namespace, name, throttle }) => ({
    namespace,
    name,
    inFlight: throttle.inFlight,
    queued: throttle.queued,
    readyPods: throttle.readyPods,
  }));
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
