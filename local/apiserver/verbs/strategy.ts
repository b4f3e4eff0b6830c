/** What single kinds need beyond their schema when they are created or changed. */
import type { CustomResourceDefinition } from '../../../api/core.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { CLEANUP_FINALIZER, statusOf } from '../definitions.ts';
import { isObject, type JsonObject } from '../json.ts';
import { storageOf, type KindInfo } from '../registry.ts';
import type { Body } from '../body.ts';
import type { Call, Core } from './call.ts';
import { isDefinition } from './rules.ts';
import { withService } from './service.ts';
import { timestamp } from '../../../kube/timestamp.ts';

/** A new object before its validation. The status is the server's and controllers' alone where it is a subresource. */
export function prepareCreate(info: KindInfo, given: Body): Body {
  const object = { ...given };
  if (info.subresources.includes('status')) delete object.status;
  const { metadata } = object;
  switch (storageOf(info)) {
    case '/namespaces':
      object.metadata = { ...metadata, labels: { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name } };
      object.spec = { finalizers: ['kubernetes'] };
      object.status = { phase: 'Active' };
      break;
    case '/pods':
      object.status = { phase: 'Pending', qosClass: qosClass(object) };
      object.spec = withServiceAccount(object.spec);
      break;
    case '/persistentvolumeclaims':
    case '/persistentvolumes':
      object.status = { phase: 'Pending' };
      break;
    case '/secrets':
      return withSecretData(object);
    case '/services':
      object.status = { loadBalancer: {} };
      return withService(object, undefined);
    case 'batch/jobs':
      object.spec = withJobSelector(object);
      object.status = {};
      break;
    case 'apiextensions.k8s.io/customresourcedefinitions': {
      const { finalizers = [] } = metadata;
      if (!finalizers.includes(CLEANUP_FINALIZER))
        object.metadata = { ...metadata, finalizers: [...finalizers, CLEANUP_FINALIZER] };
      break;
    }
    default:
      if (info.custom === undefined && info.subresources.includes('status')) object.status = {};
  }
  return object;
}

/**
 * A changed object before its validation: the writer of the main resource changes no status, the writer of the status
 * nothing else.
 */
export function prepareUpdate(info: KindInfo, subresource: string | undefined, given: Body, old: Body): Body {
  if (subresource === 'status') return withStatusOf(info, given, old);
  const object = { ...given };
  if (info.subresources.includes('status')) {
    if (old.status === undefined) delete object.status;
    else object.status = old.status;
  }
  switch (storageOf(info)) {
    case '/namespaces':
      if (subresource !== 'finalize') object.spec = old.spec;
      break;
    case '/secrets':
      return withSecretData(object);
    case '/services':
      return withService(object, old);
    default:
  }
  return object;
}

/** What follows from an object that is known to be valid: the names a definition gets. */
export function settled(core: Core, call: Call, info: KindInfo, object: Body): Body {
  if (!isDefinition(info) || call.subresource !== undefined) return object;
  return { ...object, status: definitionStatus(core, call, object) };
}

/** Built-in kinds let the writer of a status change annotations too, and for pods and nodes labels and finalizers. */
function withStatusOf(info: KindInfo, given: Body, old: Body): Body {
  const metadata = { ...old.metadata, managedFields: given.metadata.managedFields };
  if (info.custom === undefined) {
    metadata.annotations = given.metadata.annotations;
    const storage = storageOf(info);
    if (storage === '/pods' || storage === '/nodes') {
      metadata.labels = given.metadata.labels;
      metadata.finalizers = given.metadata.finalizers;
    }
  }
  const object: Body = { ...old, metadata, status: given.status };
  if (given.status === undefined) delete object.status;
  return object;
}

/** Did anything change that `metadata.generation` counts? */
export function changesGeneration(info: KindInfo, next: Body, old: Body): boolean {
  const counted = (object: Body): JsonObject => {
    const { metadata: _metadata, apiVersion: _apiVersion, kind: _kind, ...rest } = object;
    const isolated = info.subresources.includes('status') || info.custom === undefined;
    if (isolated) delete rest.status;
    return rest;
  };
  return !deepEqual(counted(next), counted(old));
}

