/**
 * What the generated models do not say of Kubernetes' own types: how their lists and maps are merged by strategic
 * merge patch (merge keys) and by server-side apply (list and map types). A list that is not named here is atomic,
 * a map or struct that is not named here merges field by field.
 * Source: the patchStrategy, patchMergeKey, listType, mapType and structType marks of k8s.io/api.
 */

export interface ListFacts {
  /** Server-side apply: items by these keys (`map`), by value (`set`), or the list as a whole. */
  readonly list: 'map' | 'set' | 'atomic';
  readonly keys?: readonly string[];
  /** Strategic merge patch merges instead of replacing: by this key, by value when empty. */
  readonly merge?: string;
  /** Items of the list honour `$retainKeys`. */
  readonly retainKeys?: boolean;
}

const by = (key: string): ListFacts => ({ list: 'map', keys: [key], merge: key });
const byKeys = (keys: readonly string[], merge?: string): ListFacts => ({ list: 'map', keys, merge });
const set: ListFacts = { list: 'set' };
const mergedSet: ListFacts = { list: 'set', merge: '' };

/** `TYPE.FIELD` → facts. */
export const LISTS: Readonly<Record<string, ListFacts>> = {
  'meta.v1.ObjectMeta.finalizers': mergedSet,
  'meta.v1.ObjectMeta.ownerReferences': by('uid'),

  'core.v1.PodSpec.containers': by('name'),
  'core.v1.PodSpec.initContainers': by('name'),
  'core.v1.PodSpec.ephemeralContainers': by('name'),
  'core.v1.PodSpec.volumes': { ...by('name'), retainKeys: true },
  'core.v1.PodSpec.imagePullSecrets': by('name'),
  'core.v1.PodSpec.hostAliases': by('ip'),
  'core.v1.PodSpec.topologySpreadConstraints': byKeys(['topologyKey', 'whenUnsatisfiable'], 'topologyKey'),
  'core.v1.PodSpec.schedulingGates': by('name'),
  'core.v1.PodSpec.resourceClaims': { ...by('name'), retainKeys: true },
  'core.v1.PodStatus.conditions': by('type'),
  'core.v1.PodStatus.hostIPs': { list: 'atomic', merge: 'ip' },
  'core.v1.PodStatus.podIPs': by('ip'),
  'core.v1.PodStatus.resourceClaimStatuses': { ...by('name'), retainKeys: true },
  'core.v1.Container.ports': byKeys(['containerPort', 'protocol'], 'containerPort'),
  'core.v1.Container.env': by('name'),
  'core.v1.Container.volumeMounts': by('mountPath'),
  'core.v1.Container.volumeDevices': by('devicePath'),
  'core.v1.EphemeralContainer.ports': byKeys(['containerPort', 'protocol'], 'containerPort'),
  'core.v1.EphemeralContainer.env': by('name'),
  'core.v1.EphemeralContainer.volumeMounts': by('mountPath'),
  'core.v1.EphemeralContainer.volumeDevices': by('devicePath'),
  'core.v1.ContainerStatus.volumeMounts': by('mountPath'),
  'core.v1.ContainerStatus.allocatedResourcesStatus': by('name'),
  'core.v1.ContainerRestartRuleOnExitCodes.values': set,
  'core.v1.ResourceStatus.resources': byKeys(['resourceID']),
  'core.v1.ResourceRequirements.claims': byKeys(['name']),
  'core.v1.ServiceSpec.ports': byKeys(['port', 'protocol'], 'port'),
  'core.v1.ServiceStatus.conditions': by('type'),
  'core.v1.ServiceAccount.secrets': by('name'),
  'core.v1.NodeSpec.podCIDRs': mergedSet,
  'core.v1.NodeStatus.conditions': by('type'),
  'core.v1.NodeStatus.addresses': by('type'),
  'core.v1.NamespaceStatus.conditions': by('type'),
  'core.v1.PersistentVolumeClaimStatus.conditions': by('type'),
  'core.v1.ReplicationControllerStatus.conditions': by('type'),
  'core.v1.ComponentStatus.conditions': by('type'),

  'apps.v1.DeploymentStatus.conditions': by('type'),
  'apps.v1.ReplicaSetStatus.conditions': by('type'),
  'apps.v1.StatefulSetStatus.conditions': by('type'),
  'apps.v1.DaemonSetStatus.conditions': by('type'),
  'batch.v1.JobStatus.conditions': { list: 'atomic', merge: 'type' },
  'batch.v1.PodFailurePolicyOnExitCodesRequirement.values': set,
  'batch.v1.UncountedTerminatedPods.succeeded': set,
  'batch.v1.UncountedTerminatedPods.failed': set,
  'autoscaling.v2.HorizontalPodAutoscalerStatus.conditions': by('type'),
  'policy.v1.PodDisruptionBudgetStatus.conditions': by('type'),
  'discovery.v1.Endpoint.addresses': set,
  'networking.v1.ServiceCIDRStatus.conditions': by('type'),
  'storage.v1.CSIDriverSpec.volumeLifecycleModes': set,
  'storage.v1.CSINodeSpec.drivers': by('name'),
  'certificates.v1.CertificateSigningRequestStatus.conditions': byKeys(['type']),

  'admissionregistration.v1.ValidatingWebhookConfiguration.webhooks': by('name'),
  'admissionregistration.v1.MutatingWebhookConfiguration.webhooks': by('name'),
  'admissionregistration.v1.ValidatingWebhook.matchConditions': by('name'),
  'admissionregistration.v1.MutatingWebhook.matchConditions': by('name'),
  'admissionregistration.v1.ValidatingAdmissionPolicySpec.matchConditions': by('name'),
  'admissionregistration.v1.ValidatingAdmissionPolicySpec.variables': by('name'),
  'admissionregistration.v1.ValidatingAdmissionPolicyStatus.conditions': byKeys(['type']),
  'admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec.validationActions': set,

  'apiextensions.v1.CustomResourceDefinitionStatus.conditions': byKeys(['type']),
  'apiextensions.v1.JSONSchemaProps.x-kubernetes-validations': byKeys(['rule'], 'rule'),
  'apiregistration.v1.APIServiceStatus.conditions': by('type'),
};

