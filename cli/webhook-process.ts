/** The process of `zeroth webhook`: reads its environment, serves until a signal, drains. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { EVENTING_NAMESPACE, SERVING_NAMESPACE } from '../api/zeroth.ts';
import { eventingAdmissions } from '../eventing/trigger/admission.ts';
import { Client } from '../kube/client.ts';
import { TransportError } from '../kube/errors.ts';
import { transportFromEnvironment, type HttpTransport } from '../kube/http-transport.ts';
import { createLogger, type LogLevel } from '../kube/log.ts';
import type { WebhookComponent } from '../kube/webhook/component.ts';
import { startWebhook, type WebhookProcess } from '../kube/webhook/main.ts';
import { servingAdmissions } from '../serving/controller/admission.ts';
import { errorCode, UsageError } from './errors.ts';
import { nextSignal } from './signal.ts';
import { messageOf } from '../kube/message.ts';

export const SERVING_WEBHOOK: WebhookComponent = {
  name: 'serving',
  namespace: SERVING_NAMESPACE,
  service: 'webhook',
  secret: 'webhook-certs',
  hooks: {
    defaulting: 'webhook.serving.knative.dev',
    validation: 'validation.webhook.serving.knative.dev',
    config: 'config.webhook.serving.knative.dev',
  },
  admissions: servingAdmissions,
};

export const EVENTING_WEBHOOK: WebhookComponent = {
  name: 'eventing',
  namespace: EVENTING_NAMESPACE,
  service: 'eventing-webhook',
  secret: 'eventing-webhook-certs',
  hooks: {
    defaulting: 'webhook.eventing.knative.dev',
    validation: 'validation.webhook.eventing.knative.dev',
    config: 'config.webhook.eventing.knative.dev',
  },
  admissions: eventingAdmissions,
};

const COMPONENTS: readonly WebhookComponent[] = [SERVING_WEBHOOK, EVENTING_WEBHOOK];
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const LISTEN = '127.0.0.1:8443';
const ADMIN_LISTEN = '127.0.0.1:0';
/** What answers under way may still take once nothing new is accepted. */
const LAST_ANSWERS = 10_000;

/**
 * Runs until a signal.
 * @param only the one component to serve; undefined for all
 * @returns the exit code
 * @throws UsageError for an environment or a port that cannot be used
 */
export async function runWebhook(env: NodeJS.ProcessEnv, only: string | undefined): Promise<number> {
  const settings = settingsFrom(env);
  const components = COMPONENTS.filter(({ name }) => only === undefined || name === only);
  const log = createLogger(settings.logLevel, { process: 'webhook' });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const transport = apiFrom(env);
  const client = new Client(transport);
  const signal = nextSignal();
  const server = await startWebhook({ client, components, ...settings.listen, registry, log }).catch(portProblem);
  let isDraining = false;
  const missing = () => (isDraining ? ['draining'] : server.missing());
  const admin = await startAdmin(registry, missing, settings.admin);
  const { port } = admin.address() as AddressInfo;
  log.info('listening', {
    webhook: `${settings.listen.host}:${server.port}`,
    admin: `${settings.admin.host}:${port}`,
  });
  void server.synced.then(() => log.info('serving', { components: components.map(({ name }) => name) }));
  const name = await signal;
  isDraining = true;
  log.info('draining', { why: name });
  // Until the API server has heard that this endpoint is not ready, it goes on asking here.
  await new Promise((resolve) => setTimeout(resolve, settings.drainSeconds * 1000));
  await server.stop(LAST_ANSWERS);
  admin.close();
  admin.closeAllConnections();
  transport.close();
  return 0;
}

interface Settings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
  readonly drainSeconds: number;
  readonly logLevel: LogLevel;
}

/** @throws UsageError that names the variable */
function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  const { WEBHOOK_LISTEN = LISTEN, ADMIN_LISTEN: admin = ADMIN_LISTEN, WEBHOOK_DRAIN_SECONDS: drain = '0' } = env;
  const { LOG_LEVEL = 'info' } = env;
  const logLevel = LEVELS.find((level) => level === LOG_LEVEL);
  if (logLevel === undefined) throw new UsageError(`LOG_LEVEL must be one of ${LEVELS.join(', ')}`);
  const drainSeconds = Number(drain);
  if (!(drainSeconds >= 0 && drainSeconds <= 3600))
    throw new UsageError(`WEBHOOK_DRAIN_SECONDS must be from 0 to 3600, not "${drain}"`);
  return {
    listen: addressOf('WEBHOOK_LISTEN', WEBHOOK_LISTEN),
    admin: addressOf('ADMIN_LISTEN', admin),
    drainSeconds,
    logLevel,
  };
}

function addressOf(name: string, text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new UsageError(`${name} must be HOST:PORT, not "${text}"`);
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

/** @throws UsageError when the environment names no API server */
function apiFrom(env: NodeJS.ProcessEnv): HttpTransport {
  try {
    return transportFromEnvironment(env, 'zeroth-webhook');
  } catch (error) {
    if (error instanceof TransportError) throw new UsageError(error.message);
    throw error;
  }
}

function portProblem(error: unknown): WebhookProcess {
  const code = errorCode(error);
  if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL')
    throw new UsageError(`cannot listen: ${error instanceof Error ? error.message : code}; set WEBHOOK_LISTEN`);
  throw error;
}

function startAdmin(
  registry: Registry,
  missing: () => readonly string[],
  address: { readonly host: string; readonly port: number },
): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    };
    const path = (request.url ?? '').split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET\n');
    if (path === '/healthz') return answer(200, 'ok\n');
    if (path === '/readyz') {
      const lacking = missing();
      return lacking.length === 0 ? answer(200, 'ok\n') : answer(503, `not ready: ${lacking.join(', ')}\n`);
    }
    if (path !== '/metrics') return answer(404, 'see /metrics, /healthz, /readyz\n');
    registry.metrics().then(
      (text) => answer(200, text, registry.contentType),
      (error: unknown) => answer(500, `${messageOf(error)}\n`),
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}
