/** Kubernetes' own kinds, as its discovery lists them. Source: `kubectl api-resources` of Kubernetes 1.34. */
import type { KindInfo } from './registry.ts';

interface Line {
  readonly kind: string;
  readonly plural: string;
  readonly short?: readonly string[];
  readonly all?: boolean;
  readonly cluster?: boolean;
  readonly subresources?: readonly string[];
  readonly categories?: readonly string[];
}

const STATUS = ['status'];
const SCALABLE = ['scale', 'status'];

const GROUPS: readonly [groupVersion: string, lines: readonly Line[]][] = [
  [
    'v1',
    [
      { kind: 'ConfigMap', plural: 'configmaps', short: ['cm'] },
      { kind: 'Endpoints', plural: 'endpoints', short: ['ep'] },
      { kind: 'Event', plural: 'events', short: ['ev'] },
      { kind: 'LimitRange', plural: 'limitranges', short: ['limits'] },
      { kind: 'Namespace', plural: 'namespaces', short: ['ns'], cluster: true, subresources: ['finalize', 'status'] },
      { kind: 'Node', plural: 'nodes', short: ['no'], cluster: true, subresources: STATUS },
      {
        kind: 'PersistentVolumeClaim',
        plural: 'persistentvolumeclaims',
        short: ['pvc'],
        subresources: STATUS,
      },
      { kind: 'PersistentVolume', plural: 'persistentvolumes', short: ['pv'], cluster: true, subresources: STATUS },
      {
        kind: 'Pod',
        plural: 'pods',
        short: ['po'],
        all: true,
        subresources: ['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'status'],
      },
      { kind: 'PodTemplate', plural: 'podtemplates' },
      {
        kind: 'ReplicationController',
        plural: 'replicationcontrollers',
        short: ['rc'],
        all: true,
        subresources: SCALABLE,
      },
      { kind: 'ResourceQuota', plural: 'resourcequotas', short: ['quota'], subresources: STATUS },
      { kind: 'Secret', plural: 'secrets' },
      { kind: 'ServiceAccount', plural: 'serviceaccounts', short: ['sa'], subresources: ['token'] },
      { kind: 'Service', plural: 'services', short: ['svc'], all: true, subresources: STATUS },
    ],
  ],
  [
    'apps/v1',
    [
      { kind: 'ControllerRevision', plural: 'controllerrevisions' },
      { kind: 'DaemonSet', plural: 'daemonsets', short: ['ds'], all: true, subresources: STATUS },
      { kind: 'Deployment', plural: 'deployments', short: ['deploy'], all: true, subresources: SCALABLE },
      { kind: 'ReplicaSet', plural: 'replicasets', short: ['rs'], all: true, subresources: SCALABLE },
      { kind: 'StatefulSet', plural: 'statefulsets', short: ['sts'], all: true, subresources: SCALABLE },
    ],
  ],
  [
    'batch/v1',
    [
      { kind: 'CronJob', plural: 'cronjobs', short: ['cj'], all: true, subresources: STATUS },
      { kind: 'Job', plural: 'jobs', all: true, subresources: STATUS },
    ],
  ],
  [
    'admissionregistration.k8s.io/v1',
    [
      {
        kind: 'MutatingWebhookConfiguration',
        plural: 'mutatingwebhookconfigurations',
        cluster: true,
        categories: ['api-extensions'],
      },
      {
        kind: 'ValidatingAdmissionPolicy',
        plural: 'validatingadmissionpolicies',
        cluster: true,
        subresources: STATUS,
        categories: ['api-extensions'],
      },
      {
        kind: 'ValidatingAdmissionPolicyBinding',
        plural: 'validatingadmissionpolicybindings',
        cluster: true,
        categories: ['api-extensions'],
      },
      {
        kind: 'ValidatingWebhookConfiguration',
        plural: 'validatingwebhookconfigurations',
        cluster: true,
        categories: ['api-extensions'],
      },
    ],
  ],
  [
    'apiextensions.k8s.io/v1',
    [
      {
        kind: 'CustomResourceDefinition',
        plural: 'customresourcedefinitions',
        short: ['crd', 'crds'],
        cluster: true,
        subresources: STATUS,
        categories: ['api-extensions'],
      },
    ],
  ],
  [
    'autoscaling/v2',
    [
      {
        kind: 'HorizontalPodAutoscaler',
        plural: 'horizontalpodautoscalers',
        short: ['hpa'],
        all: true,
        subresources: STATUS,
      },
    ],
  ],
  [
    'autoscaling/v1',
    [
      {
        kind: 'HorizontalPodAutoscaler',
        plural: 'horizontalpodautoscalers',
        short: ['hpa'],
        all: true,
        subresources: STATUS,
      },
    ],
  ],
  ['coordination.k8s.io/v1', [{ kind: 'Lease', plural: 'leases' }]],
  ['discovery.k8s.io/v1', [{ kind: 'EndpointSlice', plural: 'endpointslices' }]],
  ['events.k8s.io/v1', [{ kind: 'Event', plural: 'events', short: ['ev'] }]],
  [
    'networking.k8s.io/v1',
    [
      { kind: 'IngressClass', plural: 'ingressclasses', cluster: true },
      { kind: 'Ingress', plural: 'ingresses', short: ['ing'], subresources: STATUS },
      { kind: 'NetworkPolicy', plural: 'networkpolicies', short: ['netpol'] },
    ],
  ],
  ['node.k8s.io/v1', [{ kind: 'RuntimeClass', plural: 'runtimeclasses', cluster: true }]],
  [
    'policy/v1',
    [{ kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', short: ['pdb'], subresources: STATUS }],
  ],
  [
    'rbac.authorization.k8s.io/v1',
    [
      { kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', cluster: true },
      { kind: 'ClusterRole', plural: 'clusterroles', cluster: true },
      { kind: 'RoleBinding', plural: 'rolebindings' },
      { kind: 'Role', plural: 'roles' },
    ],
  ],
  ['scheduling.k8s.io/v1', [{ kind: 'PriorityClass', plural: 'priorityclasses', short: ['pc'], cluster: true }]],
  ['storage.k8s.io/v1', [{ kind: 'StorageClass', plural: 'storageclasses', short: ['sc'], cluster: true }]],
];

/** Kinds that are answered and never stored. */
const REVIEWS: readonly [groupVersion: string, lines: readonly Line[]][] = [
  [
    'authentication.k8s.io/v1',
    [
      { kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', cluster: true },
      { kind: 'TokenReview', plural: 'tokenreviews', cluster: true },
    ],
  ],
  [
    'authorization.k8s.io/v1',
    [
      { kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews' },
      { kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', cluster: true },
      { kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', cluster: true },
      { kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', cluster: true },
    ],
  ],
];

/** What the kubelet measures: answered, never stored. */
const MEASURED: readonly [groupVersion: string, lines: readonly Line[]] = [
  'metrics.k8s.io/v1beta1',
  [
    { kind: 'NodeMetrics', plural: 'nodes', cluster: true },
    { kind: 'PodMetrics', plural: 'pods' },
  ],
];

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export const builtinKinds: readonly KindInfo[] = [
  ...GROUPS.flatMap(([groupVersion, lines]) => lines.map((line) => infoOf(groupVersion, line, true))),
  ...REVIEWS.flatMap(([groupVersion, lines]) => lines.map((line) => infoOf(groupVersion, line, false))),
  ...MEASURED[1].map((line) => ({ ...infoOf(MEASURED[0], line, false), singular: '', verbs: ['get', 'list'] })),
];

function infoOf(groupVersion: string, line: Line, stored: boolean): KindInfo {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
  return {
    group: group ?? '',
    version: version ?? '',
    kind: line.kind,
    listKind: `${line.kind}List`,
    plural: line.plural,
    singular: line.plural === 'endpoints' ? 'endpoints' : line.kind.toLowerCase(),
    shortNames: line.short ?? [],
    categories: line.all ? ['all'] : (line.categories ?? []),
    namespaced: line.cluster !== true,
    subresources: line.subresources ?? [],
    verbs: stored ? VERBS : ['create'],
    stored,
    storageVersion: group === 'autoscaling' ? 'v2' : (version ?? ''),
  };
}
