/** Why a Broker or Trigger is not ready, or delivers nothing although it is. */
import { Broker, BROKER_CLASS_ANNOTATION } from '../../api/eventing/broker.ts';
import type { Trigger } from '../../api/eventing/trigger.ts';
import { brokerOf, EVENT_LOG_ANNOTATION, LOG_OPEN, SERVED_CLASSES } from '../../eventing/trigger/names.ts';
import { shellWord } from '../shell-word.ts';
import { because, cause, ok, type Fact, type Finding } from './diagnosis.ts';
import { all, find, groupOf, isAbsent, type DeliveryReport, type Explain, type Graph } from './graph.ts';
import { notLookedAt } from './unseen.ts';
import { applyCommand, condition, formatAge, inNamespace, isReady, nearest, oneLine, plural, stepOf } from './words.ts';
import { running } from './workload.ts';

export function explainBroker(graph: Graph, broker: Broker): Finding {
  const { name, annotations = {} } = broker.metadata;
  const className = annotations[BROKER_CLASS_ANNOTATION] ?? '';
  const step = stepOf(broker, condition(broker, 'Ready'));
  if (isReady(broker)) return ok(step, [{ name: 'url', text: broker.status?.address?.url ?? '' }]);
  const early = notLookedAt(graph, broker);
  if (early !== undefined && broker.metadata.deletionTimestamp === undefined && !SERVED_CLASSES.has(className))
    return cause(
      { ...(early.steps[0] ?? step), state: 'failed', reason: 'UnknownClass' },
      `the class "${className}" of Broker ${name} is served by nobody here; zeroth serves ${[...SERVED_CLASSES].join(' and ')}`,
      [
        {
          run: `kubectl get broker ${shellWord(name)}${inNamespace(graph, broker.metadata.namespace)} -o yaml > broker.yaml`,
          why: `keep it; set the annotation ${BROKER_CLASS_ANNOTATION} in there, which cannot be changed in place`,
        },
        { run: `kubectl replace --force -f broker.yaml`, why: 'make it anew' },
      ],
    );
  if (early !== undefined) return early;
  const log = broker.status?.annotations?.[EVENT_LOG_ANNOTATION];
  if (log !== undefined && log !== LOG_OPEN)
    return cause({ ...step, state: 'failed' }, `its event log is not open: ${log}`, [running(graph)]);
  return cause(step, step.text ?? `Broker ${name} is waiting for the broker process to open its log`, [running(graph)]);
}

/** @param explain for its subscriber */
export function explainTrigger(graph: Graph, trigger: Trigger, explain: Explain): Finding {
  const { name, namespace } = trigger.metadata;
  const flag = inNamespace(graph, namespace);
  const step = stepOf(trigger, condition(trigger, 'Ready'));
  const report = graph.deliveries.find((one) => one.trigger === name);
  const brokerName = brokerOf(trigger);
  const broker = find(graph, Broker, namespace, brokerName);
  const subscriber = subscriberFinding(graph, trigger, explain);
  if (isReady(trigger)) {
    const finding = ok(step, facts(graph, trigger, report), warnings(graph, report, subscriber));
    if (finding.warnings.length === 0) return finding;
    const check = { run: `zeroth get trigger ${shellWord(name)}${flag} -o yaml`, why: 'is its subscriber right?' };
    return { ...finding, next: [...(subscriber?.state === 'failed' ? subscriber.next : []), check] };
  }
  if (broker === undefined) {
    const [near] = nearest(
      brokerName,
      all(graph, Broker).map((one) => one.metadata.name),
    );
    return cause(
      { ...step, state: 'failed', reason: step.reason ?? 'BrokerDoesNotExist' },
      `it belongs to the Broker ${brokerName}, which does not exist in namespace ${namespace ?? ''}${near === undefined ? '' : `; did you mean ${near}?`}`,
      [
        {
          run: applyCommand(
            { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata: { name: brokerName } },
            flag,
          ),
          why: 'make it; the Trigger goes on by itself',
        },
        { run: `kubectl get brokers${flag}`, why: 'which there are; a Trigger of another one has to be made anew' },
      ],
    );
  }
  if (condition(trigger, 'BrokerReady')?.status !== 'True') {
    const finding = explainBroker(graph, broker);
    if (finding.state !== 'ok') return because(step, finding);
  }
  const early = notLookedAt(graph, trigger);
  if (early !== undefined) return early;
  if (
    condition(trigger, 'SubscriberResolved')?.status !== 'True' &&
    subscriber !== undefined &&
    subscriber.state !== 'ok'
  )
    return because({ ...step, state: 'failed' }, subscriber);
  const failing = [
    'SubscriberResolved',
    'DeadLetterSinkResolved',
    'DependencyReady',
    'SubscriptionReady',
    'OIDCIdentityCreated',
  ]
    .map((type) => condition(trigger, type))
    .find((one) => one !== undefined && one.status !== 'True');
  const told = failing?.message ?? step.text;
  return cause(step, told === undefined ? `Trigger ${name} is waiting for the broker` : oneLine(told), [
    { run: `kubectl describe trigger ${shellWord(name)}${flag}`, why: 'its conditions' },
  ]);
}

