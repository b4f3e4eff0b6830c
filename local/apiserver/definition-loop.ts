/** Follows CustomResourceDefinitions: their kinds are known as soon as they are durable; a deleted one takes its objects along. */
import type { CustomResourceDefinition } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import { isNotFound } from '../../kube/errors.ts';
import { CLEANUP_FINALIZER, kindsOf } from './definitions.ts';
import { MASTERS } from './rbac.ts';
import { storageOf, type KindInfo } from './registry.ts';
import type { Body } from './body.ts';
import type { Call, Core } from './verbs/call.ts';
import { removeOne } from './verbs/delete.ts';
import { commit, current } from './verbs/write.ts';

const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions';

export function followDefinitions(core: Core): () => void {
  /** Definitions whose objects are being removed, with the end of the watch on them. */
  const emptying = new Map<string, () => void>();

  const take = (object: KubeObject): void => {
    const definition = object as CustomResourceDefinition;
    const { name } = definition.metadata;
    core.registry.setCustom(name, kindsOf(definition));
    const isHeld = (definition.metadata.finalizers ?? []).includes(CLEANUP_FINALIZER);
    if (definition.metadata.deletionTimestamp === undefined || !isHeld || emptying.has(name)) return;
    emptying.set(name, () => undefined);
    queueMicrotask(() => empty(definition));
  };

  const empty = (definition: CustomResourceDefinition): void => {
    const { name } = definition.metadata;
    const info = instanceKind(definition);
    const storage = storageOf(info);
    const call = callFor(core, info);
    const fail = (error: unknown) => {
      if (!isNotFound(error))
        core.log.error('a custom resource could not be removed with its definition', { name, error });
    };
    const release = (): void => {
      if (core.store.count(storage) > 0) return;
      emptying.get(name)?.();
      emptying.delete(name);
      letGo(core, name).catch(fail);
    };
    emptying.set(name, core.store.subscribe(storage, release));
    for (const [, { metadata }] of [...core.store.entries(storage)]) {
      const options = {
        propagation: undefined,
        gracePeriodSeconds: undefined,
        uid: undefined,
        resourceVersion: undefined,
        dryRun: false,
      };
      removeOne(core, call, metadata.name, metadata.namespace, options).catch(fail);
    }
    release();
  };

  /** Who watches a kind that is gone must look again whether there is one. */
  const forget = (definition: CustomResourceDefinition): void => {
    core.registry.setCustom(definition.metadata.name, []);
    const storage = storageOf(instanceKind(definition));
    for (const [end, watched] of [...core.watches]) if (watched === storage) end();
  };

  for (const [, definition] of core.store.entries(DEFINITIONS)) take(definition);
  const unsubscribe = core.store.subscribe(DEFINITIONS, ({ type, object }) => {
    if (type === 'DELETED') forget(object as CustomResourceDefinition);
    else take(object);
  });
  return () => {
    unsubscribe();
    for (const stop of emptying.values()) stop();
  };
}

/** Removes the finalizer, and with it the definition when no other one holds it. */
async function letGo(core: Core, name: string): Promise<void> {
  const info = core.registry.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
  if (info === undefined) return;
  const definition = current(core, info, undefined, name);
  if (definition === undefined) return;
  const finalizers = (definition.metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
  const next: Body = { ...definition, metadata: { ...definition.metadata, finalizers } };
  await commit(core, info, next);
}

function instanceKind(definition: CustomResourceDefinition): KindInfo {
  const { group, names, scope } = definition.spec;
  const version = definition.spec.versions.find((one) => one.storage)?.name ?? '';
  return {
    group,
    version,
    kind: names.kind,
    listKind: `${names.kind}List`,
    plural: names.plural,
    singular: names.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: scope === 'Namespaced',
    subresources: [],
    verbs: [],
    stored: true,
    storageVersion: version,
  };
}

function callFor(core: Core, info: KindInfo): Call {
  return {
    user: { name: 'system:apiserver', groups: [MASTERS] },
    info,
    namespace: undefined,
    name: undefined,
    subresource: undefined,
    query: {},
    contentType: undefined,
    body: undefined,
    now: core.clock.now(),
    manager: 'zeroth',
    dryRun: false,
    fieldValidation: 'Ignore',
    warnings: [],
  };
}