function definitionStatus(core: Core, call: Call, object: Body): unknown {
  const others: CustomResourceDefinition[] = [];
  for (const [, other] of core.store.entries(storageOf(call.info))) others.push(other as CustomResourceDefinition);
  return statusOf(object as unknown as CustomResourceDefinition, others, timestamp(call.now));
}

function withSecretData(object: Body): Body {
  const { stringData, ...rest } = object;
  if (!isObject(stringData)) return rest;
  const data: JsonObject = isObject(rest.data) ? { ...rest.data } : {};
  for (const [key, value] of Object.entries(stringData)) data[key] = Buffer.from(String(value)).toString('base64');
  return { ...rest, data };
}

function withServiceAccount(spec: unknown): unknown {
  if (!isObject(spec)) return spec;
  const name = spec.serviceAccountName ?? spec.serviceAccount ?? 'default';
  return { ...spec, serviceAccountName: name, serviceAccount: name };
}

/** A Job's pods are told apart by its uid, unless its author chose a selector by hand. */
function withJobSelector(object: Body): unknown {
  const { spec } = object;
  if (!isObject(spec) || spec.manualSelector === true || !isObject(spec.template)) return spec;
  const uid = object.metadata.uid ?? '';
  const names = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': object.metadata.name,
    'controller-uid': uid,
    'job-name': object.metadata.name,
  };
  const metadata = isObject(spec.template.metadata) ? spec.template.metadata : {};
  const labels = isObject(metadata.labels) ? metadata.labels : {};
  const given = isObject(spec.selector) ? spec.selector : {};
  const matchLabels = isObject(given.matchLabels) ? given.matchLabels : {};
  return {
    ...spec,
    selector: { ...given, matchLabels: { ...matchLabels, 'batch.kubernetes.io/controller-uid': uid } },
    template: { ...spec.template, metadata: { ...metadata, labels: { ...labels, ...names } } },
  };
}

/** Source: Kubernetes "Pod Quality of Service Classes". */
function qosClass(pod: Body): string {
  const spec = isObject(pod.spec) ? pod.spec : {};
  const containers = [spec.containers, spec.initContainers].flatMap((list) => (Array.isArray(list) ? list : []));
  let any = false;
  let guaranteed = containers.length > 0;
  for (const container of containers) {
    const resources = isObject(container) && isObject(container.resources) ? container.resources : {};
    const limits = isObject(resources.limits) ? resources.limits : {};
    const requests = isObject(resources.requests) ? resources.requests : {};
    for (const name of ['cpu', 'memory']) {
      if (limits[name] !== undefined || requests[name] !== undefined) any = true;
      if (limits[name] === undefined || (requests[name] ?? limits[name]) !== limits[name]) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Kinds a PUT may create, as in Kubernetes. */
const CREATED_BY_UPDATE: ReadonlySet<string> = new Set([
  '/endpoints',
  '/events',
  '/limitranges',
  '/services',
  'coordination.k8s.io/leases',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
  'node.k8s.io/runtimeclasses',
]);

export function createsOnUpdate(info: KindInfo): boolean {
  return CREATED_BY_UPDATE.has(storageOf(info));
}

/** May a PUT leave out the resourceVersion? */
export function updatesUnconditionally(info: KindInfo): boolean {
  return info.custom === undefined && !isDefinition(info) && info.group !== 'coordination.k8s.io';
}

/** Kinds whose deletion answers with the object instead of a Status. */
const RETURNED_WHEN_DELETED: ReadonlySet<string> = new Set([
  '/pods',
  '/services',
  '/serviceaccounts',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/podtemplates',
  '/resourcequotas',
]);

export function returnsDeleted(info: KindInfo): boolean {
  return RETURNED_WHEN_DELETED.has(storageOf(info));
}
