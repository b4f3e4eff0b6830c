/** Columns of Kubernetes' own kinds, as `kubectl get` shows them. */
import type { PrinterColumn } from '../registry.ts';
import { ageOf, humanDuration } from './age.ts';
import { fieldAt, itemsAt, textAt } from './check.ts';
import { type Fields } from './fill.ts';
import { nodeRow, podRow } from './pod-row.ts';
import { endpointsText, externalIps, listed, portsText, slicePorts, withMore } from './network-row.ts';

export type Cell = string | number | boolean | null;

export interface Printer {
  readonly columns: readonly PrinterColumn[];
  row(object: Fields, now: number): Cell[];
}

const column = (name: string, type: string, priority: number, format = ''): PrinterColumn => ({
  name,
  type,
  format,
  description: '',
  priority,
});

/** `Name*` is only shown with `-o wide`, `Name#` is an integer, `Name?` a boolean, `Name@` a date. */
function columns(names: string): PrinterColumn[] {
  const list = names.split('|').map((text) => {
    const [, name = '', mark = ''] = /^(.*?)([*#?@]*)$/.exec(text) ?? [];
    const type = mark.includes('#')
      ? 'integer'
      : mark.includes('?')
        ? 'boolean'
        : mark.includes('@')
          ? 'date'
          : 'string';
    return column(name, type, mark.includes('*') ? 1 : 0);
  });
  return [column('Name', 'string', 0, 'name'), ...list];
}

function printer(names: string, cells: (object: Fields, now: number) => Cell[]): Printer {
  return {
    columns: columns(names),
    row: (object, now) => [textAt(fieldAt(object, 'metadata'), 'name'), ...cells(object, now)],
  };
}

const age = (object: Fields, now: number): string => ageOf(fieldAt(object, 'metadata').creationTimestamp, now);
const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
const orNone = (text: string): string => (text === '' ? '<none>' : text);
const sizeOf = (value: Fields): number => Object.keys(value).length;

/** Names, images and selector of a workload's pods. */
function podColumns(object: Fields): [string, string] {
  const containers = itemsAt(fieldAt(fieldAt(fieldAt(object, 'spec'), 'template'), 'spec'), 'containers');
  return [
    containers.map((container) => textAt(container, 'name')).join(','),
    containers.map((container) => textAt(container, 'image')).join(','),
  ];
}

export function labelsText(labels: Fields): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${String(labels[key])}`);
  return orNone(pairs.join(','));
}

function selectorText(selector: Fields): string {
  const parts = Object.entries(fieldAt(selector, 'matchLabels')).map(([key, value]) => `${key}=${String(value)}`);
  for (const { key, operator, values } of itemsAt(selector, 'matchExpressions')) {
    const list = Array.isArray(values) ? `(${values.join(',')})` : '';
    if (operator === 'Exists') parts.push(String(key));
    else if (operator === 'DoesNotExist') parts.push(`!${String(key)}`);
    else parts.push(`${String(key)} ${operator === 'In' ? 'in' : 'notin'} ${list}`);
  }
  return orNone(parts.sort().join(','));
}

const spec = (object: Fields): Fields => fieldAt(object, 'spec');
const status = (object: Fields): Fields => fieldAt(object, 'status');

const replicaSet = printer('Desired#|Current#|Ready#|Age|Containers*|Images*|Selector*', (object, now) => [
  count(spec(object).replicas),
  count(status(object).replicas),
  count(status(object).readyReplicas),
  age(object, now),
  ...podColumns(object),
  selectorText(fieldAt(spec(object), 'selector')),
]);

const binding = printer('Role|Age|Users*|Groups*|ServiceAccounts*', (object, now) => {
  const role = fieldAt(object, 'roleRef');
  const subjects = itemsAt(object, 'subjects');
  const named = (kind: string): string =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map((subject) => (kind === 'ServiceAccount' ? `${textAt(subject, 'namespace')}/` : '') + textAt(subject, 'name'))
      .join(', ');
  return [
    `${textAt(role, 'kind')}/${textAt(role, 'name')}`,
    age(object, now),
    named('User'),
    named('Group'),
    named('ServiceAccount'),
  ];
});

const webhooks = printer('Webhooks#|Age', (object, now) => [itemsAt(object, 'webhooks').length, age(object, now)]);

/** What a kind without a printer of its own shows. */
export const PLAIN: Printer = printer('Created At@', (object) => [
  textAt(fieldAt(object, 'metadata'), 'creationTimestamp') || null,
]);
/** Kinds defined by a CustomResourceDefinition without columns, and most small kinds. */
const AGED: Printer = printer('Age', (object, now) => [age(object, now)]);

/** By `GROUP/PLURAL`. */
export const PRINTERS: Readonly<Record<string, Printer>> = {
  '/pods': printer('Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*', (object, now) =>
    podRow(object, now, age(object, now)),
  ),
  '/services': printer('Type|Cluster-IP|External-IP|Port(s)|Age|Selector*', (object, now) => [
    textAt(spec(object), 'type'),
    orNone(textAt(spec(object), 'clusterIP')),
    externalIps(object),
    portsText(itemsAt(spec(object), 'ports')),
    age(object, now),
    labelsText(fieldAt(spec(object), 'selector')),
  ]),
  '/endpoints': printer('Endpoints|Age', (object, now) => [endpointsText(object), age(object, now)]),
  '/nodes': printer(
    'Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*',
    (object, now) => nodeRow(object, age(object, now)),
  ),
  '/namespaces': printer('Status|Age', (object, now) => [textAt(status(object), 'phase'), age(object, now)]),
  '/configmaps': printer('Data#|Age', (object, now) => [
    sizeOf(fieldAt(object, 'data')) + sizeOf(fieldAt(object, 'binaryData')),
    age(object, now),
  ]),
  '/secrets': printer('Type|Data#|Age', (object, now) => [
    textAt(object, 'type'),
    sizeOf(fieldAt(object, 'data')),
    age(object, now),
  ]),
  '/serviceaccounts': printer('Secrets#|Age', (object, now) => [itemsAt(object, 'secrets').length, age(object, now)]),
  '/replicationcontrollers': replicaSet,
  '/persistentvolumeclaims': printer(
    'Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode*',
    (object, now) => [
      textAt(status(object), 'phase'),
      textAt(spec(object), 'volumeName'),
      textAt(fieldAt(status(object), 'capacity'), 'storage'),
      accessModes(status(object).accessModes),
      textAt(spec(object), 'storageClassName'),
      '<unset>',
      age(object, now),
      textAt(spec(object), 'volumeMode'),
    ],
  ),
  '/events': eventPrinter(),
  'events.k8s.io/events': eventPrinter(),
  'apps/deployments': printer('Ready|Up-to-date#|Available#|Age|Containers*|Images*|Selector*', (object, now) => [
    `${count(status(object).readyReplicas)}/${count(spec(object).replicas)}`,
    count(status(object).updatedReplicas),
    count(status(object).availableReplicas),
    age(object, now),
    ...podColumns(object),
    selectorText(fieldAt(spec(object), 'selector')),
  ]),
  'apps/replicasets': replicaSet,
  'apps/statefulsets': printer('Ready|Age|Containers*|Images*', (object, now) => [
    `${count(status(object).readyReplicas)}/${count(spec(object).replicas)}`,
    age(object, now),
    ...podColumns(object),
  ]),
  'apps/daemonsets': printer(
    'Desired#|Current#|Ready#|Up-to-date#|Available#|Node Selector|Age|Containers*|Images*|Selector*',
    (object, now) => [
      count(status(object).desiredNumberScheduled),
      count(status(object).currentNumberScheduled),
      count(status(object).numberReady),
      count(status(object).updatedNumberScheduled),
      count(status(object).numberAvailable),
      labelsText(fieldAt(fieldAt(fieldAt(spec(object), 'template'), 'spec'), 'nodeSelector')),
      age(object, now),
      ...podColumns(object),
      selectorText(fieldAt(spec(object), 'selector')),
    ],
  ),
  'apps/controllerrevisions': printer('Controller|Revision#|Age', (object, now) => {
    const owner = itemsAt(fieldAt(object, 'metadata'), 'ownerReferences').find((one) => one.controller === true);
    const name = owner === undefined ? '<none>' : `${textAt(owner, 'kind').toLowerCase()}/${textAt(owner, 'name')}`;
    return [name, count(object.revision), age(object, now)];
  }),
  'batch/jobs': printer('Status|Completions|Duration|Age|Containers*|Images*|Selector*', (object, now) => [
    jobStatus(object),
    jobCompletions(object),
    jobDuration(object, now),
    age(object, now),
    ...podColumns(object),
    selectorText(fieldAt(spec(object), 'selector')),
  ]),
  'batch/cronjobs': printer(
    'Schedule|Timezone|Suspend|Active#|Last Schedule|Age|Containers*|Images*|Selector*',
    (object, now) => {
      const job = fieldAt(spec(object), 'jobTemplate');
      const last = status(object).lastScheduleTime;
      return [
        textAt(spec(object), 'schedule'),
        orNone(textAt(spec(object), 'timeZone')),
        spec(object).suspend === true ? 'True' : 'False',
        itemsAt(status(object), 'active').length,
        last === undefined ? '<none>' : ageOf(last, now),
        age(object, now),
        ...podColumns(job),
        selectorText(fieldAt(spec(job), 'selector')),
      ];
    },
  ),
  'discovery.k8s.io/endpointslices': printer('AddressType|Ports|Endpoints|Age', (object, now) => {
    const addresses = itemsAt(object, 'endpoints').flatMap((endpoint) => listed(endpoint.addresses));
    return [
      textAt(object, 'addressType'),
      slicePorts(itemsAt(object, 'ports')),
      addresses.length === 0 ? '<unset>' : withMore(addresses),
      age(object, now),
    ];
  }),
  'coordination.k8s.io/leases': printer('Holder|Age', (object, now) => [
    textAt(spec(object), 'holderIdentity'),
    age(object, now),
  ]),
  'networking.k8s.io/ingresses': printer('Class|Hosts|Address|Ports|Age', (object, now) => {
    const hosts = itemsAt(spec(object), 'rules')
      .map((rule) => textAt(rule, 'host'))
      .filter((host) => host !== '');
    const addresses = itemsAt(fieldAt(status(object), 'loadBalancer'), 'ingress').map(
      (one) => textAt(one, 'ip') || textAt(one, 'hostname'),
    );
    return [
      orNone(textAt(spec(object), 'ingressClassName')),
      hosts.length === 0 ? '*' : withMore(hosts),
      addresses.join(','),
      itemsAt(spec(object), 'tls').length > 0 ? '80, 443' : '80',
      age(object, now),
    ];
  }),
  'networking.k8s.io/ingressclasses': printer('Controller|Parameters|Age', (object, now) => [
    textAt(spec(object), 'controller'),
    '<none>',
    age(object, now),
  ]),
  'networking.k8s.io/networkpolicies': printer('Pod-Selector|Age', (object, now) => [
    selectorText(fieldAt(spec(object), 'podSelector')),
    age(object, now),
  ]),
  'rbac.authorization.k8s.io/rolebindings': binding,
  'rbac.authorization.k8s.io/clusterrolebindings': binding,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': webhooks,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': webhooks,
  'apiregistration.k8s.io/apiservices': printer('Service|Available|Age', (object, now) => {
    const available = itemsAt(status(object), 'conditions').find((one) => one.type === 'Available');
    return ['Local', textAt(available, 'status') || 'Unknown', age(object, now)];
  }),
  'storage.k8s.io/storageclasses': printer(
    'Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion?|Age',
    (object, now) => [
      textAt(object, 'provisioner'),
      textAt(object, 'reclaimPolicy'),
      textAt(object, 'volumeBindingMode'),
      object.allowVolumeExpansion === true,
      age(object, now),
    ],
  ),
  'scheduling.k8s.io/priorityclasses': printer('Value#|Global-Default?|Age|PreemptionPolicy', (object, now) => [
    count(object.value),
    object.globalDefault === true,
    age(object, now),
    textAt(object, 'preemptionPolicy'),
  ]),
  'node.k8s.io/runtimeclasses': printer('Handler|Age', (object, now) => [textAt(object, 'handler'), age(object, now)]),
  'policy/poddisruptionbudgets': printer('Min Available|Max Unavailable|Allowed Disruptions#|Age', (object, now) => [
    String(spec(object).minAvailable ?? 'N/A'),
    String(spec(object).maxUnavailable ?? 'N/A'),
    count(status(object).disruptionsAllowed),
    age(object, now),
  ]),
  'certificates.k8s.io/certificatesigningrequests': AGED,
};

function accessModes(modes: unknown): string {
  const short: Readonly<Record<string, string>> = {
    ReadWriteOnce: 'RWO',
    ReadOnlyMany: 'ROX',
    ReadWriteMany: 'RWX',
    ReadWriteOncePod: 'RWOP',
  };
  return listed(modes)
    .map((mode) => short[mode] ?? mode)
    .join(',');
}

function jobStatus(job: Fields): string {
  const conditions = itemsAt(status(job), 'conditions');
  const has = (type: string): boolean => conditions.some((one) => one.type === type && one.status === 'True');
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (fieldAt(job, 'metadata').deletionTimestamp !== undefined) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) if (has(type)) return type;
  return 'Running';
}

function jobCompletions(job: Fields): string {
  const { completions, parallelism } = spec(job);
  const succeeded = count(status(job).succeeded);
  if (typeof completions === 'number') return `${succeeded}/${completions}`;
  return count(parallelism) > 1 ? `${succeeded}/1 of ${count(parallelism)}` : `${succeeded}/1`;
}

function jobDuration(job: Fields, now: number): string {
  const { startTime, completionTime } = status(job);
  if (typeof startTime !== 'string') return '';
  const end = typeof completionTime === 'string' ? Date.parse(completionTime) : now;
  return humanDuration(end - Date.parse(startTime));
}

function eventPrinter(): Printer {
  const names = 'Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Name*';
  const [, ...rest] = columns(names);
  // An event's name says little: it comes last.
  const list = rest.map((one) =>
    one.name === 'Name' ? { ...one, format: 'name' } : one.name === 'Count' ? { ...one, type: 'string' } : one,
  );
  return {
    columns: list,
    row(event, now) {
      const about = event.involvedObject === undefined ? fieldAt(event, 'regarding') : fieldAt(event, 'involvedObject');
      const series = fieldAt(event, 'series');
      const first = event.firstTimestamp ?? event.deprecatedFirstTimestamp ?? event.eventTime;
      const last = series.lastObservedTime ?? event.lastTimestamp ?? event.deprecatedLastTimestamp ?? first;
      const source = fieldAt(event, 'source');
      const component =
        textAt(source, 'component') || textAt(event, 'reportingComponent') || textAt(event, 'reportingController');
      const host = textAt(source, 'host') || textAt(event, 'reportingInstance');
      return [
        ageOf(last, now),
        textAt(event, 'type'),
        textAt(event, 'reason'),
        `${textAt(about, 'kind').toLowerCase()}/${textAt(about, 'name')}`,
        textAt(about, 'fieldPath'),
        host === '' ? component : `${component}, ${host}`,
        (textAt(event, 'message') || textAt(event, 'note')).trim(),
        ageOf(first, now),
        String(count(series.count) || count(event.count) || count(event.deprecatedCount) || 1),
        textAt(fieldAt(event, 'metadata'), 'name'),
      ];
    },
  };
}
