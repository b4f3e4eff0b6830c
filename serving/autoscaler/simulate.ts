/**
 * Replays a load trace through everything that decides: windows, decision, bounds, the way to zero, status. What would
 * the autoscaler have done, second by second? Pods follow the scale after a start-up time; load does not wait for them
 * (an open system). Nothing but the API server and the clock is left out.
 */
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { ServerlessService } from '../../api/networking/serverless-service.ts';
import { conditionOf } from '../../kube/conditions.ts';
import { readAnnotations } from './annotations.ts';
import { parseAutoscalerConfig } from './config.ts';
import { Decider, DECISION_INTERVAL } from './decider.ts';
import { activatorsOf, modeOf } from './resources.ts';
import { planScale } from './scale-plan.ts';
import { deciderSpecOf, initialScaleOf } from './spec.ts';
import { statusOf } from './status.ts';
import type { Trace } from './traces.ts';
import { timestamp } from '../../kube/timestamp.ts';

export interface Scenario {
  readonly name: string;
  /** Requests in flight, or arriving per second for the metric `rps`, in each second. */
  readonly trace: Trace;
  /** Of the revision, without `autoscaling.knative.dev/`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Data of config-autoscaler. */
  readonly config?: Readonly<Record<string, string>>;
  readonly containerConcurrency?: number;
  /** How long a pod takes to become ready, seconds; `Infinity`: it never does. */
  readonly startup: number;
  /** Pods that are ready when the autoscaler starts, of a revision that has been active for long. Default: a new one. */
  readonly readyAtStart?: number;
  /** From this second on no route leads to the revision. */
  readonly unreachableFrom?: number;
  /** How long a revision may take to start, seconds. */
  readonly progressDeadline?: number;
}

export interface Sample {
  /** Seconds since the start. */
  readonly second: number;
  readonly load: number;
  readonly stable: number;
  readonly panic: number;
  readonly panicking: boolean;
  /** The decision; -1 = none yet. */
  readonly desired: number;
  readonly excessBurst: number;
  /** After bounds and the way to zero; -1 = no opinion. */
  readonly want: number;
  /** What the scale target was last asked for. */
  readonly replicas: number;
  readonly ready: number;
  /** The condition `Active`, with its reason when there is one. */
  readonly active: string;
  readonly initialized: boolean;
  readonly mode: 'Proxy' | 'Serve';
  readonly activators: number;
}

const START = 1_700_000_000_000;
const NAME = { name: 'simulated-00001', namespace: 'default', uid: 'simulated', generation: 1 };
const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'simulated-00001-deployment' };

export function simulate(scenario: Scenario): Sample[] {
  const { startup, readyAtStart = 0, unreachableFrom = Infinity, progressDeadline = 600 } = scenario;
  const config = parseAutoscalerConfig(scenario.config ?? {});
  const own = Object.entries(scenario.annotations ?? {}).map(([key, value]) => [
    `autoscaling.knative.dev/${key}`,
    value,
  ]);
  const all = Object.fromEntries(own) as Record<string, string>;
  const annotations = readAnnotations(all);
  let pa: PodAutoscaler = {
    apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
    kind: 'PodAutoscaler',
    metadata: { ...NAME, annotations: all },
    spec: {
      scaleTargetRef: TARGET,
      protocolType: 'http1',
      containerConcurrency: scenario.containerConcurrency ?? 0,
      reachability: 'Reachable',
    },
    status: readyAtStart > 0 ? activeForLong() : undefined,
  };
  const decider = new Decider(deciderSpecOf(pa, annotations, config));
  decider.hold(START, readyAtStart > 1 ? readyAtStart : 0);
  let replicas = readyAtStart > 0 ? readyAtStart : initialScaleOf(annotations, config);
  /** When each pod is ready, seconds; the first ones stay longest. */
  let pods: number[] = Array.from({ length: replicas }, () => (readyAtStart > 0 ? 0 : startup));
  let mode: 'Proxy' | 'Serve' = 'Proxy';
  let activators = 0;
  let proxiedSince: number | undefined = START;

  return scenario.trace.map((load, second) => {
    const now = START + second * 1000;
    if (second >= unreachableFrom && pa.spec.reachability !== 'Unreachable') {
      pa = { ...pa, spec: { ...pa.spec, reachability: 'Unreachable' } };
      decider.update(deciderSpecOf(pa, annotations, config), now);
    }
    const ready = pods.filter((at) => at <= second).length;
    decider.record(now, { concurrency: load, rps: load });
    const wakes = load > 0 && decider.desired === 0;
    if (wakes || (second * 1000) % DECISION_INTERVAL === 0) decider.decide(now, ready);

    const proxied = mode === 'Proxy' || ready === 0;
    proxiedSince = proxied ? (proxiedSince ?? now) : undefined;
    const service = serviceOf(proxiedSince);
    const { desired, excessBurst } = decider;
    const deadline = progressDeadline * 1000;
    const plan = planScale({ pa, annotations, service, config, progressDeadline: deadline, desired, now });
    if (plan.apply) {
      replicas = plan.want;
      pods = pods.sort((a, b) => a - b).slice(0, replicas);
      while (pods.length < replicas) pods.push(second + startup);
    }
    mode = modeOf(plan.want, excessBurst);
    activators = activatorsOf(ready, decider.spec);
    const status = statusOf({ pa, annotations, config, service, want: plan.want, ready, now: timestamp(now) });
    pa = { ...pa, status };
    const active = conditionOf(status, 'Active');
    return {
      second,
      load,
      ...decider.averages,
      panicking: decider.panicking,
      desired,
      excessBurst,
      want: plan.want,
      replicas,
      ready,
      active: [active?.status, active?.reason].filter(Boolean).join(' '),
      initialized: conditionOf(status, 'ScaleTargetInitialized')?.status === 'True',
      mode,
      activators,
    };
  });
}

function activeForLong(): PodAutoscaler['status'] {
  const lastTransitionTime = timestamp(START - 86_400_000);
  const types = ['Active', 'Ready', 'SKSReady', 'ScaleTargetInitialized'];
  return {
    serviceName: NAME.name,
    conditions: types.map((type) => ({ type, status: 'True', lastTransitionTime })),
  };
}

/** @param proxiedSince ms since the epoch: since when requests go to activators alone */
function serviceOf(proxiedSince: number | undefined): ServerlessService {
  return {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'ServerlessService',
    metadata: NAME,
    spec: { mode: 'Proxy', objectRef: TARGET, protocolType: 'http1' },
    status: {
      observedGeneration: 1,
      serviceName: NAME.name,
      privateServiceName: `${NAME.name}-private`,
      conditions: [
        {
          type: 'ActivatorEndpointsPopulated',
          status: proxiedSince === undefined ? 'False' : 'True',
          lastTransitionTime: timestamp(proxiedSince ?? START),
        },
        { type: 'Ready', status: 'True' },
      ],
    },
  };
}
