import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { DEFAULT_CONFIG, parseAutoscalerConfig } from '../../../serving/autoscaler/config.ts';
import { parseDuration } from '../../../kube/go-duration.ts';

void t.test('durations are read as Go prints them', (t) => {
  const cases: [text: string, ms: number | undefined][] = [
    ['0', 0],
    ['0s', 0],
    ['60s', 60_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['-2s', -2000],
    ['250ms', 250],
    ['1us', 0.001],
    ['60', undefined],
    ['', undefined],
    ['s', undefined],
    ['1 s', undefined],
    ['1d', undefined],
  ];
  for (const [text, ms] of cases) t.equal(parseDuration(text), ms, text);
  t.end();
});

void t.test('the example of config-autoscaler is the defaults', (t) => {
  const map = parse(readFileSync('config/core/serving/config-autoscaler.yaml', 'utf8')) as {
    data: { _example: string };
  };
  const example = parse(map.data._example) as Record<string, string>;
  t.strictSame(parseAutoscalerConfig(example), DEFAULT_CONFIG);
  t.equal(Object.keys(example).length, Object.keys(DEFAULT_CONFIG).length);
  t.end();
});

void t.test('a value that makes no sense is refused by name', (t) => {
  const cases: [data: Record<string, string>, message: RegExp][] = [
    [{ 'stable-window': '5s' }, /stable-window must be 6s to 1h/],
    [{ 'stable-window': '61m' }, /stable-window must be 6s to 1h/],
    [{ 'stable-window': '6500ms' }, /whole seconds/],
    [{ 'stable-window': '60' }, /stable-window is not a duration: 60/],
    [{ 'max-scale-up-rate': '1' }, /max-scale-up-rate must be above 1/],
    [{ 'max-scale-down-rate': '1' }, /max-scale-down-rate must be above 1/],
    [{ 'max-scale-down-rate': '' }, /max-scale-down-rate is not a number/],
    [{ 'target-burst-capacity': '-2' }, /target-burst-capacity/],
    [{ 'container-concurrency-target-percentage': '0' }, /above 0 and at most 100/],
    [{ 'container-concurrency-target-percentage': '101' }, /above 0 and at most 100/],
    [{ 'container-concurrency-target-default': '0.001' }, /at least 0.01/],
    [{ 'requests-per-second-target-default': '0' }, /requests-per-second-target-default/],
    [{ 'panic-window-percentage': '0.5' }, /panic-window-percentage must be 1 to 100/],
    [{ 'activator-capacity': '0' }, /activator-capacity/],
    [{ 'initial-scale': '0' }, /initial-scale must be at least 1/],
    [{ 'initial-scale': '1.5' }, /initial-scale is not a 32-bit integer/],
    [{ 'min-scale': '3', 'max-scale': '2' }, /min-scale must not exceed max-scale/],
    [{ 'max-scale-limit': '5' }, /max-scale must be 1 to max-scale-limit \(5\)/],
    [{ 'max-scale-limit': '5', 'max-scale': '6' }, /max-scale must be 1 to max-scale-limit/],
    [{ 'scale-to-zero-grace-period': '0s' }, /scale-to-zero-grace-period/],
    [{ 'scale-down-delay': '-1s' }, /scale-down-delay/],
  ];
  for (const [data, message] of cases) t.throws(() => parseAutoscalerConfig(data), { message }, JSON.stringify(data));
  t.end();
});

void t.test('percentages up to 1 are fractions, and zero may be the first scale when allowed', (t) => {
  t.equal(parseAutoscalerConfig({ 'container-concurrency-target-percentage': '0.5' }).concurrencyUtilization, 0.5);
  t.equal(parseAutoscalerConfig({ 'container-concurrency-target-percentage': '50' }).concurrencyUtilization, 0.5);
  t.equal(parseAutoscalerConfig({ 'initial-scale': '0', 'allow-zero-initial-scale': 'true' }).initialScale, 0);
  t.end();
});
