/** Kubernetes' own kinds that can be owned or lie in a namespace, for a transport that answers no discovery. */
import { resourceType, type ResourceType } from '../../../api/resource.ts';

const NAMESPACED: readonly (readonly [apiVersion: string, kinds: readonly string[]])[] = [
  [
    'v1',
    [
      'ConfigMap configmaps',
      'Endpoints endpoints',
      'LimitRange limitranges',
      'PersistentVolumeClaim persistentvolumeclaims',
      'Pod pods',
      'PodTemplate podtemplates',
      'ReplicationController replicationcontrollers',
      'ResourceQuota resourcequotas',
      'Secret secrets',
      'Service services',
      'ServiceAccount serviceaccounts',
    ],
  ],
  [
    'apps/v1',
    [
      'ControllerRevision controllerrevisions',
      'DaemonSet daemonsets',
      'Deployment deployments',
      'ReplicaSet replicasets',
      'StatefulSet statefulsets',
    ],
  ],
  ['autoscaling/v2', ['HorizontalPodAutoscaler horizontalpodautoscalers']],
  ['batch/v1', ['CronJob cronjobs', 'Job jobs']],
  ['coordination.k8s.io/v1', ['Lease leases']],
  ['discovery.k8s.io/v1', ['EndpointSlice endpointslices']],
  ['networking.k8s.io/v1', ['Ingress ingresses', 'NetworkPolicy networkpolicies']],
  ['policy/v1', ['PodDisruptionBudget poddisruptionbudgets']],
  ['rbac.authorization.k8s.io/v1', ['Role roles', 'RoleBinding rolebindings']],
];

const CLUSTER: readonly (readonly [apiVersion: string, kinds: readonly string[]])[] = [
  ['v1', ['Namespace namespaces', 'Node nodes', 'PersistentVolume persistentvolumes']],
  ['apiextensions.k8s.io/v1', ['CustomResourceDefinition customresourcedefinitions']],
  ['rbac.authorization.k8s.io/v1', ['ClusterRole clusterroles', 'ClusterRoleBinding clusterrolebindings']],
];

export const builtInKinds: readonly ResourceType[] = [...typesOf(NAMESPACED, true), ...typesOf(CLUSTER, false)];

function typesOf(table: typeof NAMESPACED, namespaced: boolean): ResourceType[] {
  return table.flatMap(([apiVersion, lines]) =>
    lines.map((line) => {
      const [kind = '', plural = ''] = line.split(' ');
      return resourceType(apiVersion, kind, plural, namespaced);
    }),
  );
}
