/**
 * The published formulas, written down as they stand (reference sections 4.3 and 4.4), without an eye to speed: what
 * the autoscaler is compared with.
 */
import type { ScaleSpec } from '../../../serving/autoscaler/decide.ts';

export interface Write {
  readonly second: number;
  readonly value: number;
}

/** Writes come in the order of time. @param size seconds */
export function linearAverage(writes: readonly Write[], size: number, now: number): number {
  const run = lastRun(writes, size);
  const first = run[0]?.second;
  const last = run.at(-1)?.second;
  if (first === undefined || last === undefined || now - last >= size) return 0;
  const start = Math.max(first, now - size + 1);
  const sum = run.filter(({ second }) => second >= start).reduce((total, { value }) => total + value, 0);
  return sum / (last - start + 1);
}

export function weightedAverage(writes: readonly Write[], size: number, now: number): number {
  const alpha = Math.max(0.2, 1 - 0.0001 ** (1 / size));
  let sum = 0;
  for (const { second, value } of lastRun(writes, size))
    if (now - second < size) sum += value * alpha * (1 - alpha) ** (now - second);
  return sum;
}

/** Writes since the last silence of a window's length. */
function lastRun(writes: readonly Write[], size: number): readonly Write[] {
  let from = 0;
  for (let i = 1; i < writes.length; i++) if ((writes[i]?.second ?? 0) - (writes[i - 1]?.second ?? 0) >= size) from = i;
  return writes.slice(from);
}

export interface Kpa {
  panicTime: number | null;
  maxPanic: number;
}

/** One evaluation; `state` is changed. @returns desired pods and excess burst capacity */
export function kpa(
  spec: ScaleSpec,
  stable: number,
  panic: number,
  ready: number,
  state: Kpa,
  now: number,
): { desired: number; ebc: number } {
  const r = Math.max(1, ready);
  const maxUp = Math.ceil(spec.maxScaleUpRate * r);
  const maxDown = spec.reachable ? Math.floor(r / spec.maxScaleDownRate) : 0;
  const dS = Math.ceil(stable / spec.target);
  const dP = Math.ceil(panic / spec.target);
  let S = Math.min(Math.max(dS, maxDown), maxUp);
  let P = Math.min(Math.max(dP, maxDown), maxUp);
  if (spec.activationScale > 1) {
    if (dS > 0) S = Math.max(S, spec.activationScale);
    if (dP > 0) P = Math.max(P, spec.activationScale);
  }
  const over = dP / r >= spec.panicThreshold;
  if (over) state.panicTime = now;
  else if (state.panicTime !== null && state.panicTime + spec.stableWindow < now) {
    state.panicTime = null;
    state.maxPanic = 0;
  }
  let desired = S;
  if (state.panicTime !== null) desired = state.maxPanic = Math.max(state.maxPanic, S, P);
  const tbc = spec.targetBurstCapacity;
  const ebc = tbc === 0 ? 0 : tbc > 0 ? Math.floor(ready * spec.total - tbc - panic) : -1;
  return { desired, ebc };
}
