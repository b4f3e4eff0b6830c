/** Does a webhook care for this namespace and this object? Source: Kubernetes "Matching requests: namespaceSelector". */
import type { KubeObject } from '../../../api/object.ts';
import { isObject } from '../json.ts';
import type { Store } from '../store/store.ts';
import { matchesSelector } from '../verbs/label-selector.ts';
import type { Attributes } from './attributes.ts';
import type { Concern } from './hook.ts';

type Selectors = Pick<Concern, 'namespaceSelector' | 'objectSelector'>;

export function isSelected(
  store: Store,
  hook: Selectors,
  attributes: Attributes,
  object: KubeObject | undefined,
): boolean {
  return selectsNamespace(store, hook, attributes, object) && selectsObject(hook, object, attributes.old);
}

function selectsNamespace(
  store: Store,
  hook: Selectors,
  { info, namespace, operation, name, old }: Attributes,
  object: KubeObject | undefined,
): boolean {
  if (isEmpty(hook.namespaceSelector)) return true;
  if (info.group === '' && info.plural === 'namespaces') {
    // A Namespace is judged by the labels it will have.
    const judged = operation === 'DELETE' ? old : (object ?? old);
    return judged === undefined || matchesSelector(hook.namespaceSelector, judged);
  }
  if (namespace === undefined || namespace === '' || !info.namespaced) return true;
  const found = store.peek('/namespaces', `/${namespace}`);
  return matchesSelector(hook.namespaceSelector, found ?? withoutLabels(name));
}

function selectsObject(hook: Selectors, object: KubeObject | undefined, old: KubeObject | undefined): boolean {
  if (isEmpty(hook.objectSelector)) return true;
  // What is posted to a subresource may have no labels, nor anything to hold them.
  return [object, old].some((one) => isObject(one?.metadata) && matchesSelector(hook.objectSelector, one));
}

function isEmpty(selector: object): boolean {
  return Object.values(selector).every((part) => part === undefined || (Array.isArray(part) && part.length === 0));
}

function withoutLabels(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}
