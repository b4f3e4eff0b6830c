/** Validation of Kubernetes' own kinds: the rules that keep users from common mistakes. Objects come with defaults filled in. */
import type { FieldProblem } from '../schema/problems.ts';
import type { Fields } from './fill.ts';
import { validateBinding, validateConfigMap, validateLease, validateRole, validateSecret } from './validate-data.ts';
import { validateEndpoints, validateEndpointSlice, validateIngress, validateService } from './validate-network.ts';
import { validatePod } from './validate-pod.ts';
import { validatePolicy, validatePolicyBinding } from './validate-policy.ts';
import { validateMutatingWebhooks, validateValidatingWebhooks } from './validate-webhook.ts';
import {
  validateCronJob,
  validateDaemonSet,
  validateDeployment,
  validateJob,
  validateReplicaSet,
  validateStatefulSet,
} from './validate-workload.ts';

type Validate = (object: Fields, old: Fields | undefined) => FieldProblem[];

const RULES: Readonly<Record<string, Validate>> = {
  '/Pod': validatePod,
  '/Service': validateService,
  '/Endpoints': validateEndpoints,
  '/ConfigMap': validateConfigMap,
  '/Secret': validateSecret,
  'apps/Deployment': validateDeployment,
  'apps/ReplicaSet': validateReplicaSet,
  'apps/StatefulSet': validateStatefulSet,
  'apps/DaemonSet': validateDaemonSet,
  'batch/Job': validateJob,
  'batch/CronJob': validateCronJob,
  'coordination.k8s.io/Lease': validateLease,
  'discovery.k8s.io/EndpointSlice': validateEndpointSlice,
  'networking.k8s.io/Ingress': validateIngress,
  'rbac.authorization.k8s.io/Role': validateRole,
  'rbac.authorization.k8s.io/ClusterRole': validateRole,
  'rbac.authorization.k8s.io/RoleBinding': validateBinding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': validateBinding,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': validatePolicy,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': validatePolicyBinding,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': validateMutatingWebhooks,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': validateValidatingWebhooks,
};

/**
 * @param old the object before an update: what may not change is checked against it
 * @returns empty when the object is valid, or the kind has no rules of its own; metadata is checked elsewhere
 */
export function validateBuiltin(group: string, kind: string, object: object, old?: object): FieldProblem[] {
  const rule = RULES[`${group}/${kind}`];
  if (rule === undefined || isUntouched(object as Fields, old as Fields | undefined)) return [];
  return rule(object as Fields, old as Fields | undefined);
}

/** Nothing but metadata and status is other than it was: the rest was valid then. */
function isUntouched(object: Fields, old: Fields | undefined): boolean {
  if (old === undefined) return false;
  const names = new Set([...Object.keys(object), ...Object.keys(old)]);
  names.delete('metadata');
  names.delete('status');
  return [...names].every((name) => object[name] === old[name]);
}
