/** `zeroth status`: what runs in a state folder, and what each Service is doing. */
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { Pod } from '../api/core.ts';
import type { DuckStatus, Json, KubeObject } from '../api/object.ts';
import type { ResourceType } from '../api/resource.ts';
import { Broker } from '../api/eventing/broker.ts';
import { Trigger } from '../api/eventing/trigger.ts';
import { DomainMapping } from '../api/serving/domain-mapping.ts';
import { Service } from '../api/serving/service.ts';
import { Client } from '../kube/client.ts';
import { conditionOf } from '../kube/conditions.ts';
import { HttpTransport } from '../kube/http-transport.ts';
import { columns } from './columns.ts';
import { isObject } from './json.ts';
import { shellWord } from './shell-word.ts';
import { StateFolder, type Run } from './state.ts';
import { STATE_FLAG, type Verb } from './verb.ts';
import { messageOf } from '../kube/message.ts';

export const status: Verb = {
  name: 'status',
  summary: 'Show what runs: processes, ports, memory, and each Service with its revisions and load.',
  usage: '[--state DIR]',
  flags: { state: STATE_FLAG },
  examples: ['zeroth status', 'zeroth status --state /tmp/ci'],
  positionals: [0, 0],
  async run(args) {
    const state = StateFolder.nearest(args.text('state'));
    const run = state.running();
    const ready = state.ready();
    if (run === undefined || ready === undefined) {
      process.stdout.write(
        run === undefined
          ? `nothing runs in ${state.dir}; start it with: zeroth up --state ${shellWord(state.dir)}\n`
          : `zeroth (pid ${run.pid}) is starting or stopping in ${state.dir}\n`,
      );
      return 1;
    }
    const out = (line: string): void => void process.stdout.write(line + '\n');
    out(`state       ${state.dir}`);
    out(`API server  ${ready.api}   export KUBECONFIG=${shellWord(ready.kubeconfig)}`);
    out(`gateway     ${ready.http}`);
    const hasCa = existsSync(ready.gatewayCa);
    out(
      `            ${ready.https}   ${hasCa ? `curl --cacert ${shellWord(ready.gatewayCa)}` : 'no certificates yet'}`,
    );
    out('');
    show(
      ['PROCESS', 'PID', 'MEMORY'],
      [
        ['control', String(run.pid), memory(run.pid)],
        ...run.processes.map((one) => [one.name, String(one.pid), memory(one.pid)]),
      ],
    );
    out('');
    const client = new Client(new HttpTransport({ url: ready.api, tokenFile: run.tokenFile, caFile: run.caFile }));
    try {
      await services(client, run, out);
      await others(client, out);
    } catch (error) {
      out(`cannot list the Services: ${messageOf(error)}`);
      return 1;
    }
    return 0;
  },
};

async function services(client: Client, run: Run, out: (line: string) => void): Promise<void> {
  const [list, pods, loads] = await Promise.all([client.list(Service), client.list(Pod), loadOf(run)]);
  if (list.items.length === 0) return out('no Services yet; try: zeroth up --demo, or zeroth apply -f service.yaml');
  const problems: string[] = [];
  let leading: string | undefined;
  const rows = list.items.flatMap((service) => {
    const { name, namespace = '' } = service.metadata;
    const problem = problemOf(service);
    if (problem !== undefined) {
      if (problems.length === 0) leading = `ksvc/${name}${inNamespace(namespace)}`;
      problems.push(`  ${namespace}/${name} is not ready: ${problem}`);
    }
    const traffic = service.status?.traffic ?? [];
    const lines = traffic.map((target) => {
      const revision = target.revisionName ?? '';
      const own = pods.items.filter(
        (pod) =>
          pod.metadata.namespace === namespace && pod.metadata.labels?.['serving.knative.dev/revision'] === revision,
      );
      const load = loads.get(`${namespace}/${revision}`);
      return [
        revision,
        `${target.percent ?? 0} %`,
        target.tag ?? '',
        String(own.length),
        String(load?.inFlight ?? 0),
        String(load?.queued ?? 0),
      ];
    });
    const [first = ['', '', '', '0', '0', '0'], ...more] = lines;
    return [
      [`${namespace}/${name}`, service.status?.url ?? '', problem === undefined ? 'yes' : 'no', ...first],
      ...more.map((line) => ['', '', '', ...line]),
    ];
  });
  show(['SERVICE', 'URL', 'READY', 'REVISION', 'TRAFFIC', 'TAG', 'PODS', 'IN FLIGHT', 'QUEUED'], rows);
  for (const line of problems) out(line);
  if (leading !== undefined) out(`more about it, and what to do: zeroth why ${leading}`);
}

