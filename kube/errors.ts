/** Failures of the Kubernetes API as the caller sees them. */

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** A `v1 Status` body. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Failure' | 'Success';
  message?: string;
  reason?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
  code?: number;
}

/** Any answer of 400 or above. `reason` is Kubernetes' (`NotFound`, `Conflict`, `AlreadyExists`, `Invalid`, `Gone`, …). */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? `${status.reason ?? 'Failure'} (${status.code ?? 500})`);
    this.name = 'ApiError';
    this.code = status.code ?? 500;
    this.reason = status.reason ?? '';
    this.status = status;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.code === 404;
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.reason === 'Conflict';
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof ApiError && error.reason === 'AlreadyExists';
export const isGone = (error: unknown): boolean => error instanceof ApiError && error.code === 410;

export function failure(code: number, reason: string, message: string, details?: Status['details']): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code };
}

/** The Status of an answer of 400 or above, made up when its body is none. */
export function asStatus(code: number, body: unknown): Status {
  if (typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status')
    return { code, ...(body as Status) };
  return failure(code, 'InternalError', typeof body === 'string' && body !== '' ? body : `the server answered ${code}`);
}

/** No usable answer could be had from the server: what a transport rejects with. */
export class TransportError extends Error {
  /**
   * `ECONNREFUSED` and the like as the system says, or `CONNECT_TIMEOUT`, `TIMEOUT`, `TOO_LARGE`, `MALFORMED`,
   * `CLOSED`, `CONFIGURATION`.
   */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransportError';
    this.code = code;
  }
}
