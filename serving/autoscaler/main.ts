/**
 * The autoscaler: keeps the pods of each revision in step with its load.
 * In: load reports of activators (WebSocket), PodAutoscalers, pods, Deployments, config-autoscaler.
 * Out: the scale of Deployments, deletion costs of pods; Metrics, ServerlessServices and the status of PodAutoscalers.
 * The first request for a revision at zero leads to the write of its scale without a timer or a queue in between.
 * It never takes pods away on the strength of load it could not have seen, nor a busy pod while an idle one is there.
 */
import type { Registry } from 'prom-client';
import { ConfigMap, Deployment, Pod } from '../../api/core.ts';
import { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { ColdStart, LoadReport, Wake } from '../../api/load-report.ts';
import { ServerlessService } from '../../api/networking/serverless-service.ts';
import { systemClock } from '../../kube/clock.ts';
import { createController, type ControllerOptions } from '../../kube/controller.ts';
import { keyOf, splitKey } from '../../kube/informer.ts';
import type { ObjectKey } from '../../kube/reconciler.ts';
import { KPA_CLASS, readAnnotations } from './annotations.ts';
import { BusyPodsSurvey } from './busy-pods.ts';
import { ColdStarts } from './cold-starts.ts';
import { Deciders } from './deciders.ts';
import { hpaReconciler } from './hpa/reconciler.ts';
import { AutoscalerMetrics } from './metrics.ts';
import { metricReconciler } from './metric.ts';
import { podAutoscalerReconciler } from './pod-autoscaler.ts';
import { indexPods, podsBefore, readyPods, revisionKeyOf } from './pods.ts';
import { serveReports, type ReportServer } from './reports.ts';
import { ScaleDown } from './scale-down.ts';
import { planScale } from './scale-plan.ts';
import { Scaler } from './scaler.ts';
import { Settings } from './settings.ts';
import { deciderSpecOf } from './spec.ts';
import { steadyClock } from './steady-clock.ts';

export interface AutoscalerOptions extends ControllerOptions {
  readonly registry: Registry;
  /** Where load reports are taken; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
}

export interface Autoscaler {
  /** `ws://HOST:PORT`, to which activators add the path of `LOAD_REPORT_PATH`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Rejects when the address cannot be bound. */
export async function startAutoscaler(options: AutoscalerOptions): Promise<Autoscaler> {
  const { client, informers, systemNamespace } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log.with({ part: 'autoscaler' });
  const metrics = new AutoscalerMetrics(options.registry);
  const coldStarts = new ColdStarts(options.registry, clock);
  const pods = indexPods(informers.of(Pod));
  const scaled = informers.of(PodAutoscaler);
  const services = informers.of(ServerlessService);
  const settings = new Settings(informers.of(ConfigMap), systemNamespace, log);
  const scaler = new Scaler(client, informers.of(Deployment), log);
  let wake: (key: ObjectKey) => void = () => undefined;
  let tell: ReportServer['tell'] = () => 0;
  const survey = new BusyPodsSurvey({ clock, tell: (message) => tell(message) });
  const scaleDown = new ScaleDown({ client, pods, survey, log });

  const deciders = new Deciders({
    clock: options.clock ?? steadyClock,
    readyPods: (key) => readyPods(pods, key),
    onMeasure: (key, decider) => metrics.measured(key, decider),
    onDecision(key, { desired }, urgent) {
      const name = splitKey(key);
      if (urgent) hasten(name, desired);
      wake(name);
    },
  });

  /** Writes the scale at once; everything else about the decision is the reconciler's. */
  function hasten({ namespace, name }: ObjectKey, desired: number): void {
    const pa = scaled.get(namespace, name);
    const service = services.get(namespace, name);
    if (pa === undefined || service?.status?.privateServiceName === undefined) return;
    const { autoscaler: config, progressDeadline } = settings.current();
    const annotations = readAnnotations(pa.metadata.annotations);
    const plan = planScale({ pa, annotations, service, config, progressDeadline, desired, now: clock.now() });
    if (!plan.apply || plan.want < (scaler.current(pa) ?? 0)) return;
    scaler.scale(pa, plan.want).catch((error: unknown) => {
      log.warn('scaling failed, the reconciler tries again', { namespace, name, error });
    });
  }

  /** Of a revision that is gone meanwhile nothing is kept. */
  function ended(message: ColdStart): void {
    const pa = scaled.get(message.namespace, message.name);
    if (pa !== undefined) coldStarts.ended(message, pa.metadata.labels?.['serving.knative.dev/service'] ?? '');
  }

  const controllers = [
    createController(
      podAutoscalerReconciler({ deciders, scaler, scaleDown, metrics, settings, wakes: (woken) => (wake = woken) }),
      options,
    ),
    createController(metricReconciler, options),
    createController(hpaReconciler(settings), options),
  ];
  await Promise.all([pods, scaled, services, informers.of(ConfigMap), informers.of(Deployment)].map((i) => i.synced));
  scaled.onChange((before, pa) => {
    const object = pa ?? before;
    if (object === undefined) return;
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    if (pa === undefined) {
      deciders.remove(key);
      metrics.forget(key);
      coldStarts.forget(key);
      return;
    }
    // Known before the first report can come; a class of somebody else's is not scaled here.
    const annotations = readAnnotations(pa.metadata.annotations);
    const { autoscaler: config } = settings.current();
    if ((annotations.class ?? config.podAutoscalerClass) === KPA_CLASS)
      deciders.ensure(key, deciderSpecOf(pa, annotations, config), podsBefore(pa, scaler.current(pa)));
  });
  informers.of(Deployment).onChange((before, after) => coldStarts.deploymentChanged(before, after));
  pods.onChange((before, after) => {
    coldStarts.podChanged(before, after);
    const key = revisionKeyOf(after ?? before ?? { metadata: {} });
    if (key !== undefined) deciders.touch(key);
  });
  const server = await serveReports(
    options.host,
    options.port,
    {
      onMessage(message) {
        metrics.message(message.type);
        if (message.type === 'coldStart') ended(message);
        else if (message.type === 'busyPods') survey.take(message);
        else take(message, deciders);
      },
      onConnections(count) {
        metrics.activators(count);
        deciders.observe(count > 0);
      },
      onRefused: () => metrics.message('refused'),
    },
    log,
  );
  tell = (message) => server.tell(message);
  for (const controller of controllers) await controller.start();
  return {
    url: server.url,
    async stop() {
      deciders.stop();
      await server.close();
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}

function take(message: Wake | LoadReport, deciders: Deciders): void {
  if (message.type === 'wake') deciders.record(keyOf(message.namespace, message.name), { concurrency: 1, rps: 1 });
  else for (const load of message.revisions) deciders.record(keyOf(load.namespace, load.name), load, message.activator);
}
