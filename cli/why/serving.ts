/** Why a Knative Service, Configuration, Revision, Route or PodAutoscaler is not ready; what it does when it is. */
import { Pod } from '../../api/core.ts';
import { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { Configuration } from '../../api/serving/configuration.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import { Certificate } from '../../api/networking/certificate.ts';
import { Revision } from '../../api/serving/revision.ts';
import { Route, type TrafficTarget } from '../../api/serving/route.ts';
import type { Service } from '../../api/serving/service.ts';
import type { KubeObject } from '../../api/object.ts';
import { shellWord } from '../shell-word.ts';
import { coldStartText } from './cold-start.ts';
import { exitText, imageCommands, imageText, missingSource } from './container.ts';
import { because, cause, ok, type Command, type Fact, type Finding } from './diagnosis.ts';
import { all, find, warningsOf, type Graph } from './graph.ts';
import { explainCertificate, explainIngress } from './networking.ts';
import { condition, inNamespace, isReady, nearest, oneLine, stepOf } from './words.ts';
import { notLookedAt } from './unseen.ts';
import { deploymentOf, explainDeployment, podsText, restartWarnings, running } from './workload.ts';

const REVISION = 'serving.knative.dev/revision';
const CONFIGURATION = 'serving.knative.dev/configuration';

export function explainService(graph: Graph, service: Service): Finding {
  const { namespace, name } = service.metadata;
  const step = stepOf(service, condition(service, 'Ready'));
  const early = notLookedAt(graph, service);
  if (early !== undefined) return early;
  if (isReady(service))
    return ok({ ...step, kind: 'Service' }, serviceFacts(graph, service), [
      ...revisionWarnings(graph, service),
      ...servedBy(graph, service).flatMap((one) => restartWarnings(podsOf(graph, one))),
    ]);
  const configuration = find(graph, Configuration, namespace, name);
  const route = find(graph, Route, namespace, name);
  const ofRoute = route === undefined ? undefined : explainRoute(graph, route);
  const ofConfiguration = configuration === undefined ? undefined : explainConfiguration(graph, configuration);
  const badTraffic = route !== undefined && missingTarget(graph, route) !== undefined;
  const [first, second] = badTraffic ? [ofRoute, ofConfiguration] : [ofConfiguration, ofRoute];
  const found = [first, second].filter((one) => one !== undefined && one.state !== 'ok')[0];
  const serving = stillServing(service);
  if (found === undefined)
    return cause(step, step.text ?? `Service ${name} is waiting for its Configuration and Route`, [running(graph)]);
  const finding = because({ ...step, kind: 'Service' }, found);
  return serving === undefined ? finding : { ...finding, warnings: [...finding.warnings, serving] };
}

function servedBy(graph: Graph, service: Service): Revision[] {
  const names = new Set((service.status?.traffic ?? []).map(({ revisionName }) => revisionName));
  return all(graph, Revision).filter(
    ({ metadata }) => metadata.namespace === service.metadata.namespace && names.has(metadata.name),
  );
}

/** A failed update does not take away what served before. */
function stillServing(service: Service): string | undefined {
  const targets = (service.status?.traffic ?? []).filter(
    ({ percent = 0, revisionName }) => percent > 0 && revisionName !== undefined,
  );
  const { latestCreatedRevisionName: created } = service.status ?? {};
  if (targets.length === 0 || targets.every(({ revisionName }) => revisionName === created)) return undefined;
  const text = targets.map(({ percent, revisionName }) => `${percent} % to ${revisionName}`).join(', ');
  return `requests still go to what served before: ${text}`;
}

function serviceFacts(graph: Graph, service: Service): Fact[] {
  const { namespace } = service.metadata;
  const targets = service.status?.traffic ?? [];
  return [
    ...(service.status?.url === undefined ? [] : [{ name: 'url', text: service.status.url }]),
    ...targets.map((target) => ({ name: 'traffic', text: targetText(target) })),
    ...[...new Set(targets.flatMap(({ revisionName }) => revisionName ?? []))].flatMap((name) => {
      const revision = find(graph, Revision, namespace, name);
      return revision === undefined
        ? []
        : scaleFacts(graph, revision).map((fact) => ({
            ...fact,
            text: targets.length > 1 ? `${name}: ${fact.text}` : fact.text,
          }));
    }),
  ];
}

function targetText({ percent = 0, revisionName = '', tag, latestRevision, url }: TrafficTarget): string {
  const latest = latestRevision === true ? ' (the latest ready one)' : '';
  return `${percent} % to ${revisionName}${latest}${tag === undefined || tag === '' ? '' : `, tag ${tag}${url === undefined ? '' : `: ${url}`}`}`;
}

/** What is not as it was asked for although requests are served. */
function revisionWarnings(graph: Graph, service: Service | Configuration): string[] {
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } = service.status ?? {};
  if (created === undefined || created === ready) return [];
  const { namespace } = service.metadata;
  const revision = find(graph, Revision, namespace, created);
  const finding = revision === undefined ? undefined : explainRevision(graph, revision);
  const why = finding?.cause === undefined ? '' : `: ${finding.cause}`;
  return [`the newest revision ${created} does not serve${ready === undefined ? '' : `, ${ready} does`}${why}`];
}

