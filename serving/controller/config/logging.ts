/** config-logging: a level a component. Source: reference section 5. */
import { ConfigError, type ConfigData } from './parse.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggingConfig {
  /** By component; those of zap above `error` count as `error`. */
  readonly levels: Readonly<Record<string, LogLevel>>;
}

const PREFIX = 'loglevel.';
const LEVELS: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  dpanic: 'error',
  panic: 'error',
  fatal: 'error',
};

/** @throws ConfigError */
export function parseLogging(data: ConfigData): LoggingConfig {
  const levels: Record<string, LogLevel> = {};
  for (const [key, value] of Object.entries(data)) {
    if (!key.startsWith(PREFIX) || key === PREFIX || value === '') continue;
    const level = levelOf(value);
    if (level === undefined) throw new ConfigError(`invalid logging level: ${value}`);
    levels[key.slice(PREFIX.length)] = level;
  }
  return { levels };
}

/** All of one case, as zap has it. */
function levelOf(value: string): LogLevel | undefined {
  const lower = value.toLowerCase();
  return Object.hasOwn(LEVELS, lower) ? LEVELS[lower] : undefined;
}
