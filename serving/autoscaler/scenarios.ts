/** Revisions and their load that replays are compared on, each to show one rule at work. */
import type { Scenario } from './simulate.ts';
import { constant, longTail, ramp, sawtooth, spike, step } from './traces.ts';

/** Ten requests at a time and pod, seven of them aimed at; two seconds to start. */
const TEN = { containerConcurrency: 10, startup: 2 } as const;

export const SCENARIOS: readonly Scenario[] = [
  { ...TEN, name: 'step', trace: step(70, 120, 20, 160) },
  { ...TEN, name: 'ramp', trace: [...ramp(140, 120, 120), ...constant(0, 120)] },
  { ...TEN, name: 'spike', trace: spike(7, 140, 20) },
  { ...TEN, name: 'sawtooth', trace: sawtooth(70, 40, 6) },
  { ...TEN, name: 'long tail', trace: longTail(6, 300) },
  {
    ...TEN,
    name: 'overload in panic',
    trace: [...constant(5, 30), ...constant(2000, 60), ...constant(5, 150)],
    startup: 8,
  },
  {
    ...TEN,
    name: 'to zero and back',
    trace: [...constant(5, 30), ...constant(0, 150), ...constant(9, 20), ...constant(0, 150)],
  },
  {
    ...TEN,
    name: 'to zero with the last pod retained',
    annotations: { window: '20s', 'scale-to-zero-pod-retention-period': '90s' },
    trace: [...constant(5, 20), ...constant(0, 200)],
  },
  {
    ...TEN,
    name: 'to zero by the grace period, never behind activators before',
    annotations: { 'target-burst-capacity': '0', window: '20s' },
    config: { 'scale-to-zero-grace-period': '45s' },
    trace: [...constant(5, 20), ...constant(0, 140)],
  },
  {
    ...TEN,
    name: 'no zero',
    config: { 'enable-scale-to-zero': 'false' },
    trace: [...constant(40, 30), ...constant(0, 180)],
  },
  {
    ...TEN,
    name: 'scale-down delay',
    annotations: { 'scale-down-delay': '45s' },
    trace: sawtooth(70, 30, 8),
  },
  {
    ...TEN,
    name: 'scale-down delay of the cluster, route taken away',
    config: { 'scale-down-delay': '2m' },
    trace: [...constant(70, 60), ...constant(7, 200)],
    unreachableFrom: 150,
  },
  {
    ...TEN,
    name: 'activation scale',
    annotations: { 'activation-scale': '5' },
    trace: [...constant(0, 80), ...constant(1, 60), ...constant(0, 120)],
    readyAtStart: 1,
  },
  {
    ...TEN,
    name: 'requests per second',
    annotations: { metric: 'rps', target: '50' },
    trace: [...ramp(900, 60, 60), ...constant(0, 150)],
  },
  { ...TEN, name: 'requests per second by default', annotations: { metric: 'rps' }, trace: ramp(2000, 100, 60) },
  {
    ...TEN,
    name: 'slow up',
    config: { 'max-scale-up-rate': '1.5' },
    trace: [...constant(7, 30), ...constant(300, 120)],
    startup: 5,
  },
  {
    ...TEN,
    name: 'fast down',
    config: { 'max-scale-down-rate': '10' },
    trace: [...constant(300, 60), ...constant(7, 200)],
  },
  {
    ...TEN,
    name: 'slow down',
    config: { 'max-scale-down-rate': '1.1' },
    trace: [...constant(140, 60), ...constant(7, 240)],
  },
  { ...TEN, name: 'bounds', annotations: { 'min-scale': '2', 'max-scale': '6' }, trace: [...step(140, 60, 20, 160)] },
  {
    ...TEN,
    name: 'bounds of the cluster',
    config: { 'min-scale': '1', 'max-scale': '4' },
    trace: step(140, 60, 20, 160),
  },
  { ...TEN, name: 'first scale', annotations: { 'initial-scale': '4' }, trace: step(5, 60, 30, 160), startup: 6 },
  {
    ...TEN,
    name: 'first scale of zero',
    annotations: { 'initial-scale': '0' },
    config: { 'allow-zero-initial-scale': 'true' },
    trace: step(20, 40, 30, 160),
  },
  {
    ...TEN,
    name: 'minimum lost with the route',
    annotations: { 'min-scale': '3' },
    trace: constant(0, 260),
    unreachableFrom: 100,
  },
  {
    ...TEN,
    name: 'never starts',
    trace: [...constant(3, 30), ...constant(0, 250)],
    startup: Infinity,
    progressDeadline: 60,
  },
  { ...TEN, name: 'restart with pods', trace: [...constant(0, 150)], readyAtStart: 8 },
  {
    ...TEN,
    name: 'newest seconds count most',
    annotations: { 'metric-aggregation-algorithm': 'weighted-exponential' },
    trace: longTail(8, 300, 7),
  },
  {
    ...TEN,
    name: 'short windows, low threshold',
    annotations: { window: '10s', 'panic-window-percentage': '20', 'panic-threshold-percentage': '120' },
    trace: sawtooth(90, 25, 8),
  },
  { ...TEN, name: 'no limit on requests', containerConcurrency: 0, trace: ramp(1500, 120, 60) },
  {
    ...TEN,
    name: 'spare room: out of the activators’ path and back',
    annotations: { 'target-burst-capacity': '20', 'target-utilization-percentage': '40' },
    trace: [...ramp(120, 90, 60), ...constant(0, 150)],
  },
  {
    ...TEN,
    name: 'always behind activators',
    annotations: { 'target-burst-capacity': '-1' },
    config: { 'activator-capacity': '10' },
    trace: step(90, 60, 10, 140),
  },
];
