/**
 * The way of every write: defaults, admission, what the kind's strategy says, validation, managed fields, store.
 * Each function runs in one turn of the event loop up to the store, so it always decides on the newest state. Where
 * webhooks are to be asked it ends with `ReviewNeeded` instead, and is run again with their answers.
 */
import type { KubeObject, ObjectMeta } from '../../../api/object.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { ApiError, failure } from '../../../kube/errors.ts';
import { fromStorage, toStorage } from '../conversions.ts';
import { alreadyExists, forbidden, notFound } from '../errors.ts';
import { isObject } from '../json.ts';
import { updateManagedFields } from '../patch/managed-fields.ts';
import { groupVersion, storageOf, type KindInfo } from '../registry.ts';
import { admissionVerdict, admittedChanges } from './admit.ts';
import type { Body } from '../body.ts';
import { keyOf, type Call, type Core } from './call.ts';
import { checkPreconditions, generatedName, keptMetadata, newMetadata, refuseProblems } from './metadata.ts';
import { problemsOf, shapeFor, withDefaults } from './rules.ts';
import { allocate } from './service.ts';
import { changesGeneration, prepareCreate, prepareUpdate, settled, updatesUnconditionally } from './strategy.ts';
import { timestamp } from '../../../kube/timestamp.ts';

/** Server-side apply has its own accounting of fields; every other write is accounted for here. */
export type Accounting = 'update' | 'done';

const GENERATED_NAME_TRIES = 8;

/** The newest state, in the version of the request; changes on their way to the disk included. */
export function current(core: Core, info: KindInfo, namespace: string | undefined, name: string): Body | undefined {
  const object = core.store.peek(storageOf(info), keyOf(info, namespace, name));
  return object === undefined ? undefined : (fromStorage(info, object) as Body);
}

/** Stores a new object. @returns it as stored; as it would be for a dry run */
export async function insert(
  core: Core,
  call: Call,
  given: Body,
  accounting: Accounting = 'update',
): Promise<KubeObject> {
  const { info, namespace } = call;
  requireNamespace(core, call);
  requireDefinition(core, info);
  const { store } = core;
  const { generateName } = given.metadata;
  let name = given.metadata.name ?? '';
  if (name === '') {
    if (generateName === undefined || generateName === '')
      throw new ApiError(
        failure(
          422,
          'Invalid',
          `${qualifiedKind(info)} "" is invalid: metadata.name: Required value: name or generateName is required`,
          {
            ...(info.group === '' ? {} : { group: info.group }),
            kind: info.kind,
            causes: [
              {
                reason: 'FieldValueRequired',
                message: 'Required value: name or generateName is required',
                field: 'metadata.name',
              },
            ],
          },
        ),
      );
    name = freeName(core, call, generateName);
  }
  const identified = (metadata: ObjectMeta) => newMetadata(info, metadata, namespace, call.now, call.reviews?.uid);
  let object: Body = { ...given, metadata: identified({ ...given.metadata, name }) };
  object = withDefaults(info, object) as Body;
  const admitted = admittedChanges(core, call, info, 'CREATE', object, undefined);
  if (admitted !== object) object = { ...admitted, metadata: identified(admitted.metadata) };
  name = object.metadata.name;
  object = withDefaults(info, prepareCreate(info, object)) as Body;
  refuseProblems(info, name, problemsOf(info, object, undefined));
  object = settled(core, call, info, object);
  admissionVerdict(core, call, info, 'CREATE', object, undefined);
  const key = keyOf(info, namespace, name);
  if (store.peek(storageOf(info), key) !== undefined) throw alreadyExists(info, name);
  const [placed, undo] = storageOf(info) === '/services' ? allocate(core, info, object, undefined) : [object, nothing];
  object = accounting === 'update' ? accounted(call, undefined, placed) : placed;
  if (call.dryRun) {
    undo();
    return object;
  }
  try {
    return fromStorage(info, await store.put(storageOf(info), key, toStorage(info, object)));
  } catch (error) {
    undo();
    throw error;
  }
}

/**
 * Replaces an object. When nothing changes nothing is written; when it was only waiting for its last finalizer, it is
 * removed.
 * @param old what the change was made from: must be the result of `current` in this same turn
 */
