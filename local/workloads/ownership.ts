/** Who is controlled by whom, as indexes of a cache. */
import type { KubeObject } from '../../api/object.ts';
import type { Informer } from '../../kube/informer.ts';
import { controllerOf } from '../../kube/reconciler.ts';

const BY_CONTROLLER = 'controller';
const ORPHANS = 'orphan';

/** Those whose controller has this uid. */
export function controlledBy<T extends KubeObject>(cache: Informer<T>, uid: string | undefined): T[] {
  if (uid === undefined) return [];
  cache.index(BY_CONTROLLER, (object) => {
    const owner = controllerOf(object);
    return owner === undefined ? [] : [owner.uid];
  });
  return cache.byIndex(BY_CONTROLLER, uid);
}

/** Those of a namespace that no controller owns. */
export function orphansIn<T extends KubeObject>(cache: Informer<T>, namespace: string | undefined): T[] {
  cache.index(ORPHANS, (object) => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : []));
  return cache.byIndex(ORPHANS, namespace ?? '');
}
