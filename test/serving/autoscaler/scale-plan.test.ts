import t from 'tap';
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import type { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { Condition } from '../../../api/object.ts';
import { readAnnotations } from '../../../serving/autoscaler/annotations.ts';
import { parseAutoscalerConfig } from '../../../serving/autoscaler/config.ts';
import { planScale, type ScalePlan } from '../../../serving/autoscaler/scale-plan.ts';
import { podAutoscaler } from './fixtures.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();
const ACTIVE = { active: 'True', inactive: 'False', activating: 'Unknown' } as const;

interface Case {
  readonly name: string;
  readonly desired: number;
  /** Active condition, and for how many seconds. */
  readonly state?: [keyof typeof ACTIVE, number];
  readonly initialized?: boolean;
  readonly own?: Record<string, string>;
  readonly config?: Record<string, string>;
  readonly spec?: Partial<PodAutoscaler['spec']>;
  /** Seconds the activator has been in the path. */
  readonly proxied?: number;
  readonly expected: ScalePlan;
}

const UNREACHABLE = { reachability: 'Unreachable' } as const;
const cases: readonly Case[] = [
  {
    name: 'no opinion about an active revision',
    desired: -1,
    state: ['active', 9],
    expected: { want: -1, apply: false },
  },
  { name: 'nor about an inactive one', desired: -1, state: ['inactive', 9], expected: { want: -1, apply: false } },
  {
    name: 'an activating one waits',
    desired: -1,
    state: ['activating', 5],
    expected: { want: -1, apply: false, again: 625_001 },
  },
  { name: 'as does a new one', desired: -1, expected: { want: -1, apply: false, again: 630_001 } },
  {
    name: 'an activating one gets its minimum',
    desired: -1,
    own: { 'min-scale': '2' },
    expected: { want: 2, apply: true },
  },
  { name: 'wishes are written', desired: 5, state: ['active', 9], expected: { want: 5, apply: true } },
  { name: 'cut at the maximum', desired: 5, own: { 'max-scale': '3' }, expected: { want: 3, apply: true } },
  { name: 'the cluster has a maximum', desired: 5, config: { 'max-scale': '2' }, expected: { want: 2, apply: true } },
  {
    name: 'raised to the minimum',
    desired: 0,
    state: ['active', 99],
    own: { minScale: '3' },
    expected: { want: 3, apply: true },
  },
  {
    name: 'an unreachable revision has no minimum',
    desired: 0,
    state: ['inactive', 31],
    own: { 'min-scale': '3' },
    spec: UNREACHABLE,
    expected: { want: 0, apply: true },
  },
  {
    name: 'the first scale is a minimum until it was reached',
    desired: 1,
    own: { 'initial-scale': '3' },
    expected: { want: 3, apply: true },
  },
  {
    name: 'and not after',
    desired: 1,
    initialized: true,
    own: { 'initial-scale': '3' },
    expected: { want: 1, apply: true },
  },
  {
    name: 'nor where no route leads',
    desired: 1,
    spec: UNREACHABLE,
    own: { 'initial-scale': '3' },
    expected: { want: 1, apply: true },
  },
  {
    name: 'without scale to zero one pod stays',
    desired: 0,
    state: ['inactive', 999],
    config: { 'enable-scale-to-zero': 'false' },
    expected: { want: 1, apply: true },
  },
  {
    name: 'active for less than the window: one pod stays',
    desired: 0,
    state: ['active', 20],
    expected: { want: 1, apply: true, again: 40_000 },
  },
  {
    name: 'active for the window: inactive first',
    desired: 0,
    state: ['active', 60],
    expected: { want: 0, apply: false },
  },
  {
    name: 'the window of its own counts',
    desired: 0,
    state: ['active', 6],
    own: { window: '6s' },
    expected: { want: 0, apply: false },
  },
  {
    name: 'inactive for less than the grace period',
    desired: 0,
    state: ['inactive', 10],
    expected: { want: 0, apply: false, again: 20_000 },
  },
  { name: 'inactive for the grace period', desired: 0, state: ['inactive', 30], expected: { want: 0, apply: true } },
  {
    name: 'the activator is in the path for the grace period',
    desired: 0,
    state: ['inactive', 0],
    proxied: 30,
    expected: { want: 0, apply: true },
  },
  {
    name: 'or almost',
    desired: 0,
    state: ['inactive', 1],
    proxied: 25,
    expected: { want: 0, apply: false, again: 5_000 },
  },
  {
    name: 'the last pod is retained, whatever the path',
    desired: 0,
    state: ['inactive', 31],
    proxied: 99,
    own: { 'scale-to-zero-pod-retention-period': '90s' },
    expected: { want: 0, apply: false, again: 59_000 },
  },
  {
    name: 'until its time is over',
    desired: 0,
    state: ['inactive', 90],
    config: { 'scale-to-zero-pod-retention-period': '90s' },
    expected: { want: 0, apply: true },
  },
  {
    name: 'not where no route leads',
    desired: 0,
    state: ['inactive', 1],
    proxied: 30,
    spec: UNREACHABLE,
    own: { 'scale-to-zero-pod-retention-period': '90s' },
    expected: { want: 0, apply: true },
  },
  {
    name: 'what does not start is given up',
    desired: 0,
    state: ['activating', 631],
    expected: { want: 0, apply: true },
  },
];

for (const { name, desired, state, initialized, own, config, spec, proxied, expected } of cases) {
  void t.test(name, (t) => {
    const conditions: Condition[] = [];
    if (state !== undefined)
      conditions.push({ type: 'Active', status: ACTIVE[state[0]], lastTransitionTime: ago(state[1]) });
    if (initialized) conditions.push({ type: 'ScaleTargetInitialized', status: 'True' });
    const annotations = Object.fromEntries(
      Object.entries(own ?? {}).map(([key, value]) => [`autoscaling.knative.dev/${key}`, value]),
    );
    const pa = podAutoscaler({ annotations, spec, status: { conditions } });
    const plan = planScale({
      pa,
      annotations: readAnnotations(annotations),
      service: proxied === undefined ? undefined : proxiedService(proxied),
      config: parseAutoscalerConfig(config ?? {}),
      progressDeadline: 600_000,
      desired,
      now: NOW,
    });
    t.strictSame(plan, expected);
    t.end();
  });
}

void t.test('a deadline of its own shortens the wait for a pod that does not start', (t) => {
  const annotations = { 'serving.knative.dev/progress-deadline': '20s' };
  const status = { conditions: [{ type: 'Active', status: 'Unknown', lastTransitionTime: ago(51) } as const] };
  const plan = planScale({
    pa: podAutoscaler({ annotations, status }),
    annotations: readAnnotations(annotations),
    service: undefined,
    config: parseAutoscalerConfig({}),
    progressDeadline: 600_000,
    desired: -1,
    now: NOW,
  });
  t.strictSame(plan, { want: 0, apply: true });
  t.end();
});

function proxiedService(seconds: number): ServerlessService {
  return {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'ServerlessService',
    metadata: { name: 'hello-00001', namespace: 'default' },
    spec: {
      mode: 'Proxy',
      objectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello-00001-deployment' },
      protocolType: 'http1',
    },
    status: {
      conditions: [{ type: 'ActivatorEndpointsPopulated', status: 'True', lastTransitionTime: ago(seconds) }],
    },
  };
}
