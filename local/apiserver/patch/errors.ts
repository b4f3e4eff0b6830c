/** Failures of patches, as the API server answers them. */
import { ApiError, failure, type StatusCause } from '../../../kube/errors.ts';

/** 400: the patch cannot be understood or does not fit the object. */
export function badPatch(message: string): ApiError {
  return new ApiError(failure(400, 'BadRequest', message));
}

/** 422: the patch is well formed but cannot be carried out on this object. */
export function unprocessablePatch(message: string, pointer?: string): ApiError {
  return new ApiError(
    failure(422, 'Invalid', `the server rejected our request due to an error in our request`, {
      causes: [{ reason: 'FieldValueInvalid', message, field: pointer }],
    }),
  );
}

/** 413: more operations than one patch may hold. */
export function patchTooLarge(limit: number, actual: number): ApiError {
  return new ApiError(
    failure(413, 'RequestEntityTooLarge', `The allowed maximum operations in a JSON patch is ${limit}, got ${actual}`),
  );
}

/** 409: fields of other managers would change. */
export function applyConflict(message: string, causes: StatusCause[]): ApiError {
  return new ApiError(failure(409, 'Conflict', message, { causes }));
}

/** 500 without reason, as Kubernetes answers an applied object that does not fit its type. */
export function badApply(message: string): ApiError {
  return new ApiError(failure(500, '', message));
}
