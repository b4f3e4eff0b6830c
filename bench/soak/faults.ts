/** Kills, one after another: a pod's process, the activator. Their requests fail; those that come later must not. */
import { readFileSync } from 'node:fs';
import type { Instance } from '../../test/e2e/instance.ts';
import { processTree } from '../process-tree.ts';
import type { Tally } from './tally.ts';

const EVERY = 20_000;
/** The activator starts again and fills its caches in this time, ms. */
const EXCUSED = 5_000;

/** @returns how to end it */
export function injectFaults(instance: Instance, tally: Tally): () => void {
  let turn = 0;
  const timer = setInterval(() => {
    const pods = processTree(instance.pid).filter(({ pid }) => commandOf(pid).includes('server.mjs'));
    const victim = turn++ % 2 === 0 ? pods[turn % Math.max(1, pods.length)]?.pid : instance.pidOf('activator');
    if (victim === undefined) return;
    tally.excuse(EXCUSED);
    tally.done('fault', 0);
    try {
      process.kill(victim, 'SIGKILL');
    } catch (error) {
      // It ended by itself meanwhile.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }, EVERY);
  return () => clearInterval(timer);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
