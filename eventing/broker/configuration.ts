/** The process' environment, read once. ARCHITECTURE.md, "Data-path processes", lists the variables. */
import { CLUSTER_DOMAIN } from '../../api/zeroth.ts';
import type { LogLevel } from '../../kube/log.ts';
import { BrokerError } from './errors.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface Configuration {
  readonly listen: HostPort;
  readonly admin: HostPort;
  readonly dataDir: string;
  readonly gateway: HostPort | undefined;
  readonly clusterDomain: string;
  readonly logLevel: LogLevel;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** @throws BrokerError `BadConfiguration` that names the variable */
export function readConfiguration(env: NodeJS.ProcessEnv): Configuration {
  const dataDir = env['BROKER_DATA_DIR'] ?? '';
  if (dataDir === '') throw bad('BROKER_DATA_DIR', 'must name the folder that keeps the events');
  const level = LEVELS.find((one) => one === (env['LOG_LEVEL'] ?? 'info'));
  if (level === undefined) throw bad('LOG_LEVEL', `must be one of ${LEVELS.join(', ')}`);
  return {
    listen: hostPort('BROKER_LISTEN', env['BROKER_LISTEN'] ?? '127.0.0.1:0'),
    admin: hostPort('ADMIN_LISTEN', env['ADMIN_LISTEN'] ?? '127.0.0.1:0'),
    dataDir: dataDir.replace(/(?<=.)\/+$/, ''),
    gateway: env['GATEWAY_INTERNAL'] ? hostPort('GATEWAY_INTERNAL', env['GATEWAY_INTERNAL']) : undefined,
    clusterDomain: CLUSTER_DOMAIN,
    logLevel: level,
  };
}

function hostPort(name: string, text: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw bad(name, `must be HOST:PORT, not "${text}"`);
  return { host: match[1] ?? (match[2] === '' || match[2] === undefined ? '0.0.0.0' : match[2]), port };
}

function bad(name: string, what: string): BrokerError {
  return new BrokerError('BadConfiguration', `${name} ${what}`);
}
