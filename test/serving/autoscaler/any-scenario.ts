/** Any revision under any load, for properties. */
import fc from 'fast-check';
import type { Scenario } from '../../../serving/autoscaler/simulate.ts';
import { constant, longTail, ramp, sawtooth, spike, step } from '../../../serving/autoscaler/traces.ts';

const loads = fc.oneof(
  fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 150 }),
  fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 60 })).map(([height, seconds]) => step(height, seconds)),
  fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 60 })).map(([height, seconds]) => ramp(height, seconds)),
  fc.nat({ max: 500 }).map((height) => spike(3, height, 9)),
  fc
    .tuple(fc.nat({ max: 200 }), fc.integer({ min: 2, max: 30 }))
    .map(([height, period]) => sawtooth(height, period, 4)),
  fc.nat({ max: 1000 }).map((seed) => longTail(4, 150, seed)),
);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const text = (value: fc.Arbitrary<number>) => optional(value.map(String));
const seconds = (min: number, max: number) => optional(fc.integer({ min, max }).map((value) => `${value}s`));
const defined = (data: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== undefined));

const annotations = fc
  .record({
    metric: optional(fc.constantFrom('rps', 'concurrency')),
    target: text(fc.integer({ min: 1, max: 150 })),
    'target-utilization-percentage': text(fc.integer({ min: 1, max: 100 })),
    'target-burst-capacity': text(fc.oneof(fc.constant(-1), fc.nat({ max: 300 }))),
    'min-scale': text(fc.nat({ max: 3 })),
    'max-scale': text(fc.integer({ min: 3, max: 20 })),
    'initial-scale': text(fc.nat({ max: 4 })),
    'activation-scale': text(fc.integer({ min: 2, max: 5 })),
    'scale-down-delay': seconds(0, 90),
    window: seconds(6, 90),
    'panic-window-percentage': text(fc.integer({ min: 1, max: 100 })),
    'panic-threshold-percentage': text(fc.integer({ min: 110, max: 1000 })),
    'scale-to-zero-pod-retention-period': seconds(0, 120),
    'metric-aggregation-algorithm': optional(fc.constantFrom('linear', 'weighted-exponential')),
  })
  .map(defined);
const config = fc
  .record({
    'max-scale-up-rate': text(fc.integer({ min: 2, max: 30 })),
    'max-scale-down-rate': text(fc.integer({ min: 2, max: 9 })),
    'stable-window': seconds(6, 120),
    'scale-to-zero-grace-period': seconds(1, 60),
    'enable-scale-to-zero': optional(fc.constantFrom('true', 'false')),
    'allow-zero-initial-scale': optional(fc.constantFrom('true', 'false')),
    'activator-capacity': text(fc.integer({ min: 1, max: 200 })),
    'requests-per-second-target-default': text(fc.integer({ min: 1, max: 300 })),
    'container-concurrency-target-default': text(fc.integer({ min: 1, max: 300 })),
    'container-concurrency-target-percentage': text(fc.integer({ min: 2, max: 100 })),
    'initial-scale': text(fc.integer({ min: 1, max: 3 })),
  })
  .map(defined);
export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  name: fc.constant('any'),
  trace: fc.tuple(loads, fc.nat({ max: 200 })).map(([load, after]) => [...load, ...constant(0, after)]),
  annotations,
  config,
  containerConcurrency: fc.constantFrom(0, 1, 3, 10, 100),
  startup: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 10 }) }, { weight: 1, arbitrary: fc.constant(Infinity) }),
  readyAtStart: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 12 }) }),
  unreachableFrom: fc.oneof(
    { weight: 3, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.nat({ max: 200 }) },
  ),
  progressDeadline: fc.constantFrom(10, 60, 600),
});
