/**
 * The pod count of one revision at one instant, as a pure function.
 * Source: Knative "KPA" scaling; knative/serving pkg/autoscaler/scaling (behaviour; reference section 4.4).
 */

export interface ScaleSpec {
  /** Load per pod to aim at (requests in flight, or per second), > 0. */
  readonly target: number;
  /** Load per pod that it can take. */
  readonly total: number;
  /** Requests of spare room before traffic may bypass the activator; 0 = always may, -1 = never. */
  readonly targetBurstCapacity: number;
  /** Largest factor of one step up, and divisor of one step down; both > 1. */
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  /** Ratio of wanted to ready pods at which panic starts. */
  readonly panicThreshold: number;
  /** ms. Also how long panic lasts after the last crossing of its threshold. */
  readonly stableWindow: number;
  /** False once no route leads here: then a step down may be of any size. */
  readonly reachable: boolean;
  /** Fewest pods when there is any load; 0 or 1 = no such bound. */
  readonly activationScale: number;
}

export interface Load {
  /** Averages over the two windows, of the whole revision. */
  readonly stable: number;
  readonly panic: number;
  readonly readyPods: number;
}

export interface PanicState {
  /** ms since the epoch of the last crossing of the threshold; undefined when calm. */
  readonly since: number | undefined;
  /** Most pods wanted since panic began: what is held meanwhile. */
  readonly maxPods: number;
}

export interface ScaleDecision {
  readonly desired: number;
  /** Spare room in requests; negative: the activator must buffer. */
  readonly excessBurst: number;
}

export const CALM: PanicState = { since: undefined, maxPods: 0 };

/** @param now ms since the epoch, never read from the system here */
export function decideScale(spec: ScaleSpec, load: Load, panic: PanicState, now: number): [ScaleDecision, PanicState] {
  const ready = Math.max(1, load.readyPods);
  const most = Math.ceil(spec.maxScaleUpRate * ready);
  const least = spec.reachable ? Math.floor(ready / spec.maxScaleDownRate) : 0;
  const wanted = (average: number): [raw: number, bounded: number] => {
    const raw = Math.ceil(average / spec.target);
    const bounded = Math.min(Math.max(raw, least), most);
    return [raw, raw > 0 && spec.activationScale > 1 ? Math.max(bounded, spec.activationScale) : bounded];
  };
  const [, stable] = wanted(load.stable);
  const [rawPanic, short] = wanted(load.panic);

  const after = nextPanic(spec, panic, rawPanic / ready >= spec.panicThreshold, now);
  if (after.since === undefined) return [{ desired: stable, excessBurst: excessBurst(spec, load) }, after];
  const maxPods = Math.max(after.maxPods, stable, short);
  return [
    { desired: maxPods, excessBurst: excessBurst(spec, load) },
    { since: after.since, maxPods },
  ];
}

function nextPanic(spec: ScaleSpec, panic: PanicState, over: boolean, now: number): PanicState {
  if (over) return { since: now, maxPods: panic.maxPods };
  if (panic.since !== undefined && panic.since + spec.stableWindow < now) return CALM;
  return panic;
}

function excessBurst(spec: ScaleSpec, load: Load): number {
  if (spec.targetBurstCapacity === 0) return 0;
  if (spec.targetBurstCapacity < 0) return -1;
  return Math.floor(load.readyPods * spec.total - spec.targetBurstCapacity - load.panic);
}
