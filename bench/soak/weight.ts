/** The memory of an instance's own processes over time, its pods left out. */
import type { Instance } from '../../test/e2e/instance.ts';
import { median } from '../figure.ts';
import { processTree, pssOf } from '../process-tree.ts';

const EVERY = 2_000;

export interface Weight {
  /** Medians over the second and the last fifth of the time, MiB PSS: the first fifth is for warming up. */
  readonly start: number;
  readonly end: number;
  readonly most: number;
}

/** @returns how to end it and have the result */
export function weigh(instance: Instance): () => Weight {
  const samples: number[] = [];
  const look = (): void => {
    const own = new Set([instance.pid, ...instance.run.processes.map(({ pid }) => pid)]);
    samples.push(pssOf(processTree(instance.pid).filter(({ pid }) => own.has(pid))));
  };
  look();
  const timer = setInterval(look, EVERY);
  return () => {
    clearInterval(timer);
    look();
    const fifth = Math.max(1, Math.floor(samples.length / 5));
    const second = samples.slice(Math.min(fifth, samples.length - 1), 2 * fifth);
    return {
      start: median(second.length > 0 ? second : samples),
      end: median(samples.slice(-fifth)),
      most: Math.max(...samples),
    };
  };
}
