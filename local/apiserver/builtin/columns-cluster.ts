/** Columns of the kinds around workloads: namespaces, nodes, data, storage, roles, events. */
import { ageOf } from './age.ts';
import { fieldAt, itemsAt, textAt } from './check.ts';
import { listed } from './network-row.ts';
import { nodeRow } from './pod-row.ts';
import { age, columns, count, printer, sizeOf, spec, status, type Printer } from './printer.ts';

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

export const CLUSTER_PRINTERS: Readonly<Record<string, Printer>> = {
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
  'coordination.k8s.io/leases': printer('Holder|Age', (object, now) => [
    textAt(spec(object), 'holderIdentity'),
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
  '/persistentvolumes': printer(
    'Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode*',
    (object, now) => {
      const claim = fieldAt(spec(object), 'claimRef');
      return [
        textAt(fieldAt(spec(object), 'capacity'), 'storage'),
        accessModes(spec(object).accessModes),
        textAt(spec(object), 'persistentVolumeReclaimPolicy'),
        textAt(status(object), 'phase'),
        claim.name === undefined ? '' : `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`,
        textAt(spec(object), 'storageClassName'),
        '<unset>',
        textAt(status(object), 'reason'),
        age(object, now),
        textAt(spec(object), 'volumeMode'),
      ];
    },
  ),
  '/resourcequotas': printer('Request|Limit|Age', (object, now) => {
    const hard = fieldAt(status(object), 'hard');
    const used = fieldAt(status(object), 'used');
    const names = Object.keys(hard).sort();
    const text = (list: readonly string[]): string =>
      list.map((name) => `${name}: ${String(used[name] ?? '0')}/${String(hard[name])}`).join(', ');
    return [
      text(names.filter((name) => !name.startsWith('limits.'))),
      text(names.filter((name) => name.startsWith('limits.'))),
      age(object, now),
    ];
  }),
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