function subscriberFinding(
  graph: Graph,
  { spec: { subscriber }, metadata: { namespace, name } }: Trigger,
  explain: Explain,
): Finding | undefined {
  const { ref } = subscriber;
  if (ref === undefined) return undefined;
  const group = ref.group ?? groupOf({ apiVersion: ref.apiVersion ?? '' });
  const where = ref.namespace ?? namespace;
  const target = graph.objects.find(
    (one) =>
      one.kind === ref.kind &&
      groupOf(one) === group &&
      one.metadata.name === ref.name &&
      (one.metadata.namespace ?? '') === (where ?? ''),
  );
  if (target !== undefined) return explain(graph, target);
  if (graph.missingKinds.includes(`${ref.kind}.${group}`))
    return cause(
      { kind: ref.kind, name: ref.name, state: 'failed', reason: 'NoSuchKind' },
      `its subscriber is a ${ref.kind} of ${group}, a kind that is not installed here`,
      [{ run: 'kubectl get crds', why: 'which kinds there are' }],
    );
  if (!isAbsent(graph, { kind: ref.kind, group }, ref.name)) return undefined;
  const [near] = nearest(
    ref.name,
    graph.objects.filter((one) => one.kind === ref.kind).map((one) => one.metadata.name),
  );
  const flag = inNamespace(graph, namespace);
  return cause(
    { kind: ref.kind, name: ref.name, state: 'failed', reason: 'NotFound' },
    `its subscriber, the ${ref.kind} ${ref.name}, does not exist in namespace ${where ?? ''}${near === undefined ? '' : `; did you mean ${near}?`}`,
    [
      {
        run: `kubectl patch trigger ${shellWord(name)}${flag} --type merge -p '{"spec":{"subscriber":{"ref":{"name":"${near ?? 'NAME'}"}}}}'`,
        why: 'send its events to one that exists',
      },
    ],
  );
}

function facts(graph: Graph, trigger: Trigger, report: DeliveryReport | undefined): Fact[] {
  return [
    { name: 'broker', text: brokerOf(trigger) },
    { name: 'subscriber', text: trigger.status?.subscriberUri ?? '' },
    ...(report === undefined
      ? []
      : [
          {
            name: 'deliveries',
            text: `${report.deliveredAt === undefined ? 'none yet' : `the last one ${formatAge(graph.now - report.deliveredAt)} ago`}, ${plural(report.owed, 'event')} waiting`,
          },
        ]),
  ];
}

function warnings(graph: Graph, report: DeliveryReport | undefined, subscriber: Finding | undefined): string[] {
  const found: string[] = [];
  if (report?.failure !== undefined) {
    const { at, destination, status, message, outcome } = report.failure;
    const answer =
      status === undefined
        ? oneLine(message)
        : `${destination} answered ${status}${message === '' ? '' : `: ${oneLine(message)}`}`;
    const became = {
      retried: 'it is tried again',
      dropped: 'the event was given up',
      'dead-lettered': 'the event went to the dead letter sink',
    }[outcome];
    found.push(`the last delivery failed ${formatAge(graph.now - at)} ago: ${answer}; ${became ?? outcome}`);
    if (report.retrying > 0)
      found.push(
        `${plural(report.retrying, 'event')} failed and ${report.retrying === 1 ? 'waits' : 'wait'} for another attempt`,
      );
  }
  if (subscriber !== undefined && subscriber.state !== 'ok' && subscriber.cause !== undefined)
    found.push(`its subscriber is not ready: ${subscriber.cause}`);
  return found;
}
