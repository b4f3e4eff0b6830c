/**
 * The control plane with a thousand Services at zero: how fast they become ready, what they weigh, what they cost while
 * nothing happens, what one change and a whole resync write, and how long a restart takes.
 */
import { ConfigMap } from '../api/core.ts';
import { SERVING_NAMESPACE } from '../api/zeroth.ts';
import { Instance } from '../test/e2e/instance.ts';
import { difference, readCounters, total, type Writes } from './control/counters.ts';
import { compareWrites } from './control/knative-writes.ts';
import { costsOf, lifeOf } from './control/one-change.ts';
import { createAtRate } from './control/ready-times.ts';
import { pause, settled } from './control/settled.ts';
import { median, percentile, type Figure } from './figure.ts';
import { atZero, connectTo, startBench, type Bench } from './knative.ts';
import { cpuOf, processTree, pssOf } from './process-tree.ts';

export interface ControlLoad {
  readonly services: number;
  /** Services created a second. */
  readonly rate: number;
  /** Seconds over which idleness is measured. */
  readonly idle: number;
  /** Without a pass and a write for so long the controllers count as being at rest, ms. */
  readonly quiet: number;
}

export const FULL_LOAD: ControlLoad = { services: 1_000, rate: 5, idle: 60, quiet: 2_000 };

/** @param print takes the lines of the tables that show each write of one change */
export async function control(load: ControlLoad, print: (line: string) => void): Promise<Figure[]> {
  let bench = await startBench();
  try {
    const { state, httpPort } = bench.instance;
    const figures = await creation(bench, load);
    figures.push(await idleness(bench, load), await resync(bench, load));
    const changes = await costsOf(bench.instance, bench.client, lifeOf(atZero('ctl-change')), load.quiet);
    figures.push(...compareWrites(changes, print));
    bench.transport.close();
    await bench.instance.stop();
    const began = performance.now();
    // Another port would be in the URLs of every status.
    bench = connectTo(await Instance.start(['--http-port', String(httpPort)], state));
    figures.push(...(await restart(bench, load, began)));
    return figures;
  } finally {
    await bench.close();
  }
}

async function creation(bench: Bench, { services, rate, quiet }: ControlLoad): Promise<Figure[]> {
  const { instance, client } = bench;
  const before = (await settled(instance, quiet)).counters;
  const cpu = cpuOf(processTree(instance.pid));
  const empty = pssOf(processTree(instance.pid));
  let most = 0;
  const weigh = setInterval(() => (most = Math.max(most, pssOf(processTree(instance.pid)))), 5_000);
  try {
    const manifests = Array.from({ length: services }, (_, i) => atZero(nameOf(i)));
    const times = await createAtRate(client, manifests, rate);
    const { counters } = await settled(instance, quiet);
    const spent = cpuOf(processTree(instance.pid)) - cpu;
    const full = pssOf(processTree(instance.pid));
    most = Math.max(most, full);
    const writes = total(difference(counters, before).writes) / services - 1;
    return [
      {
        name: 'apply → Ready, p95',
        value: percentile(times, 95) / 1000,
        unit: 's',
        target: 1.5,
        better: 'less',
        note: `${services} Services at ${rate}/s; p50 ${median(times).toFixed(0)} ms, max ${Math.max(...times).toFixed(0)} ms, ${((spent / services) * 1000).toFixed(0)} ms of processor and ${writes.toFixed(1)} writes a Service`,
      },
      {
        name: 'memory of all processes',
        value: most,
        unit: 'MiB PSS',
        target: 600,
        better: 'less',
        note: `at most; ${empty.toFixed(0)} MiB empty, ${full.toFixed(0)} MiB with all ${services}: ${(((full - empty) / services) * 1024).toFixed(0)} KiB a Service`,
      },
    ];
  } finally {
    clearInterval(weigh);
  }
}

async function idleness({ instance }: Bench, { services, idle }: ControlLoad): Promise<Figure> {
  const before = cpuOf(processTree(instance.pid));
  await pause(idle * 1000);
  const tree = processTree(instance.pid);
  return {
    name: 'idle: processor',
    value: ((cpuOf(tree) - before) / idle) * 100,
    unit: '% of a core',
    target: 5,
    better: 'less',
    note: `${services} Services, over ${idle} s; ${pssOf(tree).toFixed(0)} MiB PSS then`,
  };
}

/** Keys written with the value they have anyway: everything that listens to them is looked at again. */
const DEFAULTS: readonly [map: string, key: string, value: string][] = [
  ['config-gc', 'max-non-active-revisions', '1000'],
  ['config-network', 'rollout-duration', '0'],
  ['config-deployment', 'progress-deadline', '600s'],
  ['config-autoscaler', 'stable-window', '60s'],
];

async function resync({ instance, client }: Bench, { services, quiet }: ControlLoad): Promise<Figure> {
  const before = (await settled(instance, quiet)).counters;
  const began = performance.now();
  for (const [map, key, value] of DEFAULTS)
    await client.patch(ConfigMap, SERVING_NAMESPACE, map, { data: { [key]: value } });
  const { counters, at } = await settled(instance, quiet);
  const { writes, passes } = difference(counters, before);
  const own = 'patch configmaps';
  const others = new Map([...writes].filter(([what]) => what !== own));
  return {
    name: 'a resync of everything: writes',
    value: total(others),
    unit: '',
    target: 0,
    better: 'less',
    note: `${services} Services, ${passes} passes in ${((at - began) / 1000).toFixed(1)} s${listed(others)}`,
  };
}

async function restart({ instance }: Bench, { services, quiet }: ControlLoad, began: number): Promise<Figure[]> {
  const ready = (performance.now() - began) / 1000;
  const answer = await instance.fetch(`${nameOf(services - 1)}.default.localhost`);
  const answered = (performance.now() - began) / 1000;
  if (answer.status !== 200) throw new Error(`after the restart a Service answered ${answer.status}: ${answer.body}`);
  const { counters, at } = await settled(instance, quiet);
  const { writes } = await readCounters(instance);
  return [
    {
      name: 'restart → ready',
      value: ready,
      unit: 's',
      target: 10,
      better: 'less',
      note: `${services} Services; first answer of one at zero after ${answered.toFixed(1)} s, at rest after ${((at - began) / 1000).toFixed(1)} s, ${counters.passes} passes`,
    },
    {
      name: 'restart: writes',
      value: total(writes),
      unit: '',
      target: 60,
      better: 'less',
      note: `the cold start of one Service and the instance's own objects among them${listed(writes)}`,
    },
  ];
}

function nameOf(i: number): string {
  return `ctl-${i}`;
}

function listed(writes: Writes): string {
  return [...writes].map(([what, count]) => `; ${count} × ${what}`).join('');
}