export async function replace(
  core: Core,
  call: Call,
  given: Body,
  old: Body,
  accounting: Accounting = 'update',
): Promise<KubeObject> {
  const { info } = call;
  const { name } = old.metadata;
  checkPreconditions(info, given.metadata, old.metadata);
  let object: Body = { ...given, metadata: keptMetadata(info, given.metadata, old.metadata) };
  object = prepareUpdate(info, call.subresource, object, old);
  object = withDefaults(info, object) as Body;
  const admitted = admittedChanges(core, call, info, 'UPDATE', object, old);
  if (admitted !== object) object = { ...admitted, metadata: keptMetadata(info, admitted.metadata, old.metadata) };
  object = prepareUpdate(info, call.subresource, object, old);
  object = withDefaults(info, object) as Body;
  if (object.metadata.generation !== undefined && changesGeneration(info, object, old))
    object = { ...object, metadata: { ...object.metadata, generation: object.metadata.generation + 1 } };
  refuseProblems(info, name, problemsOf(info, object, old));
  object = settled(core, call, info, object);
  admissionVerdict(core, call, info, 'UPDATE', object, old);
  const [placed, undo] = storageOf(info) === '/services' ? allocate(core, info, object, old) : [object, nothing];
  object = accounting === 'update' ? accounted(call, old, placed) : placed;
  if (isSame(object, old)) return old;
  if (call.dryRun) {
    undo();
    return object;
  }
  try {
    return await commit(core, info, object);
  } catch (error) {
    undo();
    throw error;
  }
}

/** A name nobody has yet; in each run of the same write the same, unless somebody has taken it. */
function freeName(core: Core, { info, namespace, reviews }: Call, base: string): string {
  const isTaken = (name: string) => core.store.peek(storageOf(info), keyOf(info, namespace, name)) !== undefined;
  let name = reviews?.generatedName ?? generatedName(base);
  for (let i = 1; i < GENERATED_NAME_TRIES && isTaken(name); i++) name = generatedName(base);
  if (reviews !== undefined) reviews.generatedName = name;
  return name;
}

/** Writes an object that is decided on, or removes it if that was only waiting for finalizers. */
export async function commit(core: Core, info: KindInfo, object: Body): Promise<KubeObject> {
  const key = keyOf(info, object.metadata.namespace, object.metadata.name);
  const stored = toStorage(info, object);
  if (isFinished(info, object)) return fromStorage(info, await core.store.remove(storageOf(info), key, stored));
  return fromStorage(info, await core.store.put(storageOf(info), key, stored));
}

function isFinished(info: KindInfo, object: Body): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
  if (storageOf(info) !== '/namespaces') return true;
  const held = isObject(object.spec) ? object.spec.finalizers : undefined;
  return !Array.isArray(held) || held.length === 0;
}

function accounted(call: Call, old: Body | undefined, next: Body): Body {
  const { info, manager, now, subresource } = call;
  const entry = { manager, time: timestamp(now), apiVersion: groupVersion(info), subresource };
  return updateManagedFields(old, next, entry, shapeFor(info)) as Body;
}

/** Equal but for the times in managed fields. */
function isSame(next: Body, old: Body): boolean {
  if (!deepEqual(withoutManagedFields(next), withoutManagedFields(old))) return false;
  const entries = (object: Body) => (object.metadata.managedFields ?? []).map(({ time: _time, ...entry }) => entry);
  return deepEqual(entries(next), entries(old));
}

function withoutManagedFields(object: Body): Body {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** @throws ApiError 422 for a kind whose updates must name the version they start from */
export function requireVersion(info: KindInfo, given: Body): void {
  const version = given.metadata.resourceVersion;
  if ((version !== undefined && version !== '' && version !== '0') || updatesUnconditionally(info)) return;
  refuseProblems(info, given.metadata.name, [
    {
      type: 'FieldValueInvalid',
      field: 'metadata.resourceVersion',
      badValue: 0,
      detail: 'must be specified for an update',
    },
  ]);
}

function requireNamespace(core: Core, call: Call): void {
  const { info, namespace } = call;
  if (!info.namespaced || namespace === undefined) return;
  const found = core.store.peek('/namespaces', `/${namespace}`);
  if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  throw forbidden(
    info,
    call.name ?? (isObject(call.body) && isObject(call.body.metadata) ? String(call.body.metadata.name ?? '') : ''),
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}

/** @throws ApiError 405 while the definition of a custom resource waits for its objects to go */
function requireDefinition(core: Core, info: KindInfo): void {
  if (info.custom === undefined) return;
  const definition = core.store.peek('apiextensions.k8s.io/customresourcedefinitions', `/${info.custom.definition}`);
  if (definition?.metadata.deletionTimestamp === undefined) return;
  throw new ApiError(
    failure(405, 'MethodNotAllowed', 'create not allowed while custom resource definition is terminating', {
      group: info.group,
      kind: info.plural,
    }),
  );
}

function qualifiedKind(info: KindInfo): string {
  return info.group === '' ? info.kind : `${info.kind}.${info.group}`;
}

function nothing(): void {
  // Nothing was allocated.
}
