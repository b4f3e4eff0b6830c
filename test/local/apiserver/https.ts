/** A listening server and plain HTTPS requests to it. */
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Test } from 'tap';
import type { ApiServerOptions } from '../../../local/apiserver/main.ts';
import { openPki, type Pki } from '../../../local/apiserver/pki.ts';
import { startServer } from './support.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export async function startListening(t: Test, options: Partial<ApiServerOptions> = {}) {
  const started = await startServer(t, options);
  const pki = await openPki(join(started.dir, 'pki'));
  const { port } = await started.server.listen({ host: '127.0.0.1', port: 0, tls: pki, tokens: [pki.token] });
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    sendHttps({ port, pki, method, path, body, headers });
  return { ...started, pki, port, send, url: `https://127.0.0.1:${port}` };
}

export function sendHttps(request: {
  port: number;
  pki: Pki;
  method: string;
  path: string;
  /** Text goes as it is, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}): Promise<Answer> {
  const { port, pki, method, path, body, headers = {} } = request;
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    ca: pki.caCert,
    method,
    path,
    agent: false,
    headers: { authorization: `Bearer ${pki.token}`, ...headers },
  };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const answer = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
        const isJson = String(response.headers['content-type']).startsWith('application/json');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: answer,
          json: isJson ? (JSON.parse(answer) as Record<string, unknown>) : {},
        });
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

/** A kubeconfig for the server, as a file. */
export async function writeKubeconfig(dir: string, url: string, pki: Pki): Promise<string> {
  const path = join(dir, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'z', cluster: { server: url, 'certificate-authority': pki.caFile } }],
    users: [{ name: 'admin', user: { token: pki.token } }],
    contexts: [{ name: 'z', context: { cluster: 'z', user: 'admin' } }],
    'current-context': 'z',
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
