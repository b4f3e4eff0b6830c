/** Defaults of Kubernetes' own kinds, as their users see them. Source: the Kubernetes API reference. */
import { defaultPod, defaultTemplate } from './default-pod.ts';
import { at, each, fieldsOf, fill, type Fields } from './fill.ts';

type Default = (object: Fields) => Fields;

/** @returns the same object when nothing was missing */
export function builtinDefaults<T extends object>(group: string, version: string, kind: string, object: T): T;
export function builtinDefaults(group: string, _version: string, kind: string, object: object): object {
  const defaults = DEFAULTS[`${group}/${kind}`];
  return defaults === undefined ? object : defaults(object as Fields);
}

const spec =
  (change: Default): Default =>
  (object) =>
    at(fill(object, { spec: {} }), 'spec', change);

const DEFAULTS: Readonly<Record<string, Default>> = {
  '/Pod': defaultPod,
  '/PodTemplate': (object) => at(object, 'template', defaultTemplate),
  '/ReplicationController': spec((rc) => at(fill(rc, { replicas: 1, template: {} }), 'template', defaultTemplate)),
  '/Service': defaultService,
  '/Endpoints': (object) => each(object, 'subsets', (subset) => each(subset, 'ports', defaultProtocol)),
  '/Secret': defaultSecret,
  '/Namespace': defaultNamespace,
  '/PersistentVolume': (object) =>
    fill(
      at(object, 'spec', (pv) => fill(pv, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' })),
      { status: { phase: 'Pending' } },
    ),
  '/PersistentVolumeClaim': (object) =>
    fill(
      at(object, 'spec', (claim) => fill(claim, { volumeMode: 'Filesystem' })),
      { status: { phase: 'Pending' } },
    ),
  'apps/Deployment': spec((deployment) =>
    at(
      at(
        fill(deployment, {
          replicas: 1,
          revisionHistoryLimit: 10,
          progressDeadlineSeconds: 600,
          strategy: { type: 'RollingUpdate' },
          template: {},
        }),
        'strategy',
        defaultStrategy,
      ),
      'template',
      defaultTemplate,
    ),
  ),
  'apps/ReplicaSet': spec((set) => at(fill(set, { replicas: 1, template: {} }), 'template', defaultTemplate)),
  'apps/StatefulSet': spec(defaultStatefulSet),
  'apps/DaemonSet': spec((set) =>
    at(
      at(
        fill(set, { revisionHistoryLimit: 10, updateStrategy: { type: 'RollingUpdate' }, template: {} }),
        'updateStrategy',
        (strategy) => rolling(strategy, { maxUnavailable: 1, maxSurge: 0 }),
      ),
      'template',
      defaultTemplate,
    ),
  ),
  'batch/Job': defaultJob,
  'batch/CronJob': spec((cron) =>
    at(
      fill(cron, {
        concurrencyPolicy: 'Allow',
        suspend: false,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
        jobTemplate: {},
      }),
      'jobTemplate',
      (template) =>
        at(fill(template, { metadata: {}, spec: {} }), 'spec', (job) =>
          at(fill(job, { template: {} }), 'template', defaultTemplate),
        ),
    ),
  ),
  'discovery.k8s.io/EndpointSlice': (object) =>
    each(object, 'ports', (port) => fill(defaultProtocol(port), { name: '' })),
  'rbac.authorization.k8s.io/RoleBinding': defaultBinding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': defaultBinding,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': (object) => each(object, 'webhooks', defaultWebhook),
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': (object) =>
    each(object, 'webhooks', (hook) => fill(defaultWebhook(hook), { reinvocationPolicy: 'Never' })),
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': spec((policy) =>
    at(fill(policy, { failurePolicy: 'Fail' }), 'matchConstraints', defaultMatchResources),
  ),
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': spec((binding) =>
    at(binding, 'matchResources', defaultMatchResources),
  ),
  'storage.k8s.io/StorageClass': (object) => fill(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  'scheduling.k8s.io/PriorityClass': (object) => fill(object, { preemptionPolicy: 'PreemptLowerPriority' }),
  'networking.k8s.io/NetworkPolicy': spec((policy) =>
    fill(policy, { policyTypes: policy.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'] }),
  ),
  'autoscaling/HorizontalPodAutoscaler': spec((autoscaler) =>
    fill(autoscaler, { minReplicas: 1, metrics: [CPU_AT_80_PERCENT] }),
  ),
};

const CPU_AT_80_PERCENT = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
};

const defaultProtocol: Default = (port) => fill(port, { protocol: 'TCP' });

function rolling(strategy: Fields, defaults: Fields): Fields {
  if (strategy.type !== undefined && strategy.type !== 'RollingUpdate') return strategy;
  return at(fill(strategy, { type: 'RollingUpdate', rollingUpdate: {} }), 'rollingUpdate', (update) =>
    fill(update, defaults),
  );
}

function defaultStrategy(strategy: Fields): Fields {
  return rolling(strategy, { maxUnavailable: '25%', maxSurge: '25%' });
}

function defaultStatefulSet(set: Fields): Fields {
  const filled = fill(set, {
    replicas: 1,
    revisionHistoryLimit: 10,
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate' },
    template: {},
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  });
  return at(
    at(filled, 'updateStrategy', (strategy) => rolling(strategy, { partition: 0 })),
    'template',
    defaultTemplate,
  );
}

/** A job's selector and template labels are made from its uid, so that no other job's pods match. */
function defaultJob(job: Fields): Fields {
  const metadata = fieldsOf(job.metadata) ?? {};
  return at(fill(job, { spec: {} }), 'spec', (given) => {
    let filled = fill(given, {
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: given.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed',
      ...(given.completions === undefined && given.parallelism === undefined ? { completions: 1 } : {}),
      parallelism: 1,
      template: {},
    });
    filled = at(filled, 'template', defaultTemplate);
    const { uid, name } = metadata;
    if (typeof uid !== 'string' || filled.manualSelector === true || filled.selector !== undefined) return filled;
    const labels = {
      'batch.kubernetes.io/controller-uid': uid,
      'batch.kubernetes.io/job-name': name,
      'controller-uid': uid,
      'job-name': name,
    };
    filled = { ...filled, selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } } };
    return at(filled, 'template', (template) =>
      at(fill(template, { metadata: {} }), 'metadata', (meta) => ({
        ...meta,
        labels: { ...fieldsOf(meta.labels), ...labels },
      })),
    );
  });
}

