/** The API server as a `Transport` of its own process: no TLS, no JSON, objects shared and frozen. */
import { ApiError, type Status } from '../../kube/errors.ts';
import type { ApiRequest, ApiResponse, Transport, Watcher, WatchHandle } from '../../kube/transport.ts';
import type { Logger } from '../../kube/log.ts';
import { noSuchPath, internal } from './errors.ts';
import {
  callOf,
  handle,
  handleWatch,
  isWatch,
  labelsOf,
  verbOf,
  type Incoming,
  type ResourceRoute,
} from './handler.ts';
import { copyJson } from './json.ts';
import type { Metrics } from './metrics.ts';
import { parsePath } from './routes.ts';
import type { User } from './user.ts';
import type { Core } from './verbs/call.ts';
import { messageOf } from '../../kube/message.ts';

const AGENT = 'zeroth';

export class InProcessTransport implements Transport {
  readonly #core: Core;
  readonly #user: User;
  readonly #metrics: Metrics;

  constructor(core: Core, user: User, metrics: Metrics) {
    this.#core = core;
    this.#user = user;
    this.#metrics = metrics;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const started = performance.now();
    const { incoming, response } = await this.#answer(request);
    if (incoming !== undefined) {
      const { method, route } = incoming;
      const labels = labelsOf(this.#core, route, verbOf(method, route, false));
      this.#metrics.onRequest(labels, response.status, (performance.now() - started) / 1000);
    }
    return response;
  }

  async #answer(request: ApiRequest): Promise<{ incoming?: Incoming; response: ApiResponse }> {
    let incoming: Incoming | undefined;
    try {
      incoming = this.#incoming(request);
      const call = callOf(this.#core, incoming);
      const { status, body } = await handle(this.#core, request.method, call);
      const { warnings } = call;
      return { incoming, response: warnings.length > 0 ? { status, body, warnings } : { status, body } };
    } catch (error) {
      const status = statusOf(error, this.#core.log);
      return { incoming, response: { status: status.code ?? 500, body: status } };
    }
  }

  watch(request: ApiRequest, watcher: Watcher): WatchHandle {
    try {
      const incoming = this.#incoming({ ...request, query: { ...request.query, watch: 'true' } });
      if (!isWatch('GET', incoming.route, incoming.query)) throw noSuchPath();
      return handleWatch(this.#core, callOf(this.#core, incoming), watcher);
    } catch (error) {
      const status = statusOf(error, this.#core.log);
      let closed = false;
      queueMicrotask(() => {
        if (!closed) watcher.onEnd(new ApiError(status));
      });
      return { close: () => (closed = true) };
    }
  }

  #incoming(request: ApiRequest): Incoming {
    return {
      method: request.method,
      route: resourceRoute(request.path),
      query: request.query ?? {},
      contentType: request.contentType,
      body: copyJson(request.body),
      user: this.#user,
      agent: AGENT,
      defaultFieldValidation: 'Ignore',
    };
  }
}

function resourceRoute(path: string): ResourceRoute {
  const route = parsePath(path);
  if (route.type !== 'resource') throw noSuchPath();
  return route;
}

/** The Status to answer with. What is not an `ApiError` is a bug: logged with its stack. */
export function statusOf(error: unknown, log: Logger): Status {
  if (error instanceof ApiError) return error.status;
  log.error('a request failed', { error });
  return internal(messageOf(error)).status;
}
