/** What an instance has counted so far, as its API server's `/metrics` tells it. */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { Instance } from '../../test/e2e/instance.ts';

/** API requests that write, by what they are called in tables: `update routes.serving.knative.dev/status`. */
export type Writes = ReadonlyMap<string, number>;

export interface Counters {
  readonly writes: Writes;
  /** Changes of the store: writes that changed nothing are not among them. */
  readonly changes: number;
  /** Passes of reconcilers that report to metrics. */
  readonly passes: number;
}

const WRITING = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export async function readCounters(instance: Instance): Promise<Counters> {
  const text = await scrape(instance);
  const writes = new Map<string, number>();
  let changes = 0;
  let passes = 0;
  for (const line of text.split('\n')) {
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    if (line.startsWith('apiserver_request_total{')) {
      const labels = labelsOf(line);
      if (!WRITING.has(labels['verb'] ?? '')) continue;
      const name = nameOf(labels);
      writes.set(name, (writes.get(name) ?? 0) + value);
    } else if (line.startsWith('zeroth_apiserver_storage_writes_total ')) changes = value;
    else if (line.startsWith('kn_workqueue_process_duration_seconds_count{')) passes += value;
  }
  return { writes, changes, passes };
}

export function difference(after: Counters, before: Counters): Counters {
  const writes = new Map<string, number>();
  for (const [name, count] of after.writes) {
    const more = count - (before.writes.get(name) ?? 0);
    if (more > 0) writes.set(name, more);
  }
  return { writes, changes: after.changes - before.changes, passes: after.passes - before.passes };
}

export function total(writes: Writes): number {
  return [...writes.values()].reduce((sum, count) => sum + count, 0);
}

function nameOf({ verb, group, resource, subresource, code }: Record<string, string>): string {
  const kind = group === '' ? resource : `${resource}.${group}`;
  const refused = code?.startsWith('2') === true ? '' : ` (${code})`;
  return `${verb} ${kind}${subresource === '' ? '' : `/${subresource}`}${refused}`;
}

function labelsOf(line: string): Record<string, string> {
  return Object.fromEntries([...line.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

function scrape(instance: Instance): Promise<string> {
  const { tokenFile, caFile } = instance.run;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
    const request = https.get(`${instance.api}/metrics`, { ca: readFileSync(caFile), headers, timeout: 30_000 });
    request.on('timeout', () => request.destroy(new Error('no metrics within 30 s')));
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`/metrics answered ${response.statusCode}: ${text}`));
      });
    });
  });
}
