/** What `kubectl describe namespace` says of a deletion. Source: Kubernetes API reference, NamespaceCondition. */
import type { Namespace } from '../../../api/core.ts';
import { timestamp } from '../../../kube/timestamp.ts';

export interface NamespaceContent {
  /** `PLURAL.GROUP` and finalizers of each object that is still there. */
  readonly remaining: readonly { readonly resource: string; readonly finalizers: readonly string[] }[];
  /** Why kinds could not be deleted. */
  readonly failures: readonly string[];
}

type NamespaceStatus = NonNullable<Namespace['status']>;

export function deletionStatus(namespace: Namespace, content: NamespaceContent, now: number): NamespaceStatus {
  const { remaining, failures } = content;
  const byResource = tally(remaining.map(({ resource }) => resource));
  const byFinalizer = tally(remaining.flatMap(({ finalizers }) => [...finalizers]));
  const found = [
    make('NamespaceDeletionDiscoveryFailure', false, 'ResourcesDiscovered', 'All resources successfully discovered'),
    make(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    failures.length > 0
      ? make(
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        )
      : make(
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ),
    byResource.length > 0
      ? make(
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${byResource.map(([name, count]) => `${name} has ${count} resource instances`).join(', ')}`,
        )
      : make('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'),
    byFinalizer.length > 0
      ? make(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${byFinalizer.map(([name, count]) => `${name} in ${count} resource instances`).join(', ')}`,
        )
      : make(
          'NamespaceFinalizersRemaining',
          false,
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ),
  ];
  const before = namespace.status?.conditions ?? [];
  const kept = before.filter(({ type }) => !found.some((one) => one.type === type));
  const conditions = found.map((condition) => {
    const known = before.find(({ type }) => type === condition.type);
    const same = known?.status === condition.status && known.reason === condition.reason;
    return { ...condition, lastTransitionTime: same ? known.lastTransitionTime : timestamp(now) };
  });
  return { ...namespace.status, phase: 'Terminating', conditions: [...kept, ...conditions] };
}

function make(type: string, status: boolean, reason: string, message: string) {
  return { type, status: status ? 'True' : 'False', reason, message };
}

function tally(names: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
