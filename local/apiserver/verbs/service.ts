/** Services: their type's fields and their cluster IPs. Source: Kubernetes "Service", "ClusterIP allocation". */
import { isObject, type JsonObject } from '../json.ts';
import type { KindInfo } from '../registry.ts';
import type { FieldProblem } from '../schema/problems.ts';
import type { Body } from '../body.ts';
import type { Core } from './call.ts';
import { refuseProblems } from './metadata.ts';

/** Fills in families and keeps addresses over an update that leaves them out. Allocation comes last: `allocate`. */
export function withService(object: Body, old: Body | undefined): Body {
  if (!isObject(object.spec)) return object;
  const spec: JsonObject = { ...object.spec };
  const before = old !== undefined && isObject(old.spec) ? old.spec : {};
  if (spec.type === 'ExternalName') {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'])
      delete spec[field];
    return { ...object, spec };
  }
  if ((spec.clusterIP === undefined || spec.clusterIP === '') && typeof before.clusterIP === 'string')
    spec.clusterIP = before.clusterIP;
  if (Array.isArray(spec.clusterIPs) && (spec.clusterIP === undefined || spec.clusterIP === '') && spec.clusterIPs[0])
    spec.clusterIP = spec.clusterIPs[0];
  if (typeof spec.clusterIP === 'string' && spec.clusterIP !== '') spec.clusterIPs = [spec.clusterIP];
  spec.ipFamilies ??= before.ipFamilies ?? ['IPv4'];
  spec.ipFamilyPolicy ??= before.ipFamilyPolicy ?? 'SingleStack';
  spec.internalTrafficPolicy ??= before.internalTrafficPolicy ?? 'Cluster';
  return { ...object, spec };
}

/**
 * Gives the Service its address, or checks the one it asks for.
 * @returns the object, and what undoes the allocation when the write fails
 * @throws ApiError 422 for an address that is taken, out of range or changed
 */
export function allocate(core: Core, info: KindInfo, object: Body, old: Body | undefined): [Body, () => void] {
  const nothing = () => undefined;
  if (!isObject(object.spec) || object.spec.type === 'ExternalName') return [object, nothing];
  const owner = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  const spec = object.spec;
  const { clusterIP } = spec;
  const before = old !== undefined && isObject(old.spec) ? old.spec.clusterIP : undefined;
  const refuse = (problem: FieldProblem) => refuseProblems(info, object.metadata.name, [problem]);
  if (clusterIP === 'None') return [object, nothing];
  if (typeof clusterIP === 'string' && clusterIP !== '') {
    if (clusterIP === before) return [object, nothing];
    if (before !== undefined && before !== '' && before !== 'None')
      refuse({
        type: 'FieldValueInvalid',
        field: 'spec.clusterIPs[0]',
        badValue: [clusterIP],
        detail: 'may not change once set',
      });
    if (!core.ips.contains(clusterIP))
      refuse({
        type: 'FieldValueInvalid',
        field: 'spec.clusterIPs',
        badValue: [clusterIP],
        detail: `failed to allocate IP ${clusterIP}: the provided IP is not in the valid range`,
      });
    const holder = core.ips.ownerOf(clusterIP);
    if (holder !== undefined && holder !== owner)
      refuse({
        type: 'FieldValueInvalid',
        field: 'spec.clusterIPs',
        badValue: [clusterIP],
        detail: `failed to allocate IP ${clusterIP}: provided IP is already allocated`,
      });
    core.ips.take(clusterIP, owner);
    return [object, () => core.ips.release(clusterIP, owner)];
  }
  const address = core.ips.allocate(owner);
  if (address === undefined)
    refuse({
      type: 'FieldValueInvalid',
      field: 'spec.clusterIPs',
      badValue: [],
      detail: 'failed to allocate a serviceIP: range is full',
    });
  const allocated = { ...object, spec: { ...spec, clusterIP: address, clusterIPs: [address] } };
  return [allocated, () => address !== undefined && core.ips.release(address, owner)];
}
