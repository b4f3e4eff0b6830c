import t from 'tap';
import type { HorizontalPodAutoscaler } from '../../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import type { PodAutoscaler } from '../../../../api/autoscaling/pod-autoscaler.ts';
import type { ServerlessService } from '../../../../api/networking/serverless-service.ts';
import { hpaStatusOf } from '../../../../serving/autoscaler/hpa/status.ts';
import { podAutoscaler } from '../fixtures.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const seconds = (ago: number) => new Date(NOW - ago * 1000).toISOString().replace('.000', '');

const service = (ready: 'True' | 'Unknown'): ServerlessService => ({
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'ServerlessService',
  metadata: { name: 'hello-00001', namespace: 'default', generation: 1 },
  spec: { mode: 'Serve', objectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, protocolType: 'http1' },
  status: {
    observedGeneration: 1,
    serviceName: 'hello-00001',
    privateServiceName: 'hello-00001-private',
    conditions: [{ type: 'Ready', status: ready }],
  },
});

function hpa(age: number, status?: HorizontalPodAutoscaler['status']): HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'hello-00001', namespace: 'default', creationTimestamp: seconds(age) },
    spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
    status,
  };
}

const acted = (currentReplicas: number, desiredReplicas: number) => ({
  currentReplicas,
  desiredReplicas,
  conditions: [{ type: 'AbleToScale', status: 'True' as const }],
});
const initialized: PodAutoscaler['status'] = { conditions: [{ type: 'ScaleTargetInitialized', status: 'True' }] };

interface Case {
  readonly name: string;
  readonly hpa: HorizontalPodAutoscaler;
  readonly service?: ServerlessService;
  readonly threshold?: number;
  readonly before?: PodAutoscaler['status'];
  /** Active, Ready, SKSReady, ScaleTargetInitialized; each with its reason. */
  readonly conditions: [string, string, string, string];
  readonly scale: [desired: number, actual: number];
}

const NOT_SERVED = 'Unknown HorizontalPodAutoscalerNotServed';
const cases: readonly Case[] = [
  {
    name: 'ready once its pods are there',
    hpa: hpa(1, acted(1, 1)),
    conditions: ['True', 'True', 'True', 'True'],
    scale: [1, 1],
  },
  {
    name: 'the scale is the HorizontalPodAutoscaler’s',
    hpa: hpa(1, acted(3, 5)),
    conditions: ['True', 'True', 'True', 'True'],
    scale: [5, 3],
  },
  {
    name: 'not before its minimum is reached',
    hpa: hpa(1, acted(1, 2)),
    threshold: 2,
    conditions: ['True', 'Unknown', 'True', 'Unknown'],
    scale: [2, 1],
  },
  {
    name: 'once initialised, fewer pods are no news',
    hpa: hpa(1, acted(1, 2)),
    threshold: 2,
    before: initialized,
    conditions: ['True', 'True', 'True', 'True'],
    scale: [2, 1],
  },
  {
    name: 'not before its ServerlessService is ready',
    hpa: hpa(1, acted(1, 1)),
    service: service('Unknown'),
    conditions: ['True', 'Unknown NotReady', 'Unknown NotReady', 'Unknown'],
    scale: [1, 1],
  },
  {
    name: 'a HorizontalPodAutoscaler is given time to be looked at',
    hpa: hpa(44),
    conditions: ['True', 'Unknown', 'True', 'Unknown'],
    scale: [0, 0],
  },
  {
    name: 'and when nobody does, that is said',
    hpa: hpa(45),
    conditions: ['True', NOT_SERVED, 'True', NOT_SERVED],
    scale: [0, 0],
  },
  {
    name: 'somebody who cannot measure acts all the same',
    hpa: hpa(600, acted(1, 0)),
    conditions: ['True', 'True', 'True', 'True'],
    scale: [0, 1],
  },
];

for (const { name, threshold = 1, before, conditions, scale, ...given } of cases) {
  void t.test(name, (t) => {
    const pa = podAutoscaler({ status: before });
    const status = hpaStatusOf({ pa, hpa: given.hpa, service: given.service ?? service('True'), threshold, now: NOW });
    const said = (type: string) => {
      const found = status.conditions?.find((one) => one.type === type);
      return [found?.status, found?.reason].filter(Boolean).join(' ');
    };
    t.strictSame(['Active', 'Ready', 'SKSReady', 'ScaleTargetInitialized'].map(said), conditions);
    t.strictSame([status.desiredScale, status.actualScale], scale);
    t.equal(status.observedGeneration, 1);
    t.equal(status.serviceName, 'hello-00001');
    t.equal(status.metricsServiceName, 'hello-00001-private');
    t.end();
  });
}

void t.test('the message says what to do', (t) => {
  const status = hpaStatusOf({
    pa: podAutoscaler({}),
    hpa: hpa(60),
    service: service('True'),
    threshold: 1,
    now: NOW,
  });
  const message = status.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
  t.match(message, /"hello-00001" has no status after 45 s/);
  t.match(message, /autoscaling\.knative\.dev\/class: kpa\.autoscaling\.knative\.dev/);
  t.end();
});
