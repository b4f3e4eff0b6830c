/** Names of types in OpenAPI documents, as Kubernetes gives them. */
import { typeNameOf } from '../builtin/types.ts';
import type { KindInfo } from '../registry.ts';

const HOMES: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};

/** @param type such as `core.v1.Container` */
export function definitionName(type: string): string {
  const [home = '', version = '', ...rest] = type.split('.');
  return `${HOMES[home] ?? `io.k8s.api.${home}`}.${version}.${rest.join('.')}`;
}

/** A kind's own definition: `io.k8s.api.apps.v1.Deployment`, `com.example.v1.CronTab`. */
export function kindDefinition(kind: Pick<KindInfo, 'group' | 'version' | 'kind' | 'custom'>): string {
  const type = kind.custom === undefined ? typeNameOf(kind.group, kind.version, kind.kind) : undefined;
  if (type !== undefined) return definitionName(type);
  return [...kind.group.split('.').reverse(), kind.version, kind.kind].join('.');
}

export const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
export const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
export const TIME = definitionName('meta.v1.Time');
export const MICRO_TIME = definitionName('meta.v1.MicroTime');
export const OBJECT_META = definitionName('meta.v1.ObjectMeta');
export const LIST_META = definitionName('meta.v1.ListMeta');
