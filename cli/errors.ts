/** Failures a person caused or can mend: one clear line on stderr, no stack. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** Wrong words on the command line, or a port in use: exit 2. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, 2);
    this.name = 'UsageError';
  }
}

/** The `code` of a Node system error, such as `EADDRINUSE`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** @param path what could not be written, with a space before it; '' where that is not known */
export function diskFull(path: string): CommandError {
  return new CommandError(
    `cannot write${path}: no space left on the disk; free some space and run it again (nothing that was stored is lost)`,
  );
}

/** What the machine refused, in one line that says what to do; undefined when that is not what went wrong. */
export function machineRefusal(error: unknown): CommandError | undefined {
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? ` ${error.path}` : '';
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(path);
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return path === ''
        ? undefined
        : new CommandError(`may not use${path}; change its permissions or choose another --state`);
    case 'EMFILE':
    case 'ENFILE':
      return new CommandError('too many open files; raise the limit (ulimit -n) and run it again');
    default:
      return undefined;
  }
}
