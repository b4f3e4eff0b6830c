/** The process's configuration, from its environment. Parsed once; what is wrong is said with the variable's name. */
import { hostname } from 'node:os';
import { CLUSTER_DOMAIN, SERVING_NAMESPACE } from '../../api/zeroth.ts';
import type { LogLevel } from '../../kube/log.ts';
import { InvalidSetting } from './errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Settings {
  readonly external: ListenAddress | undefined;
  readonly internal: ListenAddress | undefined;
  /** The same two for TLS. */
  readonly externalTls: ListenAddress | undefined;
  readonly internalTls: ListenAddress | undefined;
  /** Port of https in redirects, where a load balancer or NAT makes it another than that of `externalTls`. */
  readonly httpsPort: number | undefined;
  readonly admin: ListenAddress;
  readonly autoscalerUrl: string | undefined;
  readonly logLevel: LogLevel;
  readonly clusterDomain: string;
  /** Name under which the cluster reaches the gateway, written into Ingress statuses. */
  readonly gatewayDomain: string;
  readonly activatorId: string;
  /** Requests that may wait: a revision's, and all together. */
  readonly queueLimit: number;
  readonly queueTotal: number;
  readonly maxConnections: number;
  /** ms */
  readonly headerTimeout: number;
  readonly keepAliveTimeout: number;
  readonly connectTimeout: number;
  readonly drainTimeout: number;
  readonly maxHeaderSize: number;
}

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];

/** @throws InvalidSetting naming the variable */
export function settingsFrom(env: Readonly<Record<string, string | undefined>>): Settings {
  const logLevel = env['LOG_LEVEL'] ?? 'info';
  if (!isLogLevel(logLevel)) throw new InvalidSetting('LOG_LEVEL', logLevel, LEVELS.join(', '));
  const clusterDomain = env['CLUSTER_DOMAIN'] ?? CLUSTER_DOMAIN;
  const external = addressOf(env, 'GATEWAY_EXTERNAL');
  const internal = addressOf(env, 'GATEWAY_INTERNAL');
  const neither = external === undefined && internal === undefined;
  return {
    external: neither ? { host: '127.0.0.1', port: 8080 } : external,
    internal,
    externalTls: addressOf(env, 'GATEWAY_EXTERNAL_TLS'),
    internalTls: addressOf(env, 'GATEWAY_INTERNAL_TLS'),
    httpsPort: portNumberOf(env, 'GATEWAY_HTTPS_PORT'),
    admin: addressOf(env, 'ADMIN_LISTEN') ?? { host: '127.0.0.1', port: 0 },
    autoscalerUrl: env['AUTOSCALER_URL'] === '' ? undefined : env['AUTOSCALER_URL'],
    logLevel,
    clusterDomain,
    gatewayDomain: env['GATEWAY_DOMAIN'] ?? `activator-service.${SERVING_NAMESPACE}.svc.${clusterDomain}`,
    activatorId: env['POD_NAME'] ?? `${hostname()}-${process.pid}`,
    queueLimit: numberOf(env, 'GATEWAY_QUEUE_PER_REVISION', 10_000, 1),
    queueTotal: numberOf(env, 'GATEWAY_QUEUE_TOTAL', 50_000, 1),
    maxConnections: numberOf(env, 'GATEWAY_MAX_CONNECTIONS', 20_000, 1),
    headerTimeout: numberOf(env, 'GATEWAY_HEADER_TIMEOUT_SECONDS', 10, 0.05) * 1000,
    keepAliveTimeout: numberOf(env, 'GATEWAY_KEEP_ALIVE_SECONDS', 65, 0.05) * 1000,
    connectTimeout: numberOf(env, 'GATEWAY_CONNECT_TIMEOUT_SECONDS', 5, 0.05) * 1000,
    drainTimeout: numberOf(env, 'GATEWAY_DRAIN_SECONDS', 25, 0) * 1000,
    maxHeaderSize: numberOf(env, 'GATEWAY_MAX_HEADER_BYTES', 65_536, 1024),
  };
}

function isLogLevel(level: string): level is LogLevel {
  return LEVELS.includes(level);
}

function addressOf(env: Readonly<Record<string, string | undefined>>, name: string): ListenAddress | undefined {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  const match = /^(\[[0-9a-f:]+\]|[^:]*):(\d{1,5})$/i.exec(value);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new InvalidSetting(name, value, 'HOST:PORT');
  const host = match[1] ?? '';
  return { host: host.startsWith('[') ? host.slice(1, -1) : host === '' ? '0.0.0.0' : host, port };
}

function portNumberOf(env: Readonly<Record<string, string | undefined>>, name: string): number | undefined {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidSetting(name, value, 'a port');
  return port;
}

function numberOf(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  fallback: number,
  least: number,
): number {
  const value = env[name];
  if (value === undefined || value === '') return fallback;
  const number = Number(value);
  if (!Number.isFinite(number) || number < least) throw new InvalidSetting(name, value, `a number from ${least}`);
  return number;
}