export function explainConfiguration(graph: Graph, configuration: Configuration): Finding {
  const { namespace, name } = configuration.metadata;
  const step = stepOf(configuration, condition(configuration, 'Ready'));
  const early = notLookedAt(graph, configuration);
  if (early !== undefined) return early;
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } = configuration.status ?? {};
  if (isReady(configuration))
    return ok(
      step,
      ready === undefined ? [] : [{ name: 'revision', text: ready }],
      revisionWarnings(graph, configuration),
    );
  const revision = find(graph, Revision, namespace, created);
  if (revision !== undefined) {
    const finding = explainRevision(graph, revision);
    if (finding.state !== 'ok') return because(step, finding);
  }
  if (created !== undefined && revision === undefined)
    return cause(step, `the newest revision ${created} of Configuration ${name} is gone`, [
      {
        run: `kubectl get revisions${inNamespace(graph, namespace)} -l ${CONFIGURATION}=${shellWord(name)}`,
        why: 'which there are',
      },
    ]);
  const told = warningsOf(graph, configuration).at(-1)?.message;
  return cause(step, step.text ?? (told === undefined ? `Configuration ${name} has no Revision yet` : oneLine(told)), [
    running(graph),
  ]);
}

export function explainRevision(graph: Graph, revision: Revision): Finding {
  const { namespace, name } = revision.metadata;
  const ready = condition(revision, 'Ready');
  const step = stepOf(revision, ready);
  const early = notLookedAt(graph, revision);
  if (early !== undefined) return early;
  if (isReady(revision)) return ok(step, scaleFacts(graph, revision), restartWarnings(podsOf(graph, revision)));
  if (ready?.reason === 'ContainerMissing') {
    const image = /image "([^"]+)"/i.exec(ready.message ?? '')?.[1] ?? revision.spec.containers[0]?.image ?? '';
    return cause(
      { ...step, state: 'failed' },
      imageText(image, oneLine(ready.message ?? '')),
      imageCommands(graph, revision, image),
    );
  }
  const pa = find(graph, PodAutoscaler, namespace, name);
  const deployment = deploymentOf(graph, namespace, `${name}-deployment`);
  if (ready?.status === 'False' && deployment?.spec?.replicas === 0) return explainGivenUp(graph, revision);
  if (deployment !== undefined) {
    const finding = explainDeployment(graph, deployment);
    if (finding.state !== 'ok') return because(step, finding);
  }
  if (pa !== undefined && !isReady(pa)) {
    const finding = explainPodAutoscaler(graph, pa);
    if (finding.state !== 'ok') return because(step, finding);
  }
  const told = step.text ?? warningsOf(graph, revision).at(-1)?.message;
  if (deployment === undefined && ready?.status !== 'False')
    return cause(step, told === undefined ? `Revision ${name} has no Deployment yet` : oneLine(told), [running(graph)]);
  return cause(step, told === undefined ? `Revision ${name} is not ready yet` : oneLine(told), [
    {
      run: `kubectl describe revision ${shellWord(name)}${inNamespace(graph, namespace)}`,
      why: 'its conditions and events',
    },
  ]);
}

/** It was not ready in time and its pods were taken away: what is left are its conditions and the pods' events. */
function explainGivenUp(graph: Graph, revision: Revision): Finding {
  const { namespace, name, labels = {} } = revision.metadata;
  const healthy = condition(revision, 'ContainerHealthy');
  const ready = condition(revision, 'Ready');
  const event = graph.events
    .filter(({ type, reason = '', involvedObject }) => {
      const ofPod = involvedObject.kind === 'Pod' && involvedObject.name?.startsWith(`${name}-deployment-`) === true;
      return type === 'Warning' && ofPod && reason !== 'BackOff';
    })
    .at(-1);
  const step = stepOf(revision, ready);
  const log = healthy?.status === 'False' ? lastWords(healthy.message ?? '') : [];
  const told =
    healthy?.status === 'False'
      ? containerFailure(healthy)
      : oneLine(event?.message ?? ready?.message ?? '').replace(/\.$/, '');
  const missing = missingSource(graph, revision, told);
  const service = labels['serving.knative.dev/service'] ?? '';
  const flag = inNamespace(graph, namespace);
  return cause(
    { ...step, ...(log.length === 0 ? {} : { text: told, log }) },
    `${missing?.text ?? told}; revision ${name} was given up and its pods taken away, so it takes a new one`,
    [
      ...(missing?.next ?? []).map((one) => ({ ...one, why: one.why.replace(/; the pod goes on by itself$/, '') })),
      {
        run: `kubectl edit ${service === '' ? `configuration ${shellWord(labels[CONFIGURATION] ?? name)}` : `ksvc ${shellWord(service)}`}${flag}`,
        why: 'change the template (an annotation is enough): that makes a new revision',
      },
      { run: `kubectl get events${flag} --field-selector involvedObject.kind=Pod`, why: 'what happened to its pods' },
    ],
  );
}

