/** Finding objects by their labels in a cache's index. */
import type { Labels } from '../../kube/label-selector.ts';

/** Index values of labelled objects: one a label pair, within the namespace. */
export function labelKeys(object: { metadata: { namespace?: string; labels?: Labels } }): string[] {
  const { namespace = '', labels = {} } = object.metadata;
  return Object.entries(labels).map(([key, value]) => `${namespace}/${key}=${value}`);
}

/** The one index value under which all objects that `selector` matches are found; `undefined` for an empty selector. */
export function selectorKey(namespace: string | undefined, selector: Labels): string | undefined {
  const keys = Object.keys(selector).sort();
  // The last in order is the likeliest to be an object's own name or uid rather than a label all have in common.
  const key = keys[keys.length - 1];
  return key === undefined ? undefined : `${namespace ?? ''}/${key}=${selector[key]}`;
}
