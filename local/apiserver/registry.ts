/**
 * The kinds this server knows: Kubernetes' own and those of CustomResourceDefinitions, addressed by group, version
 * and plural. One `KindInfo` a served version; all versions of a resource share their storage (`resource`).
 */
import type { Schema, StructuralSchema } from './schema/structural.ts';

/** A column of a Table. Without `jsonPath` the cell is made by the built-in printer of the kind. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, more only with `-o wide`. */
  readonly priority?: number;
  readonly jsonPath?: string;
}

/** Where a custom resource keeps what its `scale` subresource shows; JSON paths such as `.spec.replicas`. */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export interface KindInfo {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  /** Lower-case plural, as in the path. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Names after the object's own in the path: `status`, `scale`, `log`, … */
  readonly subresources: readonly string[];
  /** What discovery prints: `create`, `delete`, `deletecollection`, `get`, `list`, `patch`, `update`, `watch`. */
  readonly verbs: readonly string[];
  /** False for kinds that are only answered, never stored (reviews). */
  readonly stored: boolean;
  /** The version objects of this resource are stored in. */
  readonly storageVersion: string;
  /** `additionalPrinterColumns` of a custom resource; undefined for built-ins. */
  readonly columns?: readonly PrinterColumn[];
  /** Set for custom resources only: the raw `openAPIV3Schema`, and the compiled one (compiled when first asked for). */
  readonly custom?: {
    readonly schema: Schema | undefined;
    readonly structural: StructuralSchema | undefined;
    readonly scale?: ScalePaths;
    /** Name of the CustomResourceDefinition. */
    readonly definition: string;
    readonly deprecationWarning?: string;
  };
}

export function groupVersion(info: Pick<KindInfo, 'group' | 'version'>): string {
  return info.group === '' ? info.version : `${info.group}/${info.version}`;
}
