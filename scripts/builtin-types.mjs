// Writes local/apiserver/builtin/types.json (committed) and descriptions.json (made by every install: the texts are the
// Kubernetes authors'): the fields of Kubernetes' own kinds, taken from the generated models of @kubernetes/client-node. What those models do not say (merge keys, list types) stands in
// local/apiserver/builtin/facts.ts.
//
// types.json: one line a type, `"apps.v1.DeploymentSpec": "replicas:i template:core.v1.PodTemplateSpec! …"`.
//   field     NAME:TYPE, `!` when required
//   TYPE      s string, b boolean, i int32, l int64, n number, q quantity, x int-or-string, t time, u micro time,
//             y bytes, * any JSON, []TYPE list, {}TYPE map, or the name of a type
//
// usage: node scripts/builtin-types.mjs [--check]     --check: exit 1 when types.json is not up to date
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const models = join(root, 'node_modules/@kubernetes/client-node/dist/gen/models');
const target = join(root, 'local/apiserver/builtin');

/** Entry types by the package their own types belong to; earlier packages claim a type first. */
const PACKAGES = {
  'meta.v1': `ObjectMeta ListMeta Condition LabelSelector Status DeleteOptions APIGroup APIGroupList APIResourceList APIVersions`,
  'core.v1': `Namespace Pod PodTemplate Service Endpoints ConfigMap Secret ServiceAccount CoreV1Event Node Binding
    PersistentVolume PersistentVolumeClaim LimitRange ResourceQuota ReplicationController ComponentStatus
    TopologySelectorTerm`,
  'autoscaling.v1': 'Scale HorizontalPodAutoscaler',
  'autoscaling.v2': 'V2HorizontalPodAutoscaler',
  'policy.v1': 'PodDisruptionBudget Eviction',
  'apps.v1': 'Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision',
  'batch.v1': 'Job CronJob',
  'discovery.v1': 'EndpointSlice',
  'coordination.v1': 'Lease',
  'events.v1': 'EventsV1Event',
  'networking.v1': 'Ingress IngressClass NetworkPolicy IPAddress ServiceCIDR',
  'rbac.v1': 'Role RoleBinding ClusterRole ClusterRoleBinding',
  'storage.v1': 'StorageClass VolumeAttachment CSIDriver CSINode CSIStorageCapacity',
  'scheduling.v1': 'PriorityClass',
  'node.v1': 'RuntimeClass',
  'certificates.v1': 'CertificateSigningRequest',
  'authentication.v1': 'TokenReview SelfSubjectReview AuthenticationV1TokenRequest',
  'authorization.v1': 'SelfSubjectAccessReview SubjectAccessReview LocalSubjectAccessReview SelfSubjectRulesReview',
  'admissionregistration.v1': `ValidatingWebhookConfiguration MutatingWebhookConfiguration ValidatingAdmissionPolicy
    ValidatingAdmissionPolicyBinding`,
  'apiextensions.v1': 'CustomResourceDefinition',
  'apiregistration.v1': 'APIService',
};

/** Fields that carry a quantity; the models only say "string". */
const QUANTITIES = new Set(
  `core.v1.PersistentVolumeSpec.capacity core.v1.PersistentVolumeClaimStatus.capacity
  core.v1.PersistentVolumeClaimStatus.allocatedResources core.v1.EmptyDirVolumeSource.sizeLimit
  core.v1.ResourceFieldSelector.divisor core.v1.ResourceRequirements.limits core.v1.ResourceRequirements.requests
  core.v1.VolumeResourceRequirements.limits core.v1.VolumeResourceRequirements.requests
  core.v1.ContainerStatus.allocatedResources core.v1.PodSpec.overhead core.v1.PodStatus.allocatedResources
  core.v1.NodeStatus.capacity core.v1.NodeStatus.allocatable core.v1.LimitRangeItem.max core.v1.LimitRangeItem.min
  core.v1.LimitRangeItem.default core.v1.LimitRangeItem.defaultRequest core.v1.LimitRangeItem.maxLimitRequestRatio
  core.v1.ResourceQuotaSpec.hard core.v1.ResourceQuotaStatus.hard core.v1.ResourceQuotaStatus.used
  autoscaling.v2.HPAScalingRules.tolerance autoscaling.v2.MetricTarget.value autoscaling.v2.MetricTarget.averageValue
  autoscaling.v2.MetricValueStatus.value autoscaling.v2.MetricValueStatus.averageValue
  storage.v1.CSIStorageCapacity.capacity storage.v1.CSIStorageCapacity.maximumVolumeSize
  node.v1.Overhead.podFixed`.split(/\s+/),
);