/** Values of list keys that may be left out: what server-side apply takes instead. */
export const KEY_DEFAULTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'core.v1.ContainerPort': { protocol: 'TCP' },
  'core.v1.ServicePort': { protocol: 'TCP' },
};

/** Structs that server-side apply owns and replaces as a whole. */
export const ATOMIC_TYPES: ReadonlySet<string> = new Set([
  'admissionregistration.v1.MatchResources',
  'admissionregistration.v1.NamedRuleWithOperations',
  'admissionregistration.v1.ParamKind',
  'admissionregistration.v1.ParamRef',
  'admissionregistration.v1.Variable',
  'autoscaling.v1.CrossVersionObjectReference',
  'core.v1.ConfigMapKeySelector',
  'core.v1.EndpointAddress',
  'core.v1.EndpointPort',
  'core.v1.FileKeySelector',
  'core.v1.LocalObjectReference',
  'core.v1.NodeSelector',
  'core.v1.NodeSelectorTerm',
  'core.v1.ObjectFieldSelector',
  'core.v1.ObjectReference',
  'core.v1.ResourceFieldSelector',
  'core.v1.ScopeSelector',
  'core.v1.SecretKeySelector',
  'core.v1.SecretReference',
  'core.v1.TopologySelectorTerm',
  'core.v1.TypedLocalObjectReference',
  'discovery.v1.EndpointPort',
  'meta.v1.LabelSelector',
  'meta.v1.OwnerReference',
  'networking.v1.ServiceBackendPort',
  'rbac.v1.RoleRef',
  'rbac.v1.Subject',
]);

/** Maps that server-side apply owns and replaces as a whole, `TYPE.FIELD`. */
export const ATOMIC_MAPS: ReadonlySet<string> = new Set([
  'core.v1.PodSpec.nodeSelector',
  'core.v1.ReplicationControllerSpec.selector',
  'core.v1.ServiceSpec.selector',
  'node.v1.Scheduling.nodeSelector',
]);

/** Fields whose type is atomic elsewhere but merges here, `TYPE.FIELD`. */
export const GRANULAR_FIELDS: ReadonlySet<string> = new Set(['core.v1.PersistentVolumeSpec.claimRef']);

/** Strategic merge patch of a struct field other than "merge", `TYPE.FIELD`. */
export const STRUCT_PATCH: Readonly<Record<string, 'retainKeys' | 'replace'>> = {
  'apps.v1.DeploymentSpec.strategy': 'retainKeys',
  'policy.v1.PodDisruptionBudgetSpec.selector': 'replace',
};

/**
 * Fields that Kubernetes' decoder always has, if empty, `TYPE.FIELD`: nobody comes to own them by adding them.
 * `metadata`, `spec` and `status` of every kind are such fields, too.
 */
export const PRESENT: ReadonlySet<string> = new Set([
  'apps.v1.DaemonSetSpec.template',
  'apps.v1.DaemonSetSpec.updateStrategy',
  'apps.v1.DeploymentSpec.strategy',
  'apps.v1.DeploymentSpec.template',
  'apps.v1.ReplicaSetSpec.template',
  'apps.v1.StatefulSetSpec.template',
  'apps.v1.StatefulSetSpec.updateStrategy',
  'batch.v1.CronJobSpec.jobTemplate',
  'batch.v1.JobSpec.template',
  'batch.v1.JobTemplateSpec.metadata',
  'batch.v1.JobTemplateSpec.spec',
  'core.v1.NodeStatus.daemonEndpoints',
  'core.v1.NodeStatus.nodeInfo',
  'core.v1.PodSpec.containers',
  'core.v1.PodTemplate.template',
  'core.v1.PodTemplateSpec.metadata',
  'core.v1.PodTemplateSpec.spec',
  'core.v1.ServiceStatus.loadBalancer',
]);
