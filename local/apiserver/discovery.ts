/** What the server can do, as clients discover it: groups, versions, resources. Source: Kubernetes "The Kubernetes API". */
import { compareVersions } from './definitions.ts';
import { groupVersion, type KindInfo } from './registry.ts';

export const VERSION = {
  major: '1',
  minor: '34',
  emulationMajor: '1',
  emulationMinor: '34',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '33',
  gitVersion: 'v1.34.0+zeroth',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2025-08-27T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

export function legacyVersions() {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

export function groupList(kinds: readonly KindInfo[]) {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(kinds).map(([name]) => groupOf(kinds, name)) };
}

/** Undefined when there is no such group. */
export function apiGroup(kinds: readonly KindInfo[], name: string) {
  const group = groupOf(kinds, name);
  return group.versions.length === 0 ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...group };
}

/** Undefined when there is no such group or version. */
export function resourceList(kinds: readonly KindInfo[], group: string, version: string) {
  const own = kinds.filter((info) => info.group === group && info.version === version);
  if (own.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersion({ group, version }),
    resources: own.flatMap((info) => [
      {
        name: info.plural,
        singularName: info.singular,
        namespaced: info.namespaced,
        kind: info.kind,
        verbs: info.verbs,
        ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
        ...(info.categories.length > 0 ? { categories: info.categories } : {}),
      },
      ...info.subresources.map((subresource) => {
        const { kind, verbs, ...own } = subresourceOf(info, subresource);
        return {
          name: `${info.plural}/${subresource}`,
          singularName: '',
          namespaced: info.namespaced,
          ...own,
          kind,
          verbs,
        };
      }),
    ]),
  };
}

/** The aggregated form: everything in one document. `core` is what /api shows, the rest /apis. */
export function aggregated(kinds: readonly KindInfo[], which: 'core' | 'groups', version: string) {
  const names = which === 'core' ? [['', ['v1']] as const] : groupsOf(kinds);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: names.map(([name, versions]) => ({
      metadata: { name, creationTimestamp: null },
      versions: versions.map((one) => ({
        version: one,
        resources: kinds.filter((info) => info.group === name && info.version === one).map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
  };
}

function aggregatedResource(info: KindInfo) {
  const { group, version, kind } = info;
  return {
    resource: info.plural,
    responseKind: { group, version, kind },
    scope: info.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
    ...(info.categories.length > 0 ? { categories: info.categories } : {}),
    ...(info.subresources.length > 0
      ? {
          subresources: info.subresources.map((subresource) => {
            const own = subresourceOf(info, subresource);
            const responseKind = { group: own.group ?? group, version: own.version ?? version, kind: own.kind };
            return { subresource, responseKind, verbs: own.verbs };
          }),
        }
      : {}),
  };
}

interface Subresource {
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

const STREAM = ['create', 'get'];

const SUBRESOURCES: Readonly<Record<string, Subresource>> = {
  attach: { kind: 'PodAttachOptions', verbs: STREAM },
  binding: { kind: 'Binding', verbs: ['create'] },
  eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
  exec: { kind: 'PodExecOptions', verbs: STREAM },
  portforward: { kind: 'PodPortForwardOptions', verbs: STREAM },
  scale: { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] },
  token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
};

function subresourceOf(info: KindInfo, name: string): Subresource {
  const known = SUBRESOURCES[name];
  if (known !== undefined) return known;
  if (name === 'log') return { kind: info.kind, verbs: ['get'] };
  if (name === 'finalize') return { kind: info.kind, verbs: ['update'] };
  return { kind: info.kind, verbs: ['get', 'patch', 'update'] };
}

/** Groups but the core one, in order of registration, with their versions by priority. */
function groupsOf(kinds: readonly KindInfo[]): [name: string, versions: string[]][] {
  const groups = new Map<string, Set<string>>();
  for (const { group, version } of kinds) {
    if (group === '') continue;
    const versions = groups.get(group);
    if (versions === undefined) groups.set(group, new Set([version]));
    else versions.add(version);
  }
  return [...groups].map(([name, versions]) => [name, [...versions].sort(compareVersions)]);
}

function groupOf(kinds: readonly KindInfo[], name: string) {
  const versions = (groupsOf(kinds).find(([group]) => group === name)?.[1] ?? []).map((version) => ({
    groupVersion: groupVersion({ group: name, version }),
    version,
  }));
  return { name, versions, preferredVersion: versions[0] };
}
