/** Metadata every object has: what the server fills in, keeps, and checks. Source: Kubernetes "Object Names and IDs". */
import type { ObjectMeta } from '../../../api/object.ts';
import { randomInt, randomUUID } from 'node:crypto';
import { ApiError } from '../../../kube/errors.ts';
import { badRequest, conflict } from '../errors.ts';
import { storageOf, type KindInfo } from '../registry.ts';
import { invalidStatus, type FieldProblem } from '../schema/problems.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const LONGEST_BASE = 63 - SUFFIX_LENGTH;

/** A name for an object that asked for one by `generateName`. */
export function generatedName(base: string): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++) suffix += SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)] ?? '';
  return base.slice(0, LONGEST_BASE) + suffix;
}

/** The metadata of a new object: what clients may not choose is the server's. */
export function newMetadata(
  info: KindInfo,
  given: ObjectMeta,
  namespace: string | undefined,
  now: number,
  uid: string = randomUUID(),
): ObjectMeta {
  const {
    deletionTimestamp: _deletion,
    deletionGracePeriodSeconds: _grace,
    resourceVersion: _version,
    generation: _generation,
    namespace: _namespace,
    ...kept
  } = given;
  const metadata: ObjectMeta = { ...kept, uid, creationTimestamp: timestamp(now) };
  if (info.namespaced) metadata.namespace = namespace;
  if (hasGeneration(info)) metadata.generation = 1;
  return metadata;
}

/** The metadata of an update: identity and deletion stay as they are. */
export function keptMetadata(info: KindInfo, next: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const {
    deletionTimestamp: _deletion,
    deletionGracePeriodSeconds: _grace,
    generation: _generation,
    generateName: _generate,
    ...kept
  } = next;
  const metadata: ObjectMeta = {
    ...kept,
    name: old.name,
    uid: old.uid,
    creationTimestamp: old.creationTimestamp,
    resourceVersion: old.resourceVersion,
  };
  if (info.namespaced) metadata.namespace = old.namespace;
  if (old.generateName !== undefined) metadata.generateName = old.generateName;
  if (old.generation !== undefined) metadata.generation = old.generation;
  if (old.deletionTimestamp !== undefined) metadata.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds;
  return metadata;
}

/** @throws ApiError 409 when the object is not, or no longer, the one the writer saw */
export function checkPreconditions(info: KindInfo, next: ObjectMeta, old: ObjectMeta): void {
  if (next.uid !== undefined && next.uid !== '' && next.uid !== old.uid)
    throw conflict(
      info,
      old.name,
      `Precondition failed: UID in precondition: ${next.uid}, UID in object meta: ${old.uid ?? ''}`,
    );
  const version = next.resourceVersion;
  if (version !== undefined && version !== '' && version !== '0' && version !== old.resourceVersion)
    throw conflict(info, old.name);
}

/** Kinds whose `metadata.generation` counts changes of their spec; every custom resource does. */
const WITH_GENERATION: ReadonlySet<string> = new Set([
  '/pods',
  '/podtemplates',
  '/replicationcontrollers',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'batch/cronjobs',
  'batch/jobs',
  'discovery.k8s.io/endpointslices',
  'networking.k8s.io/ingressclasses',
  'networking.k8s.io/ingresses',
  'networking.k8s.io/networkpolicies',
  'policy/poddisruptionbudgets',
  'scheduling.k8s.io/priorityclasses',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'apiextensions.k8s.io/customresourcedefinitions',
]);

export function hasGeneration(info: KindInfo): boolean {
  return info.custom !== undefined || WITH_GENERATION.has(storageOf(info));
}

/** @throws ApiError 400 when path and body disagree, or there is no name */
export function checkAddress(
  info: KindInfo,
  metadata: ObjectMeta,
  namespace: string | undefined,
  name: string | undefined,
): void {
  const inBody = metadata.namespace;
  if (info.namespaced && inBody !== undefined && inBody !== '' && inBody !== namespace)
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  if (!info.namespaced && inBody !== undefined && inBody !== '')
    throw badRequest('namespace is not allowed on this type');
  if (name !== undefined && metadata.name !== name)
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
}

/** @throws ApiError 422 when there are problems */
export function refuseProblems(info: KindInfo, name: string, problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new ApiError(invalidStatus(info.kind, info.group, name, problems));
}

/** Labels, annotations and the like have their types, whatever the kind: everything later relies on it. */
export function checkMetadataTypes(info: KindInfo, object: { readonly metadata?: unknown }): void {
  const { metadata } = object;
  const wrong = (path: string, what: string): never => {
    throw badRequest(
      `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: json: cannot unmarshal into Go struct field ${path} of type ${what}`,
    );
  };
  if (metadata === undefined) return;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    return wrong('.metadata', 'v1.ObjectMeta');
  const members = metadata as Record<string, unknown>;
  for (const field of ['name', 'generateName', 'namespace', 'uid', 'resourceVersion'])
    if (members[field] !== undefined && members[field] !== null && typeof members[field] !== 'string')
      wrong(`ObjectMeta.metadata.${field}`, 'string');
  for (const field of ['labels', 'annotations']) {
    const map = members[field];
    if (map === undefined || map === null) continue;
    if (typeof map !== 'object' || Array.isArray(map)) wrong(`ObjectMeta.metadata.${field}`, 'map[string]string');
    for (const value of Object.values(map as object))
      if (typeof value !== 'string') wrong(`ObjectMeta.metadata.${field}`, 'string');
  }
  const { finalizers, ownerReferences } = members;
  if (finalizers !== undefined && finalizers !== null)
    if (!Array.isArray(finalizers) || finalizers.some((one) => typeof one !== 'string'))
      wrong('ObjectMeta.metadata.finalizers', '[]string');
  if (ownerReferences !== undefined && ownerReferences !== null)
    if (!Array.isArray(ownerReferences) || ownerReferences.some((one) => typeof one !== 'object' || one === null))
      wrong('ObjectMeta.metadata.ownerReferences', '[]v1.OwnerReference');
}
