/** Validation of pods and pod templates. Source: the Kubernetes API reference, "PodSpec". */
import { deepEqual } from '../../../kube/equal.ts';
import { dns1123Label, dns1123Subdomain } from '../schema/names.ts';
import { checkAnnotations, checkLabels } from '../schema/object-meta.ts';
import { duplicate, forbidden, invalid, required, type FieldProblem } from '../schema/problems.ts';
import { checkName, checkNonNegative, checkOneOf, checkRequiredName, fieldAt, itemsAt, textAt } from './check.ts';
import { fieldsOf, type Fields } from './fill.ts';
import { checkContainer } from './validate-container.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
/** What must be named in a volume's source, by source. */
const VOLUME_NAMES: Readonly<Record<string, string>> = {
  secret: 'secretName',
  configMap: 'name',
  persistentVolumeClaim: 'claimName',
  hostPath: 'path',
};

export function validatePod(pod: Fields, old: Fields | undefined): FieldProblem[] {
  const problems: FieldProblem[] = [];
  checkPodSpec(fieldAt(pod, 'spec'), 'spec', problems);
  if (old !== undefined) checkPodUpdate(fieldAt(pod, 'spec'), fieldAt(old, 'spec'), problems);
  return problems;
}

/** @param path of the template */
export function checkTemplate(template: Fields, path: string, problems: FieldProblem[]): void {
  const metadata = fieldAt(template, 'metadata');
  checkLabels(textsOf(metadata.labels), `${path}.labels`, problems);
  checkAnnotations(textsOf(metadata.annotations), `${path}.annotations`, problems);
  checkPodSpec(fieldAt(template, 'spec'), `${path}.spec`, problems);
}

export function checkPodSpec(spec: Fields, path: string, problems: FieldProblem[]): void {
  const volumes = checkVolumes(itemsAt(spec, 'volumes'), `${path}.volumes`, problems);
  const names = new Set<string>();
  const containers = itemsAt(spec, 'containers');
  if (containers.length === 0) problems.push(required(`${path}.containers`));
  containers.forEach((container, index) =>
    checkContainer(container, `${path}.containers[${index}]`, { names, volumes, init: false }, problems),
  );
  itemsAt(spec, 'initContainers').forEach((container, index) =>
    checkContainer(container, `${path}.initContainers[${index}]`, { names, volumes, init: true }, problems),
  );
  checkOneOf(spec.restartPolicy, RESTART_POLICIES, `${path}.restartPolicy`, problems);
  checkOneOf(spec.dnsPolicy, DNS_POLICIES, `${path}.dnsPolicy`, problems);
  checkNonNegative(spec, ['terminationGracePeriodSeconds'], path, problems);
  const deadline = spec.activeDeadlineSeconds;
  if (typeof deadline === 'number' && (deadline < 1 || deadline > 2 ** 31 - 1))
    problems.push(
      invalid(`${path}.activeDeadlineSeconds`, deadline, `must be between 1 and ${2 ** 31 - 1}, inclusive`),
    );
  checkLabels(textsOf(spec.nodeSelector), `${path}.nodeSelector`, problems);
  for (const [key, rule] of [
    ['serviceAccountName', dns1123Subdomain],
    ['nodeName', dns1123Subdomain],
    ['hostname', dns1123Label],
    ['subdomain', dns1123Label],
  ] as const)
    if (textAt(spec, key) !== '') checkName(rule, textAt(spec, key), `${path}.${key}`, problems);
}

function checkVolumes(volumes: readonly Fields[], path: string, problems: FieldProblem[]): Set<string> {
  const names = new Set<string>();
  volumes.forEach((volume, index) => {
    const at = `${path}[${index}]`;
    const name = textAt(volume, 'name');
    checkRequiredName(name, `${at}.name`, problems);
    if (name !== '' && names.has(name)) problems.push(duplicate(`${at}.name`, name));
    names.add(name);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    if (sources.length === 0) problems.push(required(at, 'must specify a volume type'));
    for (const extra of sources.slice(1))
      problems.push(forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type'));
    for (const source of sources) {
      const named = VOLUME_NAMES[source];
      const value = fieldAt(volume, source);
      if (named !== undefined && textAt(value, named) === '') problems.push(required(`${at}.${source}.${named}`));
      checkKeys(itemsAt(value, 'items'), `${at}.${source}.items`, problems);
    }
  });
  return names;
}

function checkKeys(items: readonly Fields[], path: string, problems: FieldProblem[]): void {
  items.forEach((item, index) => {
    const keyed = item.fieldRef === undefined && item.resourceFieldRef === undefined;
    if (keyed && textAt(item, 'key') === '') problems.push(required(`${path}[${index}].key`));
    const file = textAt(item, 'path');
    if (file === '') problems.push(required(`${path}[${index}].path`));
    else if (file.startsWith('/')) problems.push(invalid(`${path}[${index}].path`, file, 'must be a relative path'));
    else if (file.split('/').includes('..'))
      problems.push(invalid(`${path}[${index}].path`, file, "must not contain '..'"));
  });
}

const POD_UPDATES =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function checkPodUpdate(spec: Fields, old: Fields, problems: FieldProblem[]): void {
  for (const list of ['containers', 'initContainers'])
    if (itemsAt(spec, list).length !== itemsAt(old, list).length) {
      problems.push(forbidden(`spec.${list}`, `pod updates may not add or remove containers`));
      return;
    }
  const tolerations = itemsAt(spec, 'tolerations');
  const kept = itemsAt(old, 'tolerations').every((item) => tolerations.some((other) => deepEqual(item, other)));
  const frozen = mutableAside(spec);
  const before = mutableAside(old);
  // The scheduler binds a pod to its node once.
  if (before.nodeName === undefined || before.nodeName === '') delete frozen.nodeName;
  if (before.nodeName === '') delete before.nodeName;
  if (!kept || !deepEqual(frozen, before)) problems.push(forbidden('spec', POD_UPDATES));
}

function mutableAside(spec: Fields): Record<string, unknown> {
  const imageless = (list: string): Fields[] | undefined =>
    spec[list] === undefined ? undefined : itemsAt(spec, list).map(({ image: _image, ...rest }) => rest);
  const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, ...rest } = spec;
  const { terminationGracePeriodSeconds: _grace, schedulingGates: _gates, ...frozen } = rest;
  return {
    ...frozen,
    containers: imageless('containers'),
    initContainers: imageless('initContainers'),
    ephemeralContainers: undefined,
  };
}

/** A map of strings; values of other types are the decoder's business. */
export function textsOf(value: unknown): Record<string, string> | undefined {
  const fields = fieldsOf(value);
  if (fields === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
