/** Failures of this room, each with a stable code and, where a producer sees it, the HTTP status it maps to. */

const STATUS = {
  InvalidEvent: 400,
  InvalidPath: 400,
  TtlExhausted: 400,
  BrokerNotFound: 404,
  NoPath: 404,
  MethodNotAllowed: 405,
  BodyTimeout: 408,
  BodyTooLarge: 413,
  HeadersTooLarge: 431,
  Overloaded: 429,
  BrokerUnavailable: 503,
  NotSynced: 503,
  ShuttingDown: 503,
  LogFull: 507,
  LogFailed: 503,
  LogCorrupt: 503,
  LogClosed: 503,
  FolderLocked: 503,
  BadConfiguration: 500,
} as const;

export type BrokerErrorCode = keyof typeof STATUS;

export class BrokerError extends Error {
  readonly code: BrokerErrorCode;
  /** HTTP status of the answer to a producer. */
  readonly status: number;
  /** Seconds after which another try makes sense; undefined when it does not. */
  readonly retryAfter: number | undefined;

  constructor(code: BrokerErrorCode, message: string, options: { cause?: unknown; retryAfter?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BrokerError';
    this.code = code;
    this.status = STATUS[code];
    this.retryAfter = options.retryAfter;
  }
}

export function isCode(error: unknown, code: BrokerErrorCode): boolean {
  return error instanceof BrokerError && error.code === code;
}

export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
