/** GET pods/NAME/log: what a container wrote, as text. */
import { pipeline } from 'node:stream/promises';
import type { Pod } from '../../../api/core.ts';
import type { LogOptions, PodStreams } from '../../../kube/pod-streams.ts';
import { badRequest, notFound, unavailable } from '../errors.ts';
import { setHeader, type Request, type Response } from '../http/respond.ts';
import { isTrue, nameOf, type Call, type Core, type Query } from '../verbs/call.ts';

/** @throws ApiError before anything is sent */
export async function sendPodLog(
  core: Core,
  call: Call,
  streams: PodStreams | undefined,
  request: Request,
  response: Response,
): Promise<void> {
  const pod = podOf(core, call);
  if (streams === undefined) throw unavailable('no node agent is running: pods have no logs yet');
  const options = logOptions(call.query, pod);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const log = await streams.logs(pod, options, gone.signal);
  response.statusCode = 200;
  setHeader(response, 'content-type', 'text/plain');
  if (request.method === 'HEAD') {
    log.destroy();
    response.end();
    return;
  }
  if (options.follow === true) {
    // What is followed may be silent for long: the client must see that it began.
    if ('stream' in response) response.writeHead(200);
    else response.flushHeaders();
  }
  try {
    await pipeline(log, response);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}

/** @throws ApiError 404 */
export function podOf(core: Core, call: Call): Pod {
  const name = nameOf(call);
  const pod = core.store.get('/pods', `${call.namespace ?? ''}/${name}`);
  if (pod === undefined) throw notFound(call.info, name);
  return pod as Pod;
}

/**
 * The container meant: the one named, or the only one, or the default one.
 * @throws ApiError 400 as Kubernetes says it
 */
export function containerOf(pod: Pod, named: string | undefined): string {
  const { name, annotations } = pod.metadata;
  const containers = (pod.spec?.containers ?? []).map((container) => container.name);
  const initial = (pod.spec?.initContainers ?? []).map((container) => container.name);
  if (named !== undefined && named !== '') {
    if (containers.includes(named) || initial.includes(named)) return named;
    throw badRequest(`container ${named} is not valid for pod ${name}`);
  }
  const preferred = annotations?.['kubectl.kubernetes.io/default-container'];
  const only = containers.length === 1 ? containers[0] : undefined;
  const chosen = only ?? (preferred !== undefined && containers.includes(preferred) ? preferred : undefined);
  if (chosen !== undefined) return chosen;
  const others = initial.length > 0 ? ` or one of the init containers: [${initial.join(' ')}]` : '';
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]${others}`,
  );
}

function logOptions(query: Query, pod: Pod): LogOptions {
  const number = (name: string): number | undefined => {
    const text = query[name];
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0)
      throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be greater than or equal to 0`);
    return value;
  };
  const flag = (name: string): boolean => query[name] !== undefined && isTrue(query[name]);
  const sinceTime = query.sinceTime || undefined;
  if (sinceTime !== undefined && Number.isNaN(Date.parse(sinceTime)))
    throw badRequest(`sinceTime: Invalid value: ${JSON.stringify(sinceTime)}: must be RFC 3339`);
  return {
    container: containerOf(pod, query.container),
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    tailLines: number('tailLines'),
    limitBytes: number('limitBytes'),
    sinceSeconds: number('sinceSeconds'),
    sinceTime,
  };
}