/** `ExitCode3: …` in words. */
function containerFailure({ reason = '', message = '' }: { reason?: string; message?: string }): string {
  const code = /^ExitCode(\d+)$/.exec(reason)?.[1];
  if (code === undefined) return oneLine(message) || reason;
  return `its container ${exitText({ name: '' }, { exitCode: Number(code) })}`;
}

function lastWords(message: string): string[] {
  return message
    .replace(/^Container failed with: /, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-8);
}

function podsOf(graph: Graph, { metadata: { namespace, name } }: Revision): Pod[] {
  return all(graph, Pod).filter(
    ({ metadata }) => metadata.namespace === namespace && metadata.labels?.[REVISION] === name,
  );
}

/** Pods, scale, and what a request costs that finds none. */
export function scaleFacts(graph: Graph, revision: Revision): Fact[] {
  const { namespace, name } = revision.metadata;
  const pods = podsOf(graph, revision);
  const pa = find(graph, PodAutoscaler, namespace, name);
  const wanted = pa?.status?.desiredScale;
  const active = condition(revision, 'Active');
  const atZero = pods.length === 0 && active?.status === 'False';
  const scale = wanted === undefined || wanted < 0 || atZero ? '' : `, ${wanted} wanted`;
  const coldStart = coldStartText(graph, name);
  return [
    {
      name: 'pods',
      text: atZero
        ? 'none: at zero for want of requests, the next one starts a pod'
        : `${podsText(graph, pods)}${scale}`,
    },
    ...(coldStart === undefined ? [] : [{ name: 'last cold start', text: coldStart }]),
  ];
}

export function explainPodAutoscaler(graph: Graph, pa: PodAutoscaler): Finding {
  const { namespace, name, annotations = {} } = pa.metadata;
  const early = notLookedAt(graph, pa);
  const kind = annotations['autoscaling.knative.dev/class'] ?? 'kpa.autoscaling.knative.dev';
  const ready = condition(pa, 'Ready');
  const { desiredScale = -1, actualScale = 0 } = pa.status ?? {};
  const step = stepOf(pa, ready);
  if (early !== undefined && !kind.startsWith('hpa.')) return early;
  const scale: Fact = {
    name: 'scale',
    text: `${actualScale} ready, ${desiredScale < 0 ? 'no opinion yet' : `${desiredScale} wanted`} (${kind})`,
  };
  if (isReady(pa)) return ok(step, [scale]);
  // At zero is where it belongs when nobody asks.
  if (condition(pa, 'Active')?.reason === 'NoTraffic') return ok({ ...step, reason: 'NoTraffic' }, [scale]);
  const deployment = deploymentOf(graph, namespace, pa.spec.scaleTargetRef.name);
  if (deployment === undefined)
    return cause(step, `what it scales, ${pa.spec.scaleTargetRef.kind} ${pa.spec.scaleTargetRef.name}, does not exist`);
  const finding = explainDeployment(graph, deployment);
  if (finding.state !== 'ok') return because(step, finding);
  if (kind.startsWith('hpa.'))
    return cause(
      step,
      step.text ?? `its class ${kind} asks for a HorizontalPodAutoscaler, and nothing here acts on one`,
      [
        {
          run: templatePatch(
            pa,
            { 'autoscaling.knative.dev/class': 'kpa.autoscaling.knative.dev' },
            inNamespace(graph, namespace),
          ),
          why: 'let its requests decide how many pods there are',
        },
      ],
    );
  return cause(step, step.text ?? `PodAutoscaler ${name} has not decided yet`, [running(graph)]);
}

