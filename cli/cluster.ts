/** The API server that a verb talks to: --kubeconfig, else the state folder's, else $KUBECONFIG or ~/.kube/config. */
import { existsSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { request as requestSecure, type RequestOptions } from 'node:https';
import { ApiException, KubeConfig } from '@kubernetes/client-node';
import type { Json } from '../api/object.ts';
import { CommandError } from './errors.ts';
import { isObject } from './json.ts';
import { StateFolder } from './state.ts';
import { STATE_FLAG, type Arguments, type Flag } from './verb.ts';
import { messageOf } from '../kube/message.ts';

export const CLUSTER_FLAGS: Readonly<Record<string, Flag>> = {
  namespace: { type: 'string', short: 'n', help: 'NS|namespace (default: the kubeconfig context, else default)' },
  state: STATE_FLAG,
  kubeconfig: { type: 'string', help: "FILE|cluster to talk to (default: the state folder's, else $KUBECONFIG)" },
};

export interface Cluster {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** The namespace that is meant when none is named. */
  readonly defaultNamespace: string;
  /** URL of the API server. */
  readonly server: string;
  /** Throws `ServerError` for an answer of 400 or above. */
  send(request: Request): Promise<Json>;
  /** The answer as it came: logs and metrics. Throws `ServerError` as `send` does. */
  sendForText(request: Request): Promise<string>;
}

export interface Request {
  readonly method?: 'GET' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: unknown;
}

/** What the server answered, as kubectl words it. */
export class ServerError extends CommandError {
  readonly status: number;

  constructor(status: number, body: Json, fallback: string) {
    const reason = isObject(body) && typeof body['reason'] === 'string' ? body['reason'] : 'InternalError';
    const message = isObject(body) && typeof body['message'] === 'string' ? body['message'] : fallback;
    super(`Error from server (${reason}): ${message}`);
    this.status = status;
  }
}

export function connect(args: Arguments): Cluster {
  const config = new KubeConfig();
  const named = args.text('kubeconfig') ?? stateKubeconfig(args);
  try {
    if (named === undefined) config.loadFromDefault();
    else config.loadFromFile(named);
  } catch (error) {
    throw new CommandError(`cannot read the kubeconfig ${named ?? ''}: ${messageOf(error)}`);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new CommandError('no cluster to talk to; start one with: zeroth up');
  const context = config.getContextObject(config.getCurrentContext());
  const defaultNamespace = context?.namespace ?? 'default';
  return {
    config,
    namespace: args.text('namespace') ?? defaultNamespace,
    defaultNamespace,
    server,
    send: async (request) => parse(await send(config, server, request)),
    sendForText: (request) => send(config, server, request),
  };
}

function stateKubeconfig(args: Arguments): string | undefined {
  const state = StateFolder.nearest(args.text('state'));
  const path = state.ready()?.kubeconfig ?? state.path('kubeconfig');
  if (existsSync(path)) return path;
  if (args.text('state') !== undefined)
    throw new CommandError(`nothing ran in ${state.dir} yet; start it with: zeroth up --state ${state.dir}`);
  return undefined;
}

async function send(config: KubeConfig, server: string, given: Request): Promise<string> {
  const { method = 'GET', path, accept = 'application/json', contentType = 'application/json', body } = given;
  const options: RequestOptions = { method, headers: { Accept: accept, 'Content-Type': contentType } };
  await config.applyToHTTPSOptions(options);
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    // A server may stand below a path of its own, or behind `kubectl proxy`.
    const url = new URL(server.replace(/\/$/, '') + path);
    const request = url.protocol === 'http:' ? requestPlain : requestSecure;
    request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    })
      .on('error', (error) => reject(unreachable(server, error)))
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (status >= 400) throw new ServerError(status, parse(text), text);
  return text;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function unreachable(server: string, error: unknown): CommandError {
  return new CommandError(`cannot reach ${server}: ${messageOf(error)}; does it run? see: zeroth status`);
}

/** A failure of the client library as ours. */
export function serverError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  if (!(error instanceof ApiException)) return new CommandError(messageOf(error));
  const body: Json = typeof error.body === 'string' ? parse(error.body) : (error.body as Json);
  return new ServerError(error.code, body, error.message);
}
