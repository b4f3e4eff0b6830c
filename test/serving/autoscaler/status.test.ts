import t from 'tap';
import type { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { Condition } from '../../../api/object.ts';
import { readAnnotations } from '../../../serving/autoscaler/annotations.ts';
import { parseAutoscalerConfig } from '../../../serving/autoscaler/config.ts';
import { statusOf } from '../../../serving/autoscaler/status.ts';
import { podAutoscaler } from './fixtures.ts';

const NOW = '2026-01-01T12:00:00Z';
const BEFORE = '2026-01-01T11:00:00Z';

const service: ServerlessService = {
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'ServerlessService',
  metadata: { name: 'hello-00001', namespace: 'default', generation: 1 },
  spec: {
    mode: 'Proxy',
    objectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello-00001-deployment' },
    protocolType: 'http1',
  },
  status: {
    observedGeneration: 1,
    serviceName: 'hello-00001',
    privateServiceName: 'hello-00001-private',
    conditions: [{ type: 'Ready', status: 'True' }],
  },
};

interface Case {
  readonly name: string;
  readonly want: number;
  readonly ready: number;
  /** Active before: none, or status. */
  readonly active?: Condition['status'];
  readonly initialized?: boolean;
  readonly own?: Record<string, string>;
  readonly config?: Record<string, string>;
  readonly reachability?: '' | 'Reachable' | 'Unreachable';
  readonly expected: readonly [
    active: Condition['status'],
    reason: string | undefined,
    initialized: Condition['status'],
  ];
}

const cases: readonly Case[] = [
  { name: 'a new revision', want: -1, ready: 0, expected: ['Unknown', 'Queued', 'Unknown'] },
  { name: 'its first pod', want: -1, ready: 1, expected: ['True', undefined, 'True'] },
  {
    name: 'not yet its first scale',
    want: -1,
    ready: 1,
    own: { 'initial-scale': '3' },
    expected: ['Unknown', 'Queued', 'Unknown'],
  },
  { name: 'its first scale', want: 3, ready: 3, own: { 'initial-scale': '3' }, expected: ['True', undefined, 'True'] },
  {
    name: 'not yet its minimum',
    want: 3,
    ready: 2,
    own: { 'min-scale': '3' },
    expected: ['Unknown', 'Queued', 'Unknown'],
  },
  {
    name: 'not yet its minimum, reached or not known to be',
    want: 2,
    ready: 1,
    own: { 'min-scale': '2' },
    reachability: '',
    expected: ['Unknown', 'Queued', 'Unknown'],
  },
  {
    name: 'no minimum where no route leads',
    want: 2,
    ready: 1,
    own: { 'min-scale': '2' },
    reachability: 'Unreachable',
    expected: ['True', undefined, 'True'],
  },
  {
    name: 'not yet the minimum of the cluster',
    want: 2,
    ready: 1,
    config: { 'min-scale': '2' },
    expected: ['Unknown', 'Queued', 'Unknown'],
  },
  {
    name: 'more than its first scale by its minimum',
    want: 4,
    ready: 3,
    own: { 'min-scale': '4', 'initial-scale': '2' },
    expected: ['Unknown', 'Queued', 'Unknown'],
  },
  {
    name: 'fewer than its minimum later',
    want: 2,
    ready: 1,
    active: 'True',
    initialized: true,
    own: { 'min-scale': '2' },
    expected: ['Unknown', 'Queued', 'True'],
  },
  {
    name: 'on its way when the autoscaler starts',
    want: -1,
    ready: 0,
    active: 'Unknown',
    initialized: true,
    expected: ['Unknown', 'Queued', 'True'],
  },
  {
    name: 'first scale of zero, woken',
    want: 1,
    ready: 0,
    active: 'False',
    initialized: true,
    own: { 'initial-scale': '0' },
    config: { 'allow-zero-initial-scale': 'true' },
    expected: ['Unknown', 'Queued', 'True'],
  },
  {
    name: 'first scale of zero where that is not allowed',
    want: -1,
    ready: 0,
    own: { 'initial-scale': '0' },
    expected: ['Unknown', 'Queued', 'Unknown'],
  },
  { name: 'idle', want: 0, ready: 1, active: 'True', initialized: true, expected: ['False', 'NoTraffic', 'True'] },
  { name: 'at zero', want: 0, ready: 0, active: 'False', initialized: true, expected: ['False', 'NoTraffic', 'True'] },
  { name: 'woken', want: 1, ready: 0, active: 'False', initialized: true, expected: ['Unknown', 'Queued', 'True'] },
  { name: 'awake', want: 1, ready: 1, active: 'Unknown', initialized: true, expected: ['True', undefined, 'True'] },
  { name: 'given up', want: 0, ready: 0, active: 'Unknown', expected: ['False', 'TimedOut', 'Unknown'] },
  {
    name: 'at zero when the autoscaler starts',
    want: -1,
    ready: 0,
    active: 'False',
    initialized: true,
    expected: ['False', 'NoTraffic', 'True'],
  },
  {
    name: 'active when the autoscaler starts',
    want: -1,
    ready: 1,
    active: 'True',
    initialized: true,
    expected: ['True', undefined, 'True'],
  },
  {
    name: 'lost its pods',
    want: -1,
    ready: 0,
    active: 'True',
    initialized: true,
    expected: ['Unknown', 'Queued', 'True'],
  },
  {
    name: 'idle with its pods when the autoscaler starts',
    want: -1,
    ready: 1,
    active: 'False',
    initialized: true,
    expected: ['False', undefined, 'True'],
  },
];

for (const { name, want, ready, active, initialized, own, config = {}, reachability, expected } of cases) {
  void t.test(`${name}: Active and ScaleTargetInitialized`, (t) => {
    const conditions: Condition[] = [];
    if (active !== undefined) conditions.push({ type: 'Active', status: active, lastTransitionTime: BEFORE });
    if (initialized) conditions.push({ type: 'ScaleTargetInitialized', status: 'True', lastTransitionTime: BEFORE });
    const annotations = Object.fromEntries(
      Object.entries(own ?? {}).map(([key, value]) => [`autoscaling.knative.dev/${key}`, value]),
    );
    const status = statusOf({
      pa: podAutoscaler({ annotations, spec: { reachability: reachability ?? 'Reachable' }, status: { conditions } }),
      annotations: readAnnotations(annotations),
      config: parseAutoscalerConfig(config),
      service,
      want,
      ready,
      now: NOW,
    });
    const find = (type: string) => status.conditions?.find((condition) => condition.type === type);
    t.strictSame([find('Active')?.status, find('Active')?.reason, find('ScaleTargetInitialized')?.status], expected);
    t.match(status, {
      observedGeneration: 1,
      serviceName: 'hello-00001',
      metricsServiceName: 'hello-00001-private',
      actualScale: ready,
      desiredScale: want,
    });
    t.end();
  });
}

void t.test('a revision whose first scale is zero is ready with no pod', (t) => {
  const annotations = { 'autoscaling.knative.dev/initial-scale': '0' };
  const status = statusOf({
    pa: podAutoscaler({ annotations }),
    annotations: readAnnotations(annotations),
    config: parseAutoscalerConfig({ 'allow-zero-initial-scale': 'true' }),
    service,
    want: -1,
    ready: 0,
    now: NOW,
  });
  t.match(status.conditions, [
    { type: 'Active', status: 'False', reason: 'NoTraffic' },
    { type: 'Ready', status: 'False', reason: 'NoTraffic' },
    { type: 'SKSReady', status: 'True' },
    { type: 'ScaleTargetInitialized', status: 'True' },
  ]);
  t.end();
});

void t.test('before there is a Service for the pods, nothing is ready, and it says so', (t) => {
  const status = statusOf({
    pa: podAutoscaler({}),
    annotations: readAnnotations({}),
    config: parseAutoscalerConfig({}),
    service: undefined,
    want: -1,
    ready: 0,
    now: NOW,
  });
  t.match(
    status.conditions?.find(({ type }) => type === 'SKSReady'),
    { status: 'Unknown', reason: 'NotReady', message: 'No Private Service Name' },
  );
  t.equal(status.conditions?.find(({ type }) => type === 'Ready')?.status, 'Unknown');
  t.end();
});

void t.test('what an autoscaler wanted before it was restarted still stands', (t) => {
  const status = statusOf({
    pa: podAutoscaler({ status: { desiredScale: 4, actualScale: 4 } }),
    annotations: readAnnotations({}),
    config: parseAutoscalerConfig({}),
    service,
    want: -1,
    ready: 4,
    now: NOW,
  });
  t.equal(status.desiredScale, 4);
  t.end();
});

void t.test('a ServerlessService that is not ready keeps the revision from being so, and its message is told', (t) => {
  const message = 'K8s Service is not ready';
  const status = statusOf({
    pa: podAutoscaler({}),
    annotations: readAnnotations({}),
    config: parseAutoscalerConfig({}),
    service: { ...service, status: { ...service.status, conditions: [{ type: 'Ready', status: 'Unknown', message }] } },
    want: 1,
    ready: 1,
    now: NOW,
  });
  const find = (type: string) => status.conditions?.find((condition) => condition.type === type);
  t.match(find('SKSReady'), { status: 'Unknown', reason: 'NotReady', message });
  t.match(find('Ready'), { status: 'Unknown', reason: 'NotReady', message });
  t.equal(find('Active')?.status, 'True');
  t.end();
});
