/** The listener for operators: /metrics, /healthz, /readyz, /status. */
import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { messageOf } from '../../kube/message.ts';

/**
 * @param isReady whether /readyz answers 200
 * @param status what /status says, as JSON
 */
export function createAdmin(registry: Registry, isReady: () => boolean, status: () => object): Server {
  return createServer((request, response) => {
    request.resume();
    const path = (request.url ?? '').split('?')[0];
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET\n');
    if (path === '/healthz') return answer(200, 'ok\n');
    if (path === '/readyz') return isReady() ? answer(200, 'ok\n') : answer(503, 'not ready\n');
    if (path === '/status') return answer(200, JSON.stringify(status()), 'application/json');
    if (path !== '/metrics') return answer(404, 'see /metrics, /healthz, /readyz, /status\n');
    registry.metrics().then(
      (text) => answer(200, text, registry.contentType),
      (error: unknown) => answer(500, `${messageOf(error)}\n`),
    );
  });
}
