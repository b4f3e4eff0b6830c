/**
 * How much the pods and this machine use. Counters are read when somebody asks, never by the clock: an instance that
 * nobody looks at pays nothing. A rate is that between two looks, so a first look is followed by a second one.
 */
import { readFileSync } from 'node:fs';
import { cpus, freemem, totalmem } from 'node:os';
import type { Clock } from '../../kube/clock.ts';
import type { NodeUsage, PodUsage } from '../../kube/resource-usage.ts';
import type { ContainerCounters } from './runtime/runtime.ts';

/** What can be asked for its counters now. */
export interface Metered {
  readonly uid: string;
  readonly containers: readonly {
    readonly name: string;
    /** Differs between two runs of one container. */
    readonly run: string;
    counters(): Promise<ContainerCounters | undefined>;
  }[];
}

/** A look within this time of the last one gets the same answer, ms. */
const FRESH = 1_000;
/** Counters that are older say nothing of now, ms. */
const STALE = 60_000;
/** Between the two looks that a rate needs, ms. The kernel counts in hundredths of a second. */
const APART = 300;

interface Look {
  readonly at: number;
  /** Seconds of processor time by run of a container. */
  readonly cpu: ReadonlyMap<string, number>;
  readonly machine: number;
}

interface Answer {
  readonly pods: readonly PodUsage[];
  readonly node: Omit<NodeUsage, 'name'>;
}

export class UsageMeter {
  readonly #clock: Clock;
  readonly #metered: () => readonly Metered[];
  #look: Look | undefined;
  #answer: Answer | undefined;
  #asking: Promise<Answer> | undefined;

  constructor(clock: Clock, metered: () => readonly Metered[]) {
    this.#clock = clock;
    this.#metered = metered;
  }

  /** Looks that come together share one answer. */
  read(): Promise<Answer> {
    const age = this.#look === undefined ? Infinity : this.#clock.now() - this.#look.at;
    if (this.#answer !== undefined && age >= 0 && age < FRESH) return Promise.resolve(this.#answer);
    this.#asking ??= this.#measure(age > STALE).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #measure(stale: boolean): Promise<Answer> {
    if (stale || this.#look === undefined) {
      this.#look = (await this.#take()).look;
      await new Promise<void>((resolve) => this.#clock.after(APART, resolve));
    }
    const before = this.#look;
    const { look, memory } = await this.#take();
    const window = Math.max(1, look.at - before.at);
    const rate = (run: string): number => rateOf(before.cpu.get(run), look.cpu.get(run), window);
    const pods = memory.map(({ uid, containers }): PodUsage => ({
      uid,
      at: look.at,
      window,
      containers: containers.map(({ name, run, bytes }) => ({ name, cpu: rate(run), memory: bytes })),
    }));
    const node = {
      at: look.at,
      window,
      cpu: rateOf(before.machine, look.machine, window),
      memory: totalmem() - available(),
    };
    this.#look = look;
    this.#answer = { pods, node };
    return this.#answer;
  }

  /** One pod after the other: reading the memory of hundreds at once would keep the disk's threads busy. */
  async #take() {
    const cpu = new Map<string, number>();
    const memory: { uid: string; containers: { name: string; run: string; bytes: number }[] }[] = [];
    for (const { uid, containers } of this.#metered()) {
      const read: { name: string; run: string; bytes: number }[] = [];
      for (const { name, run, counters } of containers) {
        const now = await counters();
        if (now === undefined) continue;
        cpu.set(run, now.cpuSeconds);
        read.push({ name, run, bytes: now.memoryBytes });
      }
      if (read.length > 0) memory.push({ uid, containers: read });
    }
    return { look: { at: this.#clock.now(), cpu, machine: busySeconds() }, memory };
  }
}

/** Cores, from seconds of processor time at two moments `window` ms apart; from its start for what began in between. */
export function rateOf(before: number | undefined, after: number | undefined, window: number): number {
  if (after === undefined) return 0;
  return Math.max(0, after - (before ?? 0)) / (window / 1000);
}

/** Seconds that this machine's processors have been busy since it started. */
function busySeconds(): number {
  let milliseconds = 0;
  for (const { times } of cpus()) milliseconds += times.user + times.nice + times.sys + times.irq;
  return milliseconds / 1000;
}

/** Bytes that programs could still have: what caches hold counts as free. */
function available(): number {
  try {
    const kilobytes = /^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
  } catch {
    return freemem();
  }
}
