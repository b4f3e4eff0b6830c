/** Structured logs: one JSON line an event on stderr. Errors keep message and stack; secrets are never passed in. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  with(fields: LogFields): Logger;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** @param write takes one line without its newline */
export function createLogger(
  level: LogLevel,
  fields: LogFields = {},
  write: (line: string) => void = toStderr,
): Logger {
  const least = LEVELS.indexOf(level);
  const at = (name: LogLevel) => (message: string, more?: LogFields) => {
    if (LEVELS.indexOf(name) < least) return;
    write(
      JSON.stringify({ time: new Date().toISOString(), level: name, message, ...plain(fields), ...plain(more ?? {}) }),
    );
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLogger(level, { ...fields, ...more }, write),
  };
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};

function toStderr(line: string): void {
  process.stderr.write(line + '\n');
}

function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? { message: value.message, stack: value.stack } : value,
    ]),
  );
}
