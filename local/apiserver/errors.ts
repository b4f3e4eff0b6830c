/** The failures this server answers with, in Kubernetes' words, so that clients which read reasons and texts can. */
import { ApiError, failure, type Status, type StatusCause } from '../../kube/errors.ts';
import type { KindInfo } from './registry.ts';

type Named = Pick<KindInfo, 'group' | 'plural'>;

/** `deployments.apps`, or `pods` in the core group. */
export function qualifiedResource(info: Named): string {
  return info.group === '' ? info.plural : `${info.plural}.${info.group}`;
}

function about(info: Named, name: string, causes?: StatusCause[]): Status['details'] {
  const details: NonNullable<Status['details']> = {};
  if (name !== '') details.name = name;
  if (info.group !== '') details.group = info.group;
  details.kind = info.plural;
  if (causes !== undefined) details.causes = causes;
  return details;
}

export function notFound(info: Named, name: string): ApiError {
  return new ApiError(failure(404, 'NotFound', `${qualifiedResource(info)} "${name}" not found`, about(info, name)));
}

/** The path itself is unknown: no such group, version, resource or subresource. */
export function noSuchPath(): ApiError {
  return new ApiError(failure(404, 'NotFound', 'the server could not find the requested resource', {}));
}

/** Without a reason, as Kubernetes has it. */
export function versionOfNothing(): ApiError {
  return new ApiError(failure(500, '', 'resourceVersion should not be set on objects to be created'));
}

export function alreadyExists(info: Named, name: string): ApiError {
  return new ApiError(
    failure(409, 'AlreadyExists', `${qualifiedResource(info)} "${name}" already exists`, about(info, name)),
  );
}

export function conflict(info: Named, name: string, why?: string): ApiError {
  const text = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return new ApiError(
    failure(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${qualifiedResource(info)} "${name}": ${text}`,
      about(info, name),
    ),
  );
}

export function badRequest(message: string): ApiError {
  return new ApiError(failure(400, 'BadRequest', message));
}

export function forbidden(info: Named, name: string, why: string, causes?: StatusCause[]): ApiError {
  const what = name === '' ? qualifiedResource(info) : `${qualifiedResource(info)} "${name}"`;
  return new ApiError(failure(403, 'Forbidden', `${what} is forbidden: ${why}`, about(info, name, causes)));
}

export function unauthorized(): ApiError {
  return new ApiError(failure(401, 'Unauthorized', 'Unauthorized'));
}

export function methodNotAllowed(): ApiError {
  return new ApiError(
    failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {}),
  );
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  return new ApiError(
    failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`),
  );
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError(
    failure(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    ),
  );
}

export function tooLarge(limit: number): ApiError {
  return new ApiError(failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`, {}));
}

/** A resourceVersion or continue token from before what is still remembered. */
export function expired(message: string): ApiError {
  return new ApiError(failure(410, 'Expired', message));
}

export function tooManyRequests(message: string, retryAfterSeconds: number, causes?: StatusCause[]): ApiError {
  return new ApiError(failure(429, 'TooManyRequests', message, { retryAfterSeconds, causes }));
}

export function internal(message: string): ApiError {
  return new ApiError(failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] }));
}

export function unavailable(message: string): ApiError {
  return new ApiError(failure(503, 'ServiceUnavailable', message));
}

/** A write that could not be made durable. Reading goes on. */
export function notStored(cause: NodeJS.ErrnoException): ApiError {
  if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
    return new ApiError(
      failure(507, 'InsufficientStorage', 'not stored: disk full; free some space and try again (reads still work)'),
    );
  }
  return new ApiError(
    failure(500, 'InternalError', `not stored: ${cause.message}; restart zeroth once the disk is sound again`),
  );
}

/** Why the store cannot be opened. The message is for the user of the command line, whole as it is. */
export class StoreError extends Error {
  readonly code: 'locked' | 'corrupt' | 'unreadable';

  constructor(code: StoreError['code'], message: string) {
    super(message);
    this.name = 'StoreError';
    this.code = code;
  }
}
