/**
 * The kinds this server knows: Kubernetes' own and those of CustomResourceDefinitions, addressed by group, version
 * and plural. One `KindInfo` a served version; all versions of a resource share their storage (`resource`).
 */
import type { StructuralSchema } from './schema/structural.ts';
import type { Schema } from './schema/schema.ts';

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
    readonly scale: ScalePaths | undefined;
    /** Name of the CustomResourceDefinition. */
    readonly definition: string;
    /** Text of the warning every request gets; empty for the default text. Undefined: not deprecated. */
    readonly deprecationWarning: string | undefined;
    /** Fields usable in field selectors besides metadata.name and metadata.namespace, e.g. `spec.color`. */
    readonly selectable: readonly string[];
  };
}

export function groupVersion(info: Pick<KindInfo, 'group' | 'version'>): string {
  return info.group === '' ? info.version : `${info.group}/${info.version}`;
}

/** The name objects of a kind are stored under, shared by all versions (and by both groups of Event). */
export function storageOf(info: Pick<KindInfo, 'group' | 'plural'>): string {
  return info.group === 'events.k8s.io' ? '/events' : `${info.group}/${info.plural}`;
}

export class Registry {
  readonly #builtins: readonly KindInfo[];
  readonly #custom = new Map<string, readonly KindInfo[]>();
  #byPath = new Map<string, KindInfo>();
  #all: readonly KindInfo[] = [];
  /** Grows with every change: what discovery and OpenAPI documents are cached under. */
  #revision = 0;

  constructor(builtins: readonly KindInfo[]) {
    this.#builtins = builtins;
    this.#rebuild();
  }

  get revision(): number {
    return this.#revision;
  }

  find(group: string, version: string, plural: string): KindInfo | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** All served kinds: built-ins first, versions of a group in order of priority. */
  all(): readonly KindInfo[] {
    return this.#all;
  }

  /** Any served version of a resource. */
  resource(group: string, plural: string): KindInfo | undefined {
    return this.#all.find((info) => info.group === group && info.plural === plural);
  }

  kind(group: string, version: string, kind: string): KindInfo | undefined {
    return this.#all.find((info) => info.kind === kind && info.version === version && info.group === group);
  }

  /** The served versions of one CustomResourceDefinition; none takes it out. */
  setCustom(definition: string, kinds: readonly KindInfo[]): void {
    if (kinds.length === 0) this.#custom.delete(definition);
    else this.#custom.set(definition, kinds);
    this.#rebuild();
  }

  #rebuild(): void {
    this.#all = [...this.#builtins, ...[...this.#custom.values()].flat()];
    this.#byPath = new Map(this.#all.map((info) => [`${info.group}/${info.version}/${info.plural}`, info]));
    this.#revision++;
  }
}