/** What else is not ready: each with the command that says why. */
async function others(client: Client, out: (line: string) => void): Promise<void> {
  const rows = await Promise.all([
    notReady(client, Broker),
    notReady(client, Trigger),
    notReady(client, DomainMapping),
  ]);
  if (rows.flat().length === 0) return;
  out('');
  show(['NOT READY', 'REASON', 'WHY'], rows.flat());
}

async function notReady<T extends KubeObject & { status?: DuckStatus }>(
  client: Client,
  type: ResourceType<T>,
): Promise<string[][]> {
  const { items } = await client.list(type);
  return items.flatMap(({ metadata: { namespace = '', name }, status }) => {
    const ready = conditionOf(status, 'Ready');
    if (ready?.status === 'True') return [];
    const command = `zeroth why ${type.kind.toLowerCase()}/${name}${inNamespace(namespace)}`;
    return [[`${type.kind} ${namespace}/${name}`, ready?.reason ?? 'NotReconciled', command]];
  });
}

function inNamespace(namespace: string): string {
  return namespace === 'default' ? '' : ` -n ${namespace}`;
}

/** Reason and message of what is wrong; the Configuration's first, since a Route only waits for it. */
function problemOf(service: Service): string | undefined {
  const ready = conditionOf(service.status, 'Ready');
  if (ready?.status === 'True') return undefined;
  const configurations = conditionOf(service.status, 'ConfigurationsReady');
  const cause = configurations?.status === 'False' ? configurations : ready;
  // A container's last words come with their line ends.
  const message = (cause?.message ?? 'not reconciled yet').replace(/\s*\n\s*/g, ' ');
  return `${cause?.reason ?? 'Unknown'}: ${message}`;
}

interface Load {
  readonly inFlight: number;
  readonly queued: number;
}

/** Requests by `NAMESPACE/REVISION`, as the gateway counts them; empty when it does not answer. */
async function loadOf(run: Run): Promise<Map<string, Load>> {
  const loads = new Map<string, Load>();
  const answer = await getJson(`http://${run.admin['activator'] ?? ''}/status`).catch(() => undefined);
  const revisions = isObject(answer) ? answer['revisions'] : undefined;
  for (const one of Array.isArray(revisions) ? revisions : []) {
    if (!isObject(one)) continue;
    loads.set(`${String(one['namespace'])}/${String(one['name'])}`, {
      inFlight: Number(one['inFlight'] ?? 0),
      queued: Number(one['queued'] ?? 0),
    });
  }
  return loads;
}

function getJson(url: string): Promise<Json> {
  return new Promise((resolve, reject) => {
    request(url, { timeout: 2_000 }, (response) => {
      json(response).then((value) => resolve(value as Json), reject);
    })
      .on('error', reject)
      .end();
  });
}

/** Proportional set size of a process, where the kernel tells. */
function memory(pid: number): string {
  try {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return kilobytes === undefined ? '' : `${Math.round(Number(kilobytes) / 1024)} MiB`;
  } catch {
    return '';
  }
}

function show(head: string[], rows: string[][]): void {
  process.stdout.write(columns(head, rows));
}
