/**
 * Admission of a write: the in-process admissions of its kind, then the webhooks that concern it. First what changes
 * the object, then what allows it.
 */
import { resourceKey } from '../../../api/resource.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { AdmissionContext, AdmissionQuestion } from '../../../kube/admission.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { Attributes } from '../admission/attributes.ts';
import { reviewed } from '../admission/reviews.ts';
import { badRequest } from '../errors.ts';
import { isObject } from '../json.ts';
import type { KindInfo } from '../registry.ts';
import type { Body } from '../body.ts';
import type { Call, Core } from './call.ts';
import { checkMetadataTypes } from './metadata.ts';
import { withDefaults, withoutUnknownFields } from './rules.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export type Operation = AdmissionContext['operation'];

/** May a write of this kind have to wait for an answer? */
export function needsReviews(core: Core, info: KindInfo): boolean {
  return !core.webhooks.isEmpty || admissionsOf(core, info).some(({ question }) => question !== undefined);
}

/**
 * The object as defaulting and mutating webhooks leave it; the same when they change nothing.
 * @throws ReviewNeeded, ApiError
 */
export function admittedChanges(
  core: Core,
  call: Call,
  info: KindInfo,
  operation: Operation,
  object: Body,
  old: Body | undefined,
): Body {
  const defaulted = inProcessDefaults(core, call, info, operation, object, old);
  const { reviews, subresource } = call;
  // A scale is reviewed as the Scale it is.
  if (reviews === undefined || subresource === 'scale') return defaulted;
  const candidates = core.webhooks.hooks.matching('mutating', { info, operation, subresource });
  if (candidates.length === 0) return defaulted;
  const isNew = old === undefined;
  const { generatedName } = reviews;
  const shown = isNew ? unborn(defaulted, generatedName) : defaulted;
  const changed = core.webhooks.mutated(call, reviews, candidates, attributesOf(call, info, operation, shown, old), {
    normalize: (next) => normalized(info, next),
    again(next) {
      if (!isNew) return inProcessDefaults(core, call, info, operation, next, old);
      return unborn(inProcessDefaults(core, call, info, operation, born(next, defaulted), old), generatedName);
    },
  });
  if (changed === undefined || changed === shown) return defaulted;
  if (info.namespaced && changed.metadata.namespace !== call.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return isNew ? born(changed, defaulted) : changed;
}

/**
 * Returns when the request is allowed.
 * @param object undefined for DELETE
 * @throws ReviewNeeded, ApiError as the verdict says
 */
export function admissionVerdict(
  core: Core,
  call: Call,
  info: KindInfo,
  operation: Operation,
  object: Body | undefined,
  old: Body | undefined,
): void {
  const judged = object ?? old;
  const questions: AdmissionQuestion[] = [];
  if (judged !== undefined) {
    for (const admission of admissionsOf(core, info)) {
      const context = contextOf(core, call, operation);
      const verdict = admission.validate?.(judged, old, context);
      call.warnings.push(...(verdict?.warnings ?? []));
      if (verdict?.denied !== undefined) throw new ApiError(verdict.denied);
      const question = call.reviews === undefined ? undefined : admission.question?.(judged, old, context);
      if (question !== undefined) questions.push(question);
    }
  }
  const { reviews, subresource } = call;
  if (reviews === undefined || subresource === 'scale') return;
  const { webhooks } = core;
  if (object === undefined) {
    // Who watches deletions may be registered as a mutating webhook, too; there is nothing it could change.
    const asked = webhooks.hooks.matching('mutating', { info, operation, subresource });
    const attributes = attributesOf(call, info, operation, object, old);
    if (asked.length > 0) webhooks.mutated(call, reviews, asked, attributes, UNCHANGED);
  }
  const candidates = webhooks.hooks.matching('validating', { info, operation, subresource });
  const policies = webhooks.policies.matching({ info, operation, subresource });
  if (candidates.length + policies.length + questions.length === 0) return;
  const attributes = attributesOf(call, info, operation, object, old);
  webhooks.validated(call, reviews, { candidates, policies, questions }, attributes);
}

/**
 * Admission of what is sent to a subresource with a kind of its own: Scale, Binding, Eviction, PodExecOptions.
 * @returns the object as webhooks leave it
 * @throws ReviewNeeded, ApiError
 */
export function admittedSubresource(
  core: Core,
  call: Call,
  kind: NonNullable<Attributes['kind']>,
  operation: Attributes['operation'],
  object: Body,
  old: Body | undefined,
): Body {
  const { reviews, info, subresource } = call;
  if (reviews === undefined) return object;
  const { hooks } = core.webhooks;
  const attributes = { ...attributesOf(call, info, operation, object, old), kind };
  const mutating = hooks.matching('mutating', { info, operation, subresource });
  const changed =
    mutating.length === 0 ? object : (core.webhooks.mutated(call, reviews, mutating, attributes, UNCHANGED) ?? object);
  const candidates = hooks.matching('validating', { info, operation, subresource });
  const policies = core.webhooks.policies.matching({ info, operation, subresource });
  const validators = { candidates, policies, questions: [] };
  if (candidates.length + policies.length > 0)
    core.webhooks.validated(call, reviews, validators, { ...attributes, object: changed });
  return changed;
}

/**
 * Admission of a connection to a pod: exec, attach, port-forward.
 * @param options what it is opened with, an object of the kind
 * @throws ApiError when it is denied
 */
export async function admitConnection(core: Core, call: Call, kind: string, options: object): Promise<void> {
  if (core.webhooks.isEmpty) return;
  const object = { kind, apiVersion: 'v1', ...options } as unknown as Body;
  const type = { group: '', version: 'v1', kind };
  await reviewed(call, (under) =>
    Promise.resolve().then(() => admittedSubresource(core, under, type, 'CONNECT', object, undefined)),
  );
}

const UNCHANGED = { normalize: (object: Body) => object, again: (object: Body) => object };

function inProcessDefaults(
  core: Core,
  call: Call,
  info: KindInfo,
  operation: Operation,
  object: Body,
  old: Body | undefined,
): Body {
  let result: KubeObject = object;
  for (const admission of admissionsOf(core, info))
    if (admission.default !== undefined) result = admission.default(result, old, contextOf(core, call, operation));
  return result as Body;
}

/** A new object before the server has given it an identity: what mutating webhooks see. */
function unborn(object: Body, generatedName: string | undefined): Body {
  const { uid: _uid, creationTimestamp: _time, generation: _generation, ...metadata } = object.metadata;
  const { name, ...nameless } = metadata;
  const shown = name === generatedName ? nameless : metadata;
  return { ...object, metadata: shown as Body['metadata'] };
}

function born(object: Body, { metadata: { name, uid, creationTimestamp, generation } }: Body): Body {
  const identity = generation === undefined ? { uid, creationTimestamp } : { uid, creationTimestamp, generation };
  return { ...object, metadata: { ...object.metadata, name: object.metadata.name ?? name, ...identity } };
}

/** What a webhook made of an object, as the kind has it. */
function normalized(info: KindInfo, object: Body): Body {
  checkMetadataTypes(info, object);
  const known = withoutUnknownFields({ fieldValidation: 'Ignore', warnings: [] }, info, object);
  return withDefaults(info, known) as Body;
}

function attributesOf(
  call: Call,
  info: KindInfo,
  operation: Attributes['operation'],
  object: Body | undefined,
  old: Body | undefined,
): Attributes {
  const { subresource, user, dryRun } = call;
  const metadata = (object ?? old)?.metadata;
  return {
    operation,
    info,
    subresource,
    namespace: call.namespace ?? metadata?.namespace,
    name: call.name ?? metadata?.name ?? '',
    object,
    old,
    user,
    dryRun,
    options: optionsOf(call, operation),
  };
}

const OPTION_KINDS = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const;

function optionsOf({ query, body, dryRun }: Call, operation: Attributes['operation']): Attributes['options'] {
  if (operation === 'CONNECT') return null;
  const type = { kind: OPTION_KINDS[operation], apiVersion: 'meta.k8s.io/v1' };
  if (operation === 'DELETE') return isObject(body) ? { ...body, ...type } : type;
  const { fieldManager, fieldValidation } = query;
  return {
    ...type,
    ...(dryRun ? { dryRun: ['All'] } : {}),
    ...(fieldManager ? { fieldManager } : {}),
    ...(fieldValidation ? { fieldValidation } : {}),
  };
}

function admissionsOf(core: Core, info: KindInfo) {
  const key = resourceKey(info);
  return core.admissions.filter((admission) => resourceKey(admission.type) === key);
}

function contextOf(core: Core, call: Call, operation: Operation): AdmissionContext {
  return {
    operation,
    subresource: call.subresource,
    dryRun: call.dryRun,
    username: call.user.name,
    now: timestamp(call.now),
    config(namespace, name) {
      const map = core.store.peek('/configmaps', `${namespace}/${name}`) as Body | undefined;
      if (map === undefined || !isObject(map.data)) return {};
      const { _example: _, ...data } = map.data;
      return data as Record<string, string>;
    },
  };
}