function defaultService(service: Fields): Fields {
  const filled = at(fill(service, { spec: {} }), 'spec', (given) => {
    const type = given.type ?? 'ClusterIP';
    const external = type === 'NodePort' || type === 'LoadBalancer';
    let next = fill(given, { type, sessionAffinity: 'None' });
    if (type !== 'ExternalName') {
      next = fill(next, { internalTrafficPolicy: 'Cluster', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
      if (typeof next.clusterIP === 'string' && next.clusterIP !== '')
        next = fill(next, { clusterIPs: [next.clusterIP] });
    }
    if (external) next = fill(next, { externalTrafficPolicy: 'Cluster' });
    if (type === 'LoadBalancer') next = fill(next, { allocateLoadBalancerNodePorts: true });
    if (next.sessionAffinity === 'ClientIP')
      next = fill(next, { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } });
    return each(next, 'ports', (port) => {
      const untargeted = port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '';
      const protocol = defaultProtocol(port);
      return untargeted ? { ...protocol, targetPort: port.port } : protocol;
    });
  });
  return fill(filled, { status: { loadBalancer: {} } });
}

/** `stringData` is a way to write `data`: it is never kept. */
function defaultSecret(secret: Fields): Fields {
  const filled = fill(secret, { type: 'Opaque' });
  const texts = fieldsOf(filled.stringData);
  if (texts === undefined) return filled;
  const { stringData: _stringData, ...kept } = filled;
  const data: Record<string, unknown> = { ...fieldsOf(filled.data) };
  for (const [key, text] of Object.entries(texts)) data[key] = Buffer.from(String(text)).toString('base64');
  return Object.keys(data).length === 0 ? kept : { ...kept, data };
}

function defaultNamespace(namespace: Fields): Fields {
  const labelled = at(namespace, 'metadata', (metadata) => {
    const labels = fieldsOf(metadata.labels) ?? {};
    const filled = fill(labels, { 'kubernetes.io/metadata.name': metadata.name });
    return filled === labels ? metadata : { ...metadata, labels: filled };
  });
  return fill(labelled, { status: { phase: 'Active' } });
}

const RBAC = 'rbac.authorization.k8s.io';

function defaultBinding(binding: Fields): Fields {
  const named = at(binding, 'roleRef', (role) => fill(role, { apiGroup: RBAC }));
  return each(named, 'subjects', (subject) =>
    subject.kind === 'ServiceAccount' ? subject : fill(subject, { apiGroup: RBAC }),
  );
}

function defaultMatchResources(resources: Fields): Fields {
  const filled = fill(resources, { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} });
  const ruled = each(filled, 'resourceRules', (rule) => fill(rule, { scope: '*' }));
  return each(ruled, 'excludeResourceRules', (rule) => fill(rule, { scope: '*' }));
}

function defaultWebhook(hook: Fields): Fields {
  const filled = fill(hook, {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
  });
  const ruled = each(filled, 'rules', (rule) => fill(rule, { scope: '*' }));
  return at(ruled, 'clientConfig', (config) => at(config, 'service', (service) => fill(service, { port: 443 })));
}
