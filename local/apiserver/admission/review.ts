/** AdmissionReview: what a webhook is sent, and what is to be made of its answer. Source: admission.k8s.io/v1, v1beta1. */
import { failure, type Status } from '../../../kube/errors.ts';
import { isObject } from '../json.ts';
import type { KindInfo } from '../registry.ts';
import type { Body } from '../body.ts';
import type { Attributes } from './attributes.ts';
import type { Candidate } from './hooks.ts';

const GROUP = 'admission.k8s.io';

export interface Review {
  readonly uid: string;
  readonly version: 'v1' | 'v1beta1';
  readonly body: unknown;
}

/** @param object, old as the asked kind shows them */
export function reviewOf(
  { info: asked }: Candidate,
  version: 'v1' | 'v1beta1',
  attributes: Attributes,
  object: Body | undefined,
  old: Body | undefined,
  uid: string,
): Review {
  const { info, subresource, name, namespace, operation, user, dryRun, options } = attributes;
  const request = {
    uid,
    kind: attributes.kind ?? kindOf(asked),
    resource: resourceOf(asked),
    ...(subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource }),
    requestKind: attributes.kind ?? kindOf(info),
    requestResource: resourceOf(info),
    ...(name === '' ? {} : { name }),
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid === undefined || user.uid === '' ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    object: object ?? null,
    oldObject: old ?? null,
    dryRun,
    options,
  };
  return { uid, version, body: { kind: 'AdmissionReview', apiVersion: `${GROUP}/${version}`, request } };
}

function kindOf({ group, version, kind }: KindInfo) {
  return { group, version, kind };
}

function resourceOf({ group, version, plural }: KindInfo) {
  return { group, version, resource: plural };
}

export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly result: Partial<Status> | undefined;
  /** JSON text of a patch. */
  readonly patch: string | undefined;
  readonly patchType: string | undefined;
  readonly warnings: readonly string[];
}

/** An answer that is none; the message is Kubernetes'. */
export class InvalidAnswer extends Error {}

/** @throws InvalidAnswer */
export function answerOf(review: Review, mutating: boolean, body: unknown): ReviewAnswer {
  const given = isObject(body) ? body : {};
  const { response } = given;
  if (!isObject(response)) throw new InvalidAnswer('webhook response was absent');
  const patch = typeof response.patch === 'string' && response.patch !== '' ? response.patch : undefined;
  const strict = review.version === 'v1';
  if (strict) checkAnswer(review, mutating, given, response, patch);
  return {
    allowed: response.allowed === true,
    result: isObject(response.status) ? (response.status as Partial<Status>) : undefined,
    patch: mutating && patch !== undefined ? Buffer.from(patch, 'base64').toString('utf8') : undefined,
    patchType: strict && typeof response.patchType === 'string' ? response.patchType : 'JSONPatch',
    warnings: Array.isArray(response.warnings) ? response.warnings.filter((one) => typeof one === 'string') : [],
  };
}

function checkAnswer(
  { uid }: Review,
  mutating: boolean,
  given: Readonly<Record<string, unknown>>,
  response: Readonly<Record<string, unknown>>,
  patch: string | undefined,
): void {
  const quoted = (value: unknown): string => JSON.stringify(typeof value === 'string' ? value : '');
  if (response.uid !== uid)
    throw new InvalidAnswer(`expected response.uid=${quoted(uid)}, got ${quoted(response.uid)}`);
  if (given.apiVersion !== `${GROUP}/v1` || given.kind !== 'AdmissionReview')
    throw new InvalidAnswer(
      `expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${text(given.apiVersion)}, Kind=${text(given.kind)}`,
    );
  const { patchType } = response;
  const typed = patchType !== undefined && patchType !== null;
  if (!mutating) {
    if (patch !== undefined) throw new InvalidAnswer('validating webhook may not return response.patch');
    if (typed) throw new InvalidAnswer('validating webhook may not return response.patchType');
    return;
  }
  if (patch !== undefined && !typed)
    throw new InvalidAnswer('webhook returned response.patch but not response.patchType');
  if (patch === undefined && typed)
    throw new InvalidAnswer('webhook returned response.patchType but not response.patch');
  if (typed && patchType === '') throw new InvalidAnswer('webhook returned invalid response.patchType of ""');
}

/** The Status of a denial: the webhook's own, made to read as one and never below 400. */
export function denialOf(hook: string, result: Partial<Status> | undefined): Status {
  const by = `admission webhook ${JSON.stringify(hook)} denied the request`;
  const reason = text(result?.reason);
  const said = text(result?.message);
  const message = said !== '' ? `${by}: ${said}` : reason !== '' ? `${by}: ${reason}` : `${by} without explanation`;
  const code = typeof result?.code === 'number' && result.code >= 400 ? result.code : 400;
  return failure(code, reason, message, isObject(result?.details) ? result.details : undefined);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
