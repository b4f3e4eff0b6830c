/**
 * Ports of the host that pods listen on: outside the range that the kernel gives to outgoing connections, unique per
 * container, and free on every address when handed out.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { NodeError } from './errors.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const LOWEST = 10_240;
const HIGHEST = 65_535;
/** Below this many ports the other side of the ephemeral range is used. */
const ENOUGH = 4_000;

/** @param ephemeral text of /proc/sys/net/ipv4/ip_local_port_range */
export function portRange(ephemeral: string): PortRange {
  const [low = 32_768, high = 60_999] = ephemeral.trim().split(/\s+/).map(Number);
  if (low - LOWEST >= ENOUGH) return { first: LOWEST, last: low - 1 };
  if (HIGHEST - high >= ENOUGH) return { first: high + 1, last: HIGHEST };
  return { first: LOWEST, last: HIGHEST };
}

export function systemPortRange(): PortRange {
  try {
    return portRange(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'));
  } catch {
    return portRange('');
  }
}

/** A port just given back may still be asked for by somebody who has not heard. */
const REST_MS = 60_000;
const AHEAD = 4;

export class PortPool {
  readonly #range: PortRange;
  readonly #now: () => number;
  readonly #used = new Set<number>();
  readonly #resting = new Map<number, number>();
  readonly #checked: number[] = [];
  #next: number;
  #filling: Promise<void> | undefined;

  /** @param seed where to begin, so that instances beside each other seldom meet */
  constructor(range: PortRange, seed: number, now: () => number) {
    this.#range = range;
    this.#now = now;
    this.#next = range.first + (Math.abs(seed) % (range.last - range.first + 1));
  }

  /** @throws NodeError NoFreePort */
  async take(): Promise<number> {
    if (this.#checked.length === 0) await this.#filling;
    const port = this.#checked.shift() ?? (await this.#find());
    void this.fill();
    return port;
  }

  release(port: number): void {
    if (this.#used.delete(port)) this.#resting.set(port, this.#now());
  }

  /** Looks for a few free ports ahead of need. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
    return this.#filling;
  }

  async #fill(): Promise<void> {
    try {
      while (this.#checked.length < AHEAD) this.#checked.push(await this.#find());
    } catch {
      // `take` will say so.
    }
  }

  async #find(): Promise<number> {
    const { first, last } = this.#range;
    for (let tries = last - first; tries >= 0; tries--) {
      const port = this.#next;
      this.#next = port >= last ? first : port + 1;
      const rested = this.#resting.get(port);
      if (this.#used.has(port) || (rested !== undefined && this.#now() - rested < REST_MS)) continue;
      this.#used.add(port);
      if (await isFree(port)) {
        this.#resting.delete(port);
        return port;
      }
      this.#used.delete(port);
    }
    throw new NodeError('NoFreePort', `no free port between ${first} and ${last}`);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first port that this user may listen on. */
export function lowestPort(): number {
  if (process.getuid?.() === 0) return 0;
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 0;
  }
}

/**
 * What follows from it for addresses inside the instance, one line.
 * @param lowest see {@link lowestPort}
 */
export function portLimits(lowest: number, { clusterPort }: { readonly clusterPort: number }): string[] {
  if (lowest <= 80 || clusterPort === 80) return [];
  return [
    `no ports below ${lowest} for this user: inside, addresses of Knative Services carry port ${clusterPort}, and a ` +
      `Service's own port below ${lowest} is not reached at its cluster IP`,
  ];
}
