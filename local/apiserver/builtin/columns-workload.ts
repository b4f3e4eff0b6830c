/** Columns of pods and what makes them. */
import { ageOf, humanDuration } from './age.ts';
import { fieldAt, itemsAt, textAt } from './check.ts';
import type { Fields } from './fill.ts';
import { podRow } from './pod-row.ts';
import {
  age,
  count,
  labelsText,
  orNone,
  podColumns,
  printer,
  selectorText,
  spec,
  status,
  type Printer,
} from './printer.ts';

const replicaSet = printer('Desired#|Current#|Ready#|Age|Containers*|Images*|Selector*', (object, now) => [
  count(spec(object).replicas),
  count(status(object).replicas),
  count(status(object).readyReplicas),
  age(object, now),
  ...podColumns(object),
  selectorText(fieldAt(spec(object), 'selector')),
]);

export const WORKLOAD_PRINTERS: Readonly<Record<string, Printer>> = {
  '/pods': printer('Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*', (object, now) =>
    podRow(object, now, age(object, now)),
  ),
  '/replicationcontrollers': replicaSet,
  'apps/deployments': printer('Ready|Up-to-date#|Available#|Age|Containers*|Images*|Selector*', (object, now) => [
    `${count(status(object).readyReplicas)}/${count(spec(object).replicas)}`,
    count(status(object).updatedReplicas),
    count(status(object).availableReplicas),
    age(object, now),
    ...podColumns(object),
    selectorText(fieldAt(spec(object), 'selector')),
  ]),
  'apps/replicasets': replicaSet,
  'autoscaling/scales': printer('Desired#|Available#|Age', (object, now) => [
    count(spec(object).replicas),
    count(status(object).replicas),
    age(object, now),
  ]),
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
  'policy/poddisruptionbudgets': printer('Min Available|Max Unavailable|Allowed Disruptions#|Age', (object, now) => [
    String(spec(object).minAvailable ?? 'N/A'),
    String(spec(object).maxUnavailable ?? 'N/A'),
    count(status(object).disruptionsAllowed),
    age(object, now),
  ]),
  'autoscaling/horizontalpodautoscalers': printer('Reference|Targets|MinPods|MaxPods#|Replicas#|Age', (object, now) => {
    const target = fieldAt(spec(object), 'scaleTargetRef');
    return [
      `${textAt(target, 'kind')}/${textAt(target, 'name')}`,
      targetsText(itemsAt(spec(object), 'metrics'), itemsAt(status(object), 'currentMetrics')),
      String(spec(object).minReplicas ?? '<unset>'),
      count(spec(object).maxReplicas),
      count(status(object).currentReplicas),
      age(object, now),
    ];
  }),
  '/podtemplates': printer('Containers|Images|Pod Labels', (object) => [
    ...podColumns({ spec: object }),
    labelsText(fieldAt(fieldAt(fieldAt(object, 'template'), 'metadata'), 'labels')),
  ]),
};

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

/** Nothing here measures: what is now is unknown. */
/** What is measured and what is aimed at, a metric each. */
function targetsText(metrics: readonly Fields[], measured: readonly Fields[]): string {
  const targets = metrics.map((metric, i) => {
    const key = textAt(metric, 'type').replace(/^./, (first) => first.toLowerCase());
    const source = fieldAt(metric, key);
    const target = fieldAt(source, 'target');
    const current = fieldAt(fieldAt(measured[i] ?? {}, key), 'current');
    const text = (values: Fields): string | undefined => {
      if (target.averageUtilization === undefined) return quantityText(values.averageValue ?? values.value);
      return typeof values.averageUtilization === 'number' ? `${values.averageUtilization}%` : undefined;
    };
    const name = textAt(source, 'name') || textAt(fieldAt(source, 'metric'), 'name');
    return `${name}: ${text(current) ?? '<unknown>'}/${text(target) ?? '<auto>'}`;
  });
  return orNone(targets.join(', '));
}

function quantityText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
