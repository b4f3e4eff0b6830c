/** CustomResourceDefinitions: the kinds they define, and the conditions Kubernetes puts on them. */
import type { CustomResourceDefinition } from '../../api/core.ts';
import type { KindInfo, PrinterColumn } from './registry.ts';
import { compileSchema, type StructuralSchema } from './schema/structural.ts';
import type { Schema } from './schema/schema.ts';

type Version = CustomResourceDefinition['spec']['versions'][number];
type Condition = NonNullable<NonNullable<CustomResourceDefinition['status']>['conditions']>[number];

const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

/** One `KindInfo` a served version, in Kubernetes' order of priority. Empty until the definition is established. */
export function kindsOf(definition: CustomResourceDefinition): KindInfo[] {
  const established = definition.status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True');
  const names = definition.status?.acceptedNames;
  if (established !== true || names === undefined) return [];
  const storage = definition.spec.versions.find((version) => version.storage)?.name ?? '';
  return definition.spec.versions
    .filter((version) => version.served)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map((version) => ({
      group: definition.spec.group,
      version: version.name,
      kind: names.kind,
      listKind: names.listKind ?? `${names.kind}List`,
      plural: names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      namespaced: definition.spec.scope === 'Namespaced',
      subresources: [
        ...(version.subresources?.status === undefined ? [] : ['status']),
        ...(version.subresources?.scale === undefined ? [] : ['scale']),
      ],
      verbs: VERBS,
      stored: true,
      storageVersion: storage,
      columns: (version.additionalPrinterColumns ?? [AGE]) as PrinterColumn[],
      custom: new Custom(definition.metadata.name, version),
    }));
}

const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
};

/** Compiles a version's schema when it is first needed: most kinds of an installation are never written to. */
class Custom {
  readonly definition: string;
  readonly schema: Schema | undefined;
  readonly scale: NonNullable<Version['subresources']>['scale'];
  readonly deprecationWarning: string | undefined;
  readonly selectable: readonly string[];
  #structural: StructuralSchema | undefined;

  constructor(definition: string, version: Version) {
    this.definition = definition;
    this.schema = version.schema?.openAPIV3Schema as Schema | undefined;
    this.scale = version.subresources?.scale;
    this.deprecationWarning = version.deprecated ? (version.deprecationWarning ?? '') : undefined;
    this.selectable = (version.selectableFields ?? []).map((field) => field.jsonPath.replace(/^\./, ''));
  }

  get structural(): StructuralSchema | undefined {
    if (this.schema !== undefined) this.#structural ??= compileSchema(this.schema);
    return this.#structural;
  }
}

/** Kubernetes' version priority: v2 before v1 before v1beta2 before v1alpha1 before anything else. */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  for (let i = 0; i < left.length; i++) {
    const difference = (right[i] ?? 0) - (left[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(version: string): [number, number, number] {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (match === null) return [0, 0, 0];
  const stability = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
  return [stability, Number(match[1]), Number(match[3] ?? 0)];
}

const TERMINATING: Condition = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionInProgress',
  message: 'CustomResource deletion is in progress',
};

/** The status of a definition whose deletion begins. */
export function terminatingStatus(status: CustomResourceDefinition['status'], now: string) {
  const conditions = (status?.conditions ?? []).filter((one) => one.type !== TERMINATING.type);
  return { ...status, conditions: [...conditions, { lastTransitionTime: now, ...TERMINATING }] };
}

/**
 * The status of a definition: its names are accepted unless another one of the group has them.
 * @param others the other definitions
 * @param now RFC 3339 in seconds
 */
export function statusOf(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: string,
): NonNullable<CustomResourceDefinition['status']> {
  const before = definition.status;
  const { names } = definition.spec;
  const wanted = {
    ...names,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
  };
  const clash = nameConflict(definition, others);
  const accepted = clash === undefined ? wanted : (before?.acceptedNames ?? { plural: '', kind: '' });
  const wasEstablished = before?.conditions?.some((one) => one.type === 'Established' && one.status === 'True');
  const conditions: Condition[] = [
    clash === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...clash },
    clash === undefined || wasEstablished
      ? {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
  ];
  if (definition.metadata.deletionTimestamp !== undefined) conditions.push(TERMINATING);
  const storage = definition.spec.versions.find((version) => version.storage)?.name ?? '';
  const stored = before?.storedVersions ?? [];
  return {
    conditions: conditions.map((condition) => keepTransition(condition, before?.conditions, now)),
    acceptedNames: accepted,
    storedVersions: stored.includes(storage) ? stored : [...stored, storage],
  };
}

function keepTransition(next: Condition, before: readonly Condition[] | undefined, now: string): Condition {
  const old = before?.find((one) => one.type === next.type);
  return { lastTransitionTime: old?.status === next.status ? old.lastTransitionTime : now, ...next };
}

function nameConflict(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): { reason: string; message: string } | undefined {
  const { names, group } = definition.spec;
  const rivals = others.filter(
    (other) => other.spec.group === group && other.metadata.name !== definition.metadata.name,
  );
  const taken = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of rivals) {
    const accepted = status?.acceptedNames;
    if (accepted === undefined) continue;
    for (const name of [accepted.plural, accepted.singular, ...(accepted.shortNames ?? [])])
      if (name !== undefined && name !== '') taken.add(name);
    for (const kind of [accepted.kind, accepted.listKind]) if (kind !== undefined && kind !== '') kinds.add(kind);
  }
  const inUse = (name: string) => `"${name}" is already in use`;
  if (taken.has(names.plural)) return { reason: 'PluralConflict', message: inUse(names.plural) };
  const singular = names.singular ?? names.kind.toLowerCase();
  if (taken.has(singular)) return { reason: 'SingularConflict', message: inUse(singular) };
  for (const short of names.shortNames ?? [])
    if (taken.has(short)) return { reason: 'ShortNamesConflict', message: inUse(short) };
  if (kinds.has(names.kind)) return { reason: 'KindConflict', message: inUse(names.kind) };
  const listKind = names.listKind ?? `${names.kind}List`;
  if (kinds.has(listKind)) return { reason: 'ListKindConflict', message: inUse(listKind) };
  return undefined;
}
