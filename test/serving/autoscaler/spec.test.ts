import t from 'tap';
import { readAnnotations } from '../../../serving/autoscaler/annotations.ts';
import { DEFAULT_CONFIG, parseAutoscalerConfig } from '../../../serving/autoscaler/config.ts';
import { deciderSpecOf, initialScaleOf, targetOf, windowsOf } from '../../../serving/autoscaler/spec.ts';
import { podAutoscaler } from './fixtures.ts';

const PREFIX = 'autoscaling.knative.dev/';
const annotations = (own: Record<string, string>) =>
  readAnnotations(Object.fromEntries(Object.entries(own).map(([key, value]) => [PREFIX + key, value])));

void t.test('the target of a pod follows concurrency limit, annotation and utilisation', (t) => {
  const cases: [name: string, cc: number, own: Record<string, string>, target: number, total: number][] = [
    ['default', 0, {}, 70, 100],
    ['hard limit', 10, {}, 7, 10],
    ['soft target', 0, { target: '50' }, 35, 50],
    ['a soft target above the limit is cut', 10, { target: '50' }, 7, 10],
    ['a soft target below the limit counts', 10, { target: '5' }, 3.5, 5],
    ['utilisation', 10, { 'target-utilization-percentage': '100' }, 10, 10],
    ['utilisation, older spelling', 10, { targetUtilizationPercentage: '50' }, 5, 10],
    ['rps', 10, { metric: 'rps' }, 140, 200],
    ['rps with target', 10, { metric: 'rps', target: '150' }, 105, 150],
    ['never below 0.01', 0, { target: '0.01', 'target-utilization-percentage': '1' }, 0.01, 0.01],
  ];
  for (const [name, cc, own, target, total] of cases) {
    const result = targetOf(cc, annotations(own), DEFAULT_CONFIG);
    t.equal(result.target.toFixed(9), target.toFixed(9), name);
    t.equal(result.total, total, name);
  }
  t.end();
});

void t.test('the panic window is a share of the stable one, of a second at least', (t) => {
  const cases: [own: Record<string, string>, stable: number, panic: number][] = [
    [{}, 60_000, 6_000],
    [{ window: '6s' }, 6_000, 1_000],
    [{ window: '2m5s' }, 125_000, 13_000],
    [{ window: '30s', 'panic-window-percentage': '50' }, 30_000, 15_000],
    [{ window: '30s', panicWindowPercentage: '1' }, 30_000, 1_000],
    [{ window: 'nonsense' }, 60_000, 6_000],
  ];
  for (const [own, stable, panic] of cases)
    t.strictSame(windowsOf(annotations(own), DEFAULT_CONFIG), { stable, panic }, JSON.stringify(own));
  t.end();
});

void t.test('every annotation arrives, in both spellings, the newer one first', (t) => {
  const own = {
    'target-burst-capacity': '-1',
    targetBurstCapacity: '7',
    panicThresholdPercentage: '150',
    scaleDownDelay: '90s',
    'activation-scale': '4',
    initialScale: '3',
    'metric-aggregation-algorithm': 'weightedExponential',
  };
  const pa = podAutoscaler({ spec: { reachability: 'Unreachable', containerConcurrency: 10 } });
  t.match(deciderSpecOf(pa, annotations(own), DEFAULT_CONFIG), {
    targetBurstCapacity: -1,
    panicThreshold: 1.5,
    scaleDownDelay: 90_000,
    activationScale: 4,
    initialScale: 3,
    aggregation: 'weighted-exponential',
    reachable: false,
    maxScaleUpRate: 1000,
    maxScaleDownRate: 2,
  });
  const all = readAnnotations({
    [`${PREFIX}minScale`]: '2',
    [`${PREFIX}max-scale`]: '9',
    [`${PREFIX}scaleToZeroPodRetentionPeriod`]: '1m',
    'serving.knative.dev/progress-deadline': '90s',
  });
  t.match(all, { minScale: 2, maxScale: 9, podRetentionPeriod: 60_000, progressDeadline: 90_000 });
  t.end();
});

void t.test('a first scale of zero needs leave', (t) => {
  const zero = annotations({ 'initial-scale': '0' });
  t.equal(initialScaleOf(zero, DEFAULT_CONFIG), 1);
  t.equal(initialScaleOf(zero, parseAutoscalerConfig({ 'allow-zero-initial-scale': 'true' })), 0);
  t.equal(initialScaleOf(annotations({ 'initial-scale': '3' }), DEFAULT_CONFIG), 3);
  t.end();
});
