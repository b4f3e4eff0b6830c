/** Validation of Deployment, ReplicaSet, StatefulSet, DaemonSet, Job and CronJob. Source: the Kubernetes API reference. */
import { deepEqual } from '../../../kube/equal.ts';
import { forbidden, invalid, notSupported, required, type FieldProblem } from '../schema/problems.ts';
import { checkNonNegative, checkOneOf, checkShare, fieldAt, IMMUTABLE, itemsAt, textAt } from './check.ts';
import { fieldsOf, type Fields } from './fill.ts';
import { checkTemplate, textsOf } from './validate-pod.ts';

export function validateDeployment(object: Fields, old: Fields | undefined): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  checkNonNegative(
    spec,
    ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'],
    'spec',
    problems,
  );
  checkSelected(spec, 'deployment', problems);
  checkStrategy(fieldAt(spec, 'strategy'), problems);
  const { progressDeadlineSeconds: deadline, minReadySeconds: ready = 0 } = spec;
  if (typeof deadline === 'number' && typeof ready === 'number' && deadline <= ready)
    problems.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  checkFrozen(spec, old, ['selector'], problems);
  return problems;
}

export function validateReplicaSet(object: Fields, old: Fields | undefined): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  checkNonNegative(spec, ['replicas', 'minReadySeconds'], 'spec', problems);
  checkSelected(spec, 'deployment', problems);
  checkFrozen(spec, old, ['selector'], problems);
  return problems;
}

export function validateDaemonSet(object: Fields, old: Fields | undefined): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  checkNonNegative(spec, ['minReadySeconds', 'revisionHistoryLimit'], 'spec', problems);
  checkSelected(spec, 'daemonset', problems);
  checkFrozen(spec, old, ['selector'], problems);
  return problems;
}

const STATEFUL_SET_UPDATES =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', " +
  "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export function validateStatefulSet(object: Fields, old: Fields | undefined): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  checkNonNegative(spec, ['replicas', 'minReadySeconds', 'revisionHistoryLimit'], 'spec', problems);
  checkSelected(spec, 'statefulset', problems);
  if (old !== undefined) {
    const frozen = ['selector', 'serviceName', 'podManagementPolicy', 'volumeClaimTemplates'];
    if (frozen.some((key) => !deepEqual(spec[key], fieldAt(old, 'spec')[key])))
      problems.push(forbidden('spec', STATEFUL_SET_UPDATES));
  }
  return problems;
}

export function validateJob(object: Fields, old: Fields | undefined): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  checkJobSpec(spec, 'spec', problems);
  const before = old === undefined ? undefined : fieldAt(old, 'spec');
  checkFrozen(spec, old, ['selector', 'completionMode', 'podFailurePolicy'], problems);
  if (before !== undefined) {
    const started = fieldAt(old, 'status').startTime !== undefined;
    const tunable = before.suspend === true && !started;
    if (!tunable && !deepEqual(spec.template, before.template))
      problems.push(invalid('spec.template', spec.template, IMMUTABLE));
    if (spec.completionMode !== 'Indexed' && !deepEqual(spec.completions, before.completions))
      problems.push(invalid('spec.completions', spec.completions, IMMUTABLE));
  }
  return problems;
}

export function validateCronJob(object: Fields): FieldProblem[] {
  const spec = fieldAt(object, 'spec');
  const problems: FieldProblem[] = [];
  const schedule = textAt(spec, 'schedule');
  if (schedule === '') problems.push(required('spec.schedule'));
  else if (!isSchedule(schedule))
    problems.push(
      invalid(
        'spec.schedule',
        schedule,
        `expected exactly 5 fields, found ${schedule.trim().split(/\s+/).length}: [${schedule.trim().split(/\s+/).join(' ')}]`,
      ),
    );
  checkOneOf(spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'], 'spec.concurrencyPolicy', problems);
  checkNonNegative(
    spec,
    ['startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit'],
    'spec',
    problems,
  );
  const name = textAt(fieldAt(object, 'metadata'), 'name');
  if (name.length > 52) problems.push(invalid('metadata.name', name, 'must be no more than 52 characters'));
  checkJobSpec(fieldAt(fieldAt(spec, 'jobTemplate'), 'spec'), 'spec.jobTemplate.spec', problems);
  return problems;
}

function isSchedule(schedule: string): boolean {
  if (/^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)$/.test(schedule)) return true;
  const fields = schedule
    .trim()
    .replace(/^(CRON_)?TZ=\S+\s+/, '')
    .split(/\s+/);
  return fields.length === 5 && fields.every((field) => /^[\dA-Za-z*/,?-]+$/.test(field));
}

