/**
 * Constant load while everything changes: updates, rollbacks, splits, tags, scale to zero and back, live configuration.
 * Not one request may fail, and memory must stay what it is.
 */
import { ConfigMap } from '../api/core.ts';
import { Service } from '../api/serving/service.ts';
import { SERVING_NAMESPACE } from '../api/zeroth.ts';
import type { Figure } from './figure.ts';
import { createUntilReady, helloService, startBench, type Bench } from './knative.ts';
import { Driver, Subject } from './soak/driver.ts';
import { injectFaults } from './soak/faults.ts';
import { Load, LongLoad, slowly } from './soak/load.ts';
import { talk } from './soak/request.ts';
import { Tally } from './soak/tally.ts';
import { weigh } from './soak/weight.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** Kill pods and the activator meanwhile; what fails at once after a kill is counted apart. */
  readonly faults: boolean;
  /** Seconds that long requests and conversations take. */
  readonly long: number;
}

export const FULL_SOAK: SoakOptions = { minutes: 10, faults: false, long: 10 };

export interface Soaked {
  readonly tally: Tally;
  readonly figures: Figure[];
}

const AUTOSCALING = 'autoscaling.knative.dev';
const KEEP_ONE = { [`${AUTOSCALING}/min-scale`]: '1' };
/** Pods that one Service may have: the machine is shared with the load. */
const FEW = { [`${AUTOSCALING}/max-scale`]: '4' };
const NAP_PATIENCE = 90_000;

export async function soak(options: SoakOptions = FULL_SOAK): Promise<Soaked> {
  const bench = await startBench();
  try {
    return await soakOn(bench, options);
  } finally {
    await bench.close();
  }
}

async function soakOn(bench: Bench, { minutes, faults, long }: SoakOptions): Promise<Soaked> {
  const { instance, client } = bench;
  const port = instance.httpPort;
  await configure(bench);
  const make = async (name: string, image: string, annotations: Record<string, string>, limit = 0) => {
    await createUntilReady(client, program(name, image, annotations, limit));
    return new Subject(name, port, image === 'soak');
  };
  const steady = await make('steady', 'soak', { ...KEEP_ONE, ...FEW });
  const limited = await make('limited', 'soak', FEW, 2);
  const napping = await make('napping', 'soak', { ...FEW, [`${AUTOSCALING}/window`]: '6s' });
  const slow = await make('slow', 'soak', FEW);
  const talking = await make('talking', 'echo', FEW);

  const tally = new Tally();
  const driver = new Driver(client, tally);
  const load = (subject: Subject, rate: number, upTo: number, limit = 0) =>
    new Load({ name: subject.name, target: subject.target, rate, upTo, limit, tally }).start();
  const loads = [load(steady, 60, 20), load(limited, 40, 100, 2)];
  const nap = load(napping, 20, 10);
  const longLoads = [1, 2].flatMap(() => [
    new LongLoad(`request slow, ${long} s`, tally, () => slowly(slow.target, long)),
    new LongLoad(`request talking, WebSocket ${long} s`, tally, () => talk(talking.target, long)),
  ]);
  const weight = weigh(instance);
  const stopFaults = faults ? injectFaults(instance, tally) : () => undefined;

  const end = performance.now() + minutes * 60_000;
  const goesOn = (): boolean => performance.now() < end;
  await Promise.all([
    changeAll(driver, [steady, limited], [slow, talking], goesOn),
    napAgainAndAgain(driver, napping, nap, tally, goesOn),
  ]);
  stopFaults();
  await Promise.all([...loads, nap, ...longLoads].map((one) => one.stop()));
  const { start, end: last, most } = weight();
  const requests = tally.count('request');
  const changes = tally.count('change');
  return {
    tally,
    figures: [
      {
        name: 'soak: failed requests',
        value: tally.failures('request'),
        unit: '',
        target: 0,
        better: 'less',
        note: `of ${requests} in ${minutes} min${faults ? `; ${tally.explained} more right after ${tally.count('fault')} faults` : ''}`,
      },
      {
        name: 'soak: failed changes',
        value: tally.failures('change'),
        unit: '',
        target: 0,
        better: 'less',
        note: `of ${changes}: refused, late by a minute, or not what then answered`,
      },
      {
        name: 'soak: memory at the end over the start',
        value: last / start,
        unit: '×',
        target: 1.2,
        better: 'less',
        note: `${start.toFixed(0)} → ${last.toFixed(0)} MiB PSS, at most ${most.toFixed(0)}`,
      },
    ],
  };
}

/** Revisions are many here: only a few may stay, and what is idle goes to zero soon. */
async function configure({ instance, client }: Bench): Promise<void> {
  for (const [folder, image] of [
    ['bench/soak/program', 'soak'],
    ['examples/websocket', 'echo'],
  ] as const) {
    const { code, stderr } = await instance.zeroth(['build', folder, '-t', image]);
    if (code !== 0) throw new Error(`zeroth build ${folder}: ${stderr}`);
  }
  const set = (map: string, data: Record<string, string>) => client.patch(ConfigMap, SERVING_NAMESPACE, map, { data });
  await set('config-autoscaler', { 'scale-to-zero-grace-period': '6s' });
  await set('config-gc', {
    'retain-since-create-time': 'disabled',
    'retain-since-last-active-time': 'disabled',
    'min-non-active-revisions': '2',
    'max-non-active-revisions': '5',
  });
}

function program(
  name: string,
  image: string,
  annotations: Record<string, string>,
  containerConcurrency: number,
): Service {
  const service = helloService(name, annotations);
  const containers = [{ name: 'user-container', image, env: [{ name: 'VERSION', value: '1' }] }];
  const template = { ...service.spec.template, spec: { containerConcurrency, containers } };
  return { ...service, spec: { ...service.spec, template } };
}

async function changeAll(
  driver: Driver,
  subjects: readonly Subject[],
  longOnes: readonly Subject[],
  goesOn: () => boolean,
): Promise<void> {
  for (let round = 0; goesOn(); round++) {
    for (const subject of subjects) {
      for (const change of [
        () => driver.update(subject),
        () => driver.split(subject, 10 + ((round * 20) % 90)),
        () => driver.rollback(subject),
        () => driver.setting(),
        () => driver.toLatest(subject),
        () => driver.tag(subject, round % 2 === 0 ? 'old' : 'before'),
      ]) {
        if (goesOn()) await change();
      }
    }
    for (const subject of longOnes) if (goesOn()) await driver.update(subject);
  }
}

async function napAgainAndAgain(
  driver: Driver,
  subject: Subject,
  load: Load,
  tally: Tally,
  goesOn: () => boolean,
): Promise<void> {
  for (let round = 0; goesOn(); round++) {
    await new Promise((later) => setTimeout(later, 3_000));
    load.pause();
    const began = performance.now();
    try {
      await driver.untilZero(subject, NAP_PATIENCE);
      tally.done('change napping: to zero', performance.now() - began);
    } catch (error) {
      tally.failed('change napping: to zero', error);
    }
    // Every second time it is woken by an update rather than by requests.
    if (round % 2 === 1 && goesOn()) await driver.update(subject);
    load.start();
  }
}
