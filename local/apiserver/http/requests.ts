/** One HTTP request: who, what, may they, then the verb, a watch, a stream of a pod, or a document. */
import type { Socket } from 'node:net';
import type { Method } from '../../../kube/transport.ts';
import type { PodStreams } from '../../../kube/pod-streams.ts';
import { badRequest, methodNotAllowed, notAcceptable, unauthorized } from '../errors.ts';
import { callOf, handle, isWatch, labelsOf, verbOf, type ResourceRoute } from '../handler.ts';
import { statusOf } from '../in-process.ts';
import type { Metrics, RequestLabels } from '../metrics.ts';
import { parsePath, type Route } from '../routes.ts';
import { sendPodLog } from '../streams/log.ts';
import type { User } from '../user.ts';
import type { Call, Core, Query } from '../verbs/call.ts';
import { ACCEPTED, negotiate } from './accept.ts';
import { ANONYMOUS, type Authenticator } from './authentication.ts';
import { authorizePath, authorizeResource } from './authorize.ts';
import { actingAs } from './impersonation.ts';
import type { Documents } from './documents.ts';
import { parseBody, readBody } from './request-body.ts';
import { represent, sendBody, sendStatus, setHeader, warningHeaders, type Request, type Response } from './respond.ts';
import { streamWatch, type LastText } from './watch-stream.ts';

export interface Surroundings {
  readonly core: Core;
  readonly metrics: Metrics;
  readonly documents: Documents;
  readonly authenticator: Authenticator;
  readonly podStreams: () => PodStreams | undefined;
  readonly texts: LastText;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

export interface Target {
  readonly path: string;
  readonly route: Route;
  readonly parameters: URLSearchParams;
  readonly query: Query;
}

/** Never rejects. */
export async function serveRequest(around: Surroundings, request: Request, response: Response): Promise<void> {
  const started = performance.now();
  let labels: RequestLabels = { verb: verbOutside(request.method), group: '', resource: '', subresource: '' };
  response.on('error', () => undefined);
  try {
    const target = targetOf(request.url ?? '/');
    const user = identify(around, request, target.path);
    if (target.route.type !== 'resource') {
      if (!around.documents.isPublic(target.path)) authorizePath(around.core, user, request.method ?? '', target.path);
      await around.documents.answer(request, response, target.route, target.path);
    } else {
      const watching = isWatch(request.method ?? '', target.route, target.query);
      const verb = verbOf(request.method ?? '', target.route, watching);
      labels = labelsOf(around.core, target.route, METHODS.has(request.method ?? '') ? verb : 'other');
      authorizeResource(around.core, user, verb, soleObject(target.route, target.query));
      await serveResource(around, request, response, target.route, target, user, watching);
    }
  } catch (error) {
    await refuse(around, request, response, error);
  }
  if (labels.verb !== 'watch' && labels.verb !== 'connect')
    around.metrics.onRequest(labels, response.statusCode, (performance.now() - started) / 1000);
}

/** The verb of a request to no resource. */
function verbOutside(method = ''): string {
  return METHODS.has(method) ? method : 'other';
}

async function serveResource(
  around: Surroundings,
  request: Request,
  response: Response,
  route: ResourceRoute,
  target: Target,
  user: User,
  watching: boolean,
): Promise<void> {
  const { core, metrics } = around;
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  if (!isMethod(method)) throw methodNotAllowed();
  const hasBody = method !== 'GET';
  const contentType = request.headers['content-type'];
  const bytes = hasBody ? await readBody(request) : Buffer.alloc(0);
  const call = callOf(core, {
    method,
    route,
    query: target.query,
    contentType,
    body: hasBody ? await parseBody(bytes, contentType) : undefined,
    user,
    agent: agentOf(request.headers['user-agent']),
    defaultFieldValidation: 'Warn',
  });
  if (route.subresource === 'log' && method === 'GET')
    return sendPodLog(core, call, around.podStreams(), request, response);
  const form = negotiate(request.headers.accept);
  if (form === undefined) throw notAcceptable(ACCEPTED);
  if (watching) {
    metrics.onWatch(call.info.plural, 1);
    try {
      await streamWatch(core, call, form, response, around.texts);
    } finally {
      metrics.onWatch(call.info.plural, -1);
    }
    return;
  }
  const answer = await warned(response, call, () => handle(core, method, call));
  const body = represent(call.info, form, target.query, answer.body);
  await sendBody(request, response, answer.status, form, body, warningHeaders(call.warnings));
}

/** A list or watch of one object by its name is, as to rights, about that object. */
function soleObject(route: ResourceRoute, { fieldSelector }: Query): ResourceRoute {
  if (route.name !== undefined || fieldSelector === undefined) return route;
  const name = /(?:^|,)metadata\.name==?([^,=]+)(?:,|$)/.exec(fieldSelector)?.[1];
  return name === undefined ? route : { ...route, name };
}

/** A refusal carries the warnings that came up before it. */
async function warned<T>(response: Response, { warnings }: Call, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    for (const [name, value] of Object.entries(warningHeaders(warnings))) setHeader(response, name, value);
    throw error;
  }
}

/** @throws ApiError 401, 403 for an impersonation that is not allowed */
export function identify(around: Surroundings, request: Request, path: string): User {
  const { authenticator, core, documents } = around;
  const user = authenticator.authenticate(request.headers, socketOf(request), core.clock.now());
  if (user === undefined) throw unauthorized();
  if (user === ANONYMOUS && !documents.isPublic(path)) throw unauthorized();
  return actingAs(core, user, request.headers);
}

/** @throws ApiError 400 */
export function targetOf(url: string): Target {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  if (!path.startsWith('/')) throw badRequest('the request target must be a path');
  const parameters = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const query: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of parameters) query[name] ??= value;
  return { path, route: parsePath(path), parameters, query };
}

async function refuse(around: Surroundings, request: Request, response: Response, error: unknown): Promise<void> {
  const { log } = around.core;
  const status = statusOf(error, log);
  if (response.headersSent) {
    // Too late for a status: an end in the middle tells the client.
    response.destroy();
    return;
  }
  try {
    await sendStatus(request, response, status);
  } catch (failed) {
    log.warn('an answer could not be sent', { error: failed });
    response.destroy();
  }
}

/** The name before the version: `kubectl` of `kubectl/v1.34.0 (linux/amd64)`. */
function agentOf(header: string | undefined): string {
  const name = (header ?? '').split('/')[0]?.trim() ?? '';
  const printable = name.replace(/[^\x20-\x7e]/g, '').slice(0, 128);
  return printable === '' ? 'unknown' : printable;
}

function socketOf(request: Request): Socket | undefined {
  return 'stream' in request ? (request.stream.session?.socket as Socket | undefined) : request.socket;
}

function isMethod(method: string): method is Method {
  return METHODS.has(method);
}