function checkJobSpec(spec: Fields, path: string, problems: FieldProblem[]): void {
  checkNonNegative(
    spec,
    ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished'],
    path,
    problems,
  );
  if (spec.completionMode === 'Indexed' && spec.completions === undefined)
    problems.push(required(`${path}.completions`, `when completion mode is Indexed`));
  const template = fieldAt(spec, 'template');
  checkTemplate(template, `${path}.template`, problems);
  const policy = fieldAt(template, 'spec').restartPolicy;
  if (policy !== 'OnFailure' && policy !== 'Never')
    problems.push(notSupported(`${path}.template.spec.restartPolicy`, policy, ['OnFailure', 'Never']));
}

/** The selector, and the template whose labels it must match. */
function checkSelected(spec: Fields, kind: string, problems: FieldProblem[]): void {
  const selector = fieldsOf(spec.selector);
  const template = fieldAt(spec, 'template');
  if (selector === undefined) problems.push(required('spec.selector'));
  else {
    checkSelector(selector, 'spec.selector', problems);
    const empty =
      Object.keys(fieldAt(selector, 'matchLabels')).length === 0 && itemsAt(selector, 'matchExpressions').length === 0;
    if (empty) problems.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
  }
  const labels = textsOf(fieldAt(template, 'metadata').labels) ?? {};
  if (selector !== undefined && !matches(selector, labels))
    problems.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  checkTemplate(template, 'spec.template', problems);
  const podSpec = fieldAt(template, 'spec');
  if (podSpec.restartPolicy !== 'Always')
    problems.push(notSupported('spec.template.spec.restartPolicy', podSpec.restartPolicy, ['Always']));
  if (podSpec.activeDeadlineSeconds !== undefined)
    problems.push(
      forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in ReplicaSet is not Supported'),
    );
}

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** A label selector. */
export function checkSelector(selector: Fields, path: string, problems: FieldProblem[]): void {
  itemsAt(selector, 'matchExpressions').forEach((expression, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const { operator, values } = expression;
    const count = Array.isArray(values) ? values.length : 0;
    if (typeof operator !== 'string' || !OPERATORS.includes(operator))
      problems.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    else if (operator.endsWith('In') && count === 0)
      problems.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    else if (!operator.endsWith('In') && count > 0)
      problems.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  });
}

function matches(selector: Fields, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(fieldAt(selector, 'matchLabels'));
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  return itemsAt(selector, 'matchExpressions').every(({ key, operator, values }) => {
    const value = labels[String(key)];
    const listed = Array.isArray(values) && value !== undefined && values.includes(value);
    switch (operator) {
      case 'In':
        return listed;
      case 'NotIn':
        return !listed;
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

function checkStrategy(strategy: Fields, problems: FieldProblem[]): void {
  const { type } = strategy;
  const rolling = fieldsOf(strategy.rollingUpdate);
  if (type === 'Recreate') {
    if (rolling !== undefined)
      problems.push(
        forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
      );
    return;
  }
  if (type !== 'RollingUpdate') {
    problems.push(notSupported('spec.strategy.type', type, ['Recreate', 'RollingUpdate']));
    return;
  }
  const path = 'spec.strategy.rollingUpdate';
  checkShare(rolling?.maxUnavailable, `${path}.maxUnavailable`, problems);
  checkShare(rolling?.maxSurge, `${path}.maxSurge`, problems);
  if (isNothing(rolling?.maxUnavailable) && isNothing(rolling?.maxSurge))
    problems.push(invalid(`${path}.maxUnavailable`, rolling?.maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
}

function isNothing(share: unknown): boolean {
  return share === 0 || share === '0%';
}

function checkFrozen(spec: Fields, old: Fields | undefined, keys: readonly string[], problems: FieldProblem[]): void {
  if (old === undefined) return;
  const before = fieldAt(old, 'spec');
  for (const key of keys)
    if (!deepEqual(spec[key], before[key])) problems.push(invalid(`spec.${key}`, spec[key], IMMUTABLE));
}