export function explainRoute(graph: Graph, route: Route): Finding {
  const { namespace, name } = route.metadata;
  const step = stepOf(route, condition(route, 'Ready'));
  const early = notLookedAt(graph, route);
  if (early !== undefined) return early;
  if (isReady(route))
    return ok(step, [
      ...(route.status?.url === undefined ? [] : [{ name: 'url', text: route.status.url }]),
      ...(route.status?.traffic ?? []).map((target) => ({ name: 'traffic', text: targetText(target) })),
    ]);
  const missing = missingTarget(graph, route);
  if (missing !== undefined) return cause({ ...step, state: 'failed' }, missing.text, missing.next);
  if (condition(route, 'AllTrafficAssigned')?.status !== 'True') {
    for (const target of route.spec.traffic ?? []) {
      const finding = explainTarget(graph, namespace, target);
      if (finding !== undefined && finding.state !== 'ok') return because(step, finding);
    }
    return cause(step, step.text ?? `Route ${name} is waiting for its Revisions`);
  }
  const certificate = condition(route, 'CertificateProvisioned');
  if (certificate !== undefined && certificate.status !== 'True' && certificate.reason !== undefined) {
    const failing = all(graph, Certificate).find(
      (one) => one.metadata.labels?.['serving.knative.dev/route'] === name && !isReady(one),
    );
    const told = stepOf(route, certificate);
    if (failing !== undefined) return because(step, explainCertificate(graph, failing));
    if (certificate.status === 'False') return cause(step, told.text ?? 'its certificate is not there');
  }
  const ingress = find(graph, Ingress, namespace, name);
  if (ingress !== undefined) {
    const finding = explainIngress(graph, ingress);
    if (finding.state !== 'ok') return because(step, finding);
  }
  return cause(step, step.text ?? `Route ${name} is waiting for the gateway`, [running(graph)]);
}

function explainTarget(graph: Graph, namespace: string | undefined, target: TrafficTarget): Finding | undefined {
  const revision = find(graph, Revision, namespace, target.revisionName);
  if (revision !== undefined) return explainRevision(graph, revision);
  const configuration = find(graph, Configuration, namespace, target.configurationName);
  return configuration === undefined ? undefined : explainConfiguration(graph, configuration);
}

/** A target of the traffic that does not exist: what is there instead, and how to send requests there. */
function missingTarget(graph: Graph, route: Route): { text: string; next: Command[] } | undefined {
  const { namespace, name, ownerReferences = [] } = route.metadata;
  const service = ownerReferences.find(({ kind, controller }) => kind === 'Service' && controller === true)?.name;
  const flag = inNamespace(graph, namespace);
  for (const { revisionName, configurationName } of route.spec.traffic ?? []) {
    if (revisionName !== undefined && find(graph, Revision, namespace, revisionName) === undefined) {
      const own = all(graph, Revision).filter(
        ({ metadata }) => service === undefined || metadata.labels?.['serving.knative.dev/service'] === service,
      );
      const names = own.map(({ metadata }) => metadata.name);
      const [near] = nearest(revisionName, names);
      const there =
        names.length === 0
          ? 'there is none yet'
          : `there ${names.length === 1 ? 'is' : 'are'} ${names.sort().join(', ')}`;
      return {
        text: `the traffic names the revision ${revisionName}, which does not exist; ${there}`,
        next: [
          {
            run: trafficPatch(service, name, flag, near ?? '@latest'),
            why: near === undefined ? 'send all requests to the latest ready revision' : `send all requests to ${near}`,
          },
          { run: `kubectl get revisions${flag}`, why: 'which there are' },
        ],
      };
    }
    if (configurationName !== undefined && find(graph, Configuration, namespace, configurationName) === undefined)
      return {
        text: `the traffic names the Configuration ${configurationName}, which does not exist`,
        next: [{ run: `kubectl get configurations${flag}`, why: 'which there are' }],
      };
  }
  return undefined;
}

/** Changes the template of the Service or Configuration that a revision's object comes from. */
function templatePatch({ metadata }: KubeObject, annotations: Readonly<Record<string, string>>, flag: string): string {
  const { labels = {}, name } = metadata;
  const service = labels['serving.knative.dev/service'] ?? '';
  const target =
    service === '' ? `configuration ${shellWord(labels[CONFIGURATION] ?? name)}` : `ksvc ${shellWord(service)}`;
  const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } });
  return `kubectl patch ${target}${flag} --type merge -p '${patch}'`;
}

function trafficPatch(service: string | undefined, route: string, flag: string, target: string): string {
  const traffic =
    target === '@latest' ? { latestRevision: true, percent: 100 } : { revisionName: target, percent: 100 };
  const patch = JSON.stringify({ spec: { traffic: [traffic] } });
  return `kubectl patch ${service === undefined ? `rt ${shellWord(route)}` : `ksvc ${shellWord(service)}`}${flag} --type merge -p '${patch}'`;
}
