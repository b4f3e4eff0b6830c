/** Runs the in-process admissions of a kind: defaulting, then validation. */
import { resourceKey } from '../../../api/resource.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { AdmissionContext } from '../../../kube/admission.ts';
import { ApiError } from '../../../kube/errors.ts';
import { isObject, timestamp } from '../json.ts';
import type { KindInfo } from '../registry.ts';
import type { Body, Call, Core } from './call.ts';

export type Operation = AdmissionContext['operation'];

export function admissionDefaults(
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

/** @throws ApiError as the verdict says */
export function admissionVerdict(
  core: Core,
  call: Call,
  info: KindInfo,
  operation: Operation,
  object: Body,
  old: Body | undefined,
): void {
  for (const admission of admissionsOf(core, info)) {
    const verdict = admission.validate?.(object, old, contextOf(core, call, operation));
    if (verdict === undefined) continue;
    call.warnings.push(...(verdict.warnings ?? []));
    if (verdict.denied !== undefined) throw new ApiError(verdict.denied);
  }
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
