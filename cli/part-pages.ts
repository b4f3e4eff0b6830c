/**
 * The pages that the parts of an instance have for operators (`/metrics`, `/status`): of an instance of `zeroth up` on
 * the addresses that its state folder names, of a cluster through the API server's proxy of each pod.
 */
import { request } from 'node:http';
import { EVENTING_NAMESPACE, SERVING_NAMESPACE } from '../api/zeroth.ts';
import { Pod } from '../api/core.ts';
import { resourcePath } from '../api/resource.ts';
import { isObject } from './json.ts';
import { ServerError, type Cluster } from './cluster.ts';
import type { StateFolder } from './state.ts';

export type Part = 'activator' | 'autoscaler' | 'broker';

const TIMEOUT = 5_000;
/** Bytes of a page. */
const MOST = 64 * 1024 * 1024;
const NAMESPACES: Readonly<Record<Part, string>> = {
  activator: SERVING_NAMESPACE,
  autoscaler: SERVING_NAMESPACE,
  broker: EVENTING_NAMESPACE,
};

/** One page of each process of a part; none where there is none, or it does not answer. */
export async function pagesOf(cluster: Cluster, state: StateFolder, part: Part, path: string): Promise<string[]> {
  const run = state.ready()?.api === cluster.server ? state.running() : undefined;
  if (run === undefined) return pagesOfPods(cluster, part, path);
  // The control process has its own metrics, the autoscaler's among them, on the API server's page.
  if (part === 'autoscaler') return [await cluster.sendForText({ path })];
  const address = run.admin[part];
  if (address === undefined || address === '') return [];
  const page = await fetchText(`http://${address}${path}`).catch(() => undefined);
  return page === undefined ? [] : [page];
}

async function pagesOfPods(cluster: Cluster, part: Part, path: string): Promise<string[]> {
  const pods = resourcePath(Pod, NAMESPACES[part]);
  const list = await unlessRefused(cluster.send({ path: `${pods}?labelSelector=app%3D${part}` }));
  const items = isObject(list) && Array.isArray(list['items']) ? list['items'] : [];
  const pages = await Promise.all(
    items.map((item) => {
      const metadata = isObject(item) ? item['metadata'] : undefined;
      const name = isObject(metadata) ? String(metadata['name']) : '';
      return unlessRefused(
        cluster.sendForText({ path: `${pods}/${encodeURIComponent(name)}:${adminPort(item)}/proxy${path}` }),
      );
    }),
  );
  return pages.filter((page) => page !== undefined);
}

/** The port named `admin`, else the one where Knative's parts have their metrics. */
function adminPort(pod: unknown): number {
  const text = JSON.stringify(pod);
  const named = /\{[^{}]*"name":"admin"[^{}]*\}/.exec(text)?.[0] ?? '';
  return Number(/"containerPort":(\d+)/.exec(named)?.[1] ?? 9090);
}

/** Undefined when the server says no: there is no such pod, or it may not be asked. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { timeout: TIMEOUT, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MOST) call.destroy(new Error(`${url}: too long`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    call.on('timeout', () => call.destroy(new Error(`${url}: no answer`)));
    call.on('error', reject);
    call.end();
  });
}
