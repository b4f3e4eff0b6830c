/** AdmissionReview on the side of the webhook: reads a request, words an answer. Source: admission.k8s.io/v1, v1beta1. */
import type { KubeObject } from '../../api/object.ts';
import type { Status } from '../errors.ts';
import type { PatchOperation } from './json-diff.ts';
import { messageOf } from '../message.ts';

export interface ReviewRequest {
  readonly apiVersion: string;
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly operation: string;
  readonly subResource: string | undefined;
  readonly username: string;
  readonly dryRun: boolean;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

export interface ReviewResponse {
  readonly allowed: boolean;
  readonly status?: Status;
  readonly patch?: readonly PatchOperation[];
  readonly warnings?: readonly string[];
}

/** What was sent is no AdmissionReview. */
export class MalformedReview extends Error {}

/** @throws MalformedReview */
export function parseReview(text: string): ReviewRequest {
  let review: unknown;
  try {
    review = JSON.parse(text);
  } catch (error) {
    throw new MalformedReview(`could not decode body: ${messageOf(error)}`);
  }
  if (!isFields(review) || review.kind !== 'AdmissionReview' || !isFields(review.request))
    throw new MalformedReview('could not decode body: it is no AdmissionReview with a request');
  const { request } = review;
  const kind = isFields(request.kind) ? request.kind : {};
  const user = isFields(request.userInfo) ? request.userInfo : {};
  return {
    apiVersion: textOf(review.apiVersion),
    uid: textOf(request.uid),
    kind: { group: textOf(kind.group), version: textOf(kind.version), kind: textOf(kind.kind) },
    operation: textOf(request.operation),
    subResource: textOf(request.subResource) || undefined,
    username: textOf(user.username),
    dryRun: request.dryRun === true,
    object: objectOf(request.object, 'object'),
    oldObject: objectOf(request.oldObject, 'oldObject'),
  };
}

export function reviewText({ apiVersion, uid }: ReviewRequest, response: ReviewResponse): string {
  const { allowed, status, patch, warnings } = response;
  return JSON.stringify({
    apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(status === undefined ? {} : { status }),
      ...(patch === undefined || patch.length === 0
        ? {}
        : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
      // The API server drops a warning that has line breaks.
      ...(warnings === undefined || warnings.length === 0
        ? {}
        : { warnings: warnings.flatMap((warning) => warning.split('\n')) }),
    },
  });
}

function objectOf(value: unknown, name: string): KubeObject | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value) || !isFields(value.metadata))
    throw new MalformedReview(`could not decode body: request.${name} is no object with metadata`);
  return value as unknown as KubeObject;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