const SCALARS = {
  'string|': 's',
  'boolean|': 'b',
  'number|int32': 'i',
  'number|int64': 'l',
  'number|double': 'n',
  'IntOrString|int-or-string': 'x',
  'Date|date-time': 't',
  'string|byte': 'y',
  'any|': '*',
};

const all = await import(join(models, 'all.js'));
/** Model name → type name. */
const named = new Map();
const queue = [];
for (const [home, list] of Object.entries(PACKAGES)) {
  for (const entry of list.split(/\s+/)) claim(modelOf(entry), home);
  while (queue.length > 0) {
    const model = queue.shift();
    for (const attribute of all[model].attributeTypeMap)
      for (const name of references(attribute.type)) claim(name, home);
  }
}

const types = {};
const descriptions = {};
for (const [model, name] of [...named].sort((a, b) => (a[1] < b[1] ? -1 : 1))) {
  const documented = await documentation(model);
  const fields = [];
  const texts = {};
  if (documented.text) texts[''] = documented.text;
  for (const attribute of all[model].attributeTypeMap) {
    const field = documented.fields.get(attribute.name);
    fields.push(
      `${attribute.baseName}:${typeCode(attribute, `${name}.${attribute.baseName}`)}${field.required ? '!' : ''}`,
    );
    if (field.text) texts[attribute.baseName] = field.text;
  }
  types[name] = fields.join(' ');
  descriptions[name] = texts;
}

const table = await format(JSON.stringify(types), { parser: 'json', printWidth: 120 });
if (process.argv.includes('--check')) {
  if ((await readFile(join(target, 'types.json'), 'utf8')) !== table) {
    console.error('types.json is not up to date; run: node scripts/builtin-types.mjs');
    process.exitCode = 1;
  }
} else {
  await writeFile(join(target, 'types.json'), table);
  await writeFile(join(target, 'descriptions.json'), JSON.stringify(descriptions));
}

function modelOf(entry) {
  if (all[entry] !== undefined) return entry;
  if (all[`V1${entry}`] === undefined) throw new Error(`no model for ${entry}`);
  return `V1${entry}`;
}

function claim(model, home) {
  if (named.has(model) || all[model]?.attributeTypeMap === undefined) return;
  named.set(model, `${home}.${model.replace(/^(.*?)V\d+/, '')}`);
  queue.push(model);
}

function references(type) {
  return [...type.matchAll(/\b\w*V\d\w+/g)].map((match) => match[0]).filter((name) => all[name] !== undefined);
}

function typeCode(attribute, path) {
  const { type, format: kind } = attribute;
  const list = /^Array<(.*)>$/.exec(type);
  if (list) return `[]${typeCode({ type: list[1], format: kind }, path)}`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) return `{}${typeCode({ type: map[1], format: kind }, path)}`;
  if (type === 'string' && QUANTITIES.has(path)) return 'q';
  if (type === 'V1MicroTime' || kind === 'date-time-micro') return 'u';
  const scalar = SCALARS[`${type}|${kind}`];
  if (scalar !== undefined) return scalar;
  const name = named.get(type);
  if (name === undefined) throw new Error(`${path}: unknown type ${type} (${kind})`);
  return name;
}

/** Doc comments and optional marks of a model's declaration. */
async function documentation(model) {
  const source = await readFile(join(models, `${model}.d.ts`), 'utf8');
  const body = source.slice(source.indexOf('export declare class'));
  const before = source.slice(0, source.indexOf('export declare class'));
  const heads = [...before.matchAll(/\/\*\*\n((?:\* .*\n|\*\n)+)\*\//g)];
  const fields = new Map();
  for (const match of body.matchAll(/(?:\/\*\*\n((?: +\* ?.*\n)+?) +\*\/\n)? +'(\w+)'(\??): /g))
    fields.set(match[2], { text: prose(match[1]), required: match[3] === '' });
  return { text: prose(heads.at(-1)?.[1]), fields };
}

function prose(comment) {
  if (comment === undefined) return '';
  return comment
    .split('\n')
    .map((line) => line.replace(/^ *\* ?/, ''))
    .join('\n')
    .replace(/\\(['"`\\])/g, '$1')
    .trim();
}
