import t from 'tap';
import { readAnnotations } from '../../../../serving/autoscaler/annotations.ts';
import { parseAutoscalerConfig } from '../../../../serving/autoscaler/config.ts';
import { horizontalPodAutoscalerOf } from '../../../../serving/autoscaler/hpa/horizontal-pod-autoscaler.ts';
import { binaryQuantity, decimalQuantity } from '../../../../serving/autoscaler/hpa/quantities.ts';
import { podAutoscaler } from '../fixtures.ts';

const UNBOUNDED = 2_147_483_647;
const utilization = (percent: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});
const memory = (averageValue: string) => ({
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue } },
});
const custom = (name: string, averageValue: string) => ({
  type: 'Pods',
  pods: { metric: { name }, target: { type: 'AverageValue', averageValue } },
});
const behavior = (seconds: number) => ({
  scaleDown: { stabilizationWindowSeconds: seconds },
  scaleUp: { stabilizationWindowSeconds: seconds },
});

const cases: [name: string, own: Record<string, string>, config: Record<string, string>, expected: object][] = [
  ['nothing said: no bound, no metric of its own', {}, {}, { maxReplicas: UNBOUNDED }],
  ['bounds', { 'min-scale': '2', 'max-scale': '7' }, {}, { minReplicas: 2, maxReplicas: 7 }],
  ['the cluster’s bounds', {}, { 'min-scale': '1', 'max-scale': '9' }, { minReplicas: 1, maxReplicas: 9 }],
  ['a minimum of zero is none', { 'min-scale': '0' }, { 'min-scale': '3' }, { maxReplicas: UNBOUNDED }],
  ['CPU in percent', { target: '50' }, {}, { maxReplicas: UNBOUNDED, metrics: [utilization(50)] }],
  ['rounded up', { target: '50.1', metric: 'cpu' }, {}, { maxReplicas: UNBOUNDED, metrics: [utilization(51)] }],
  ['memory in MiB', { target: '200', metric: 'memory' }, {}, { maxReplicas: UNBOUNDED, metrics: [memory('200Mi')] }],
  ['whole GiB', { target: '2048', metric: 'memory' }, {}, { maxReplicas: UNBOUNDED, metrics: [memory('2Gi')] }],
  ['fractions cut', { target: '1.9', metric: 'memory' }, {}, { maxReplicas: UNBOUNDED, metrics: [memory('1Mi')] }],
  [
    'requests at a time are a metric of the pods',
    { target: '100', metric: 'concurrency' },
    {},
    { maxReplicas: UNBOUNDED, metrics: [custom('concurrency', '100')] },
  ],
  [
    'as is any other',
    { target: '2000', metric: 'queue_length' },
    {},
    { maxReplicas: UNBOUNDED, metrics: [custom('queue_length', '2k')] },
  ],
  ['a metric without a target says nothing', { metric: 'memory' }, {}, { maxReplicas: UNBOUNDED }],
  ['a window both ways', { window: '90s' }, {}, { maxReplicas: UNBOUNDED, behavior: behavior(90) }],
  ['the cluster’s window is not an HPA’s', {}, { 'stable-window': '90s' }, { maxReplicas: UNBOUNDED }],
];

for (const [name, own, config, expected] of cases) {
  void t.test(name, (t) => {
    const annotations = Object.fromEntries(
      Object.entries({ class: 'hpa.autoscaling.knative.dev', ...own }).map(([key, value]) => [
        `autoscaling.knative.dev/${key}`,
        value,
      ]),
    );
    const pa = podAutoscaler({ annotations });
    const hpa = horizontalPodAutoscalerOf(pa, readAnnotations(annotations), parseAutoscalerConfig(config));
    t.strictSame(hpa, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: {
        name: 'hello-00001',
        namespace: 'default',
        labels: pa.metadata.labels,
        annotations,
        ownerReferences: [
          {
            apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
            kind: 'PodAutoscaler',
            name: 'hello-00001',
            uid: 'pa-uid',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello-00001-deployment' },
        ...expected,
      },
    });
    t.end();
  });
}

void t.test('where no route leads there is no minimum', (t) => {
  const annotations = { 'autoscaling.knative.dev/min-scale': '2' };
  const pa = podAutoscaler({ annotations, spec: { reachability: 'Unreachable' } });
  const { spec } = horizontalPodAutoscalerOf(pa, readAnnotations(annotations), parseAutoscalerConfig({}));
  t.equal(spec.minReplicas, undefined);
  t.end();
});

void t.test('quantities read as an API server writes them', (t) => {
  const table: [number, string, string][] = [
    [0, '0', '0'],
    [1, '1', '1'],
    [1000, '1000', '1k'],
    [1024, '1Ki', '1024'],
    [1500, '1500', '1500'],
    [1_500_000, '1500000', '1500k'],
    [3 * 2 ** 30, '3Gi', '3221225472'],
    [1536 * 2 ** 20, '1536Mi', '1610612736'],
  ];
  for (const [value, binary, decimal] of table)
    t.strictSame([binaryQuantity(value), decimalQuantity(value)], [binary, decimal]);
  t.end();
});
