/**
 * Gradual rollout: how a Configuration's share moves from older Revisions to the latest one, step by step. Pure; the
 * state lives in an annotation of the Ingress. Source: reference section 2.7.
 */
import { isRecord } from '../config/parse.ts';
import type { TrafficPlan } from './traffic.ts';

export interface RevisionShare {
  readonly revisionName: string;
  /** Of the whole Route's traffic. */
  readonly percent: number;
}

/** Nanoseconds; zero means not set yet, and is left out of the annotation. */
export interface StepParams {
  readonly starttime?: number;
  readonly nextStepTime?: number;
  readonly stepDuration?: number;
  readonly stepSize?: number;
}

export interface ConfigurationRollout {
  readonly configurationName: string;
  readonly tag?: string;
  readonly percent: number;
  /** Oldest first; more than one while a rollout is under way. */
  readonly revisions: readonly RevisionShare[];
  readonly stepParams: StepParams;
}

/** Sorted by tag, then by Configuration. */
export interface Rollout {
  readonly configurations: readonly ConfigurationRollout[];
}

const SECOND = 1e9;

/** The state in which every latest Revision has its whole share. */
export function settledRollout(plan: TrafficPlan): Rollout {
  const configurations: ConfigurationRollout[] = [];
  for (const [tag, targets] of plan.groups) {
    for (const { latestRevision, percent, configurationName = '', revisionName } of targets) {
      if (!latestRevision || percent === 0) continue;
      configurations.push({
        configurationName,
        ...(tag === '' ? {} : { tag }),
        percent,
        revisions: [{ revisionName, percent }],
        stepParams: {},
      });
    }
  }
  return sorted(configurations);
}

export function isDone(rollout: Rollout): boolean {
  return rollout.configurations.every(({ revisions }) => revisions.length < 2);
}

/** The rollout of a Configuration under a tag while it is under way. */
export function sharesOf(rollout: Rollout, tag: string, configurationName: string | undefined) {
  const found = rollout.configurations.find(
    (one) => (one.tag ?? '') === tag && one.configurationName === configurationName,
  );
  return found !== undefined && found.revisions.length > 1 ? found.revisions : undefined;
}

/** The Ingress became ready with the first 1 %: from how long that took follow pace and number of steps. */
export function observeReady(rollout: Rollout, now: number, durationSeconds: number): Rollout {
  return {
    configurations: rollout.configurations.map((one) => {
      const { starttime = 0, stepDuration = 0 } = one.stepParams;
      if (stepDuration !== 0 || starttime <= 0) return one;
      const leastStep = Math.max(1, Math.ceil((now - starttime) / SECOND));
      const left = Math.max(1, durationSeconds - leastStep);
      const percent = one.percent - 1;
      const steps = Math.min(Math.max(1, left / leastStep), percent);
      const duration = Math.trunc((left / steps) * SECOND);
      return {
        ...one,
        stepParams: {
          starttime,
          stepDuration: duration,
          stepSize: Math.round(percent / steps),
          nextStepTime: Math.trunc(now + duration),
        },
      };
    }),
  };
}

/**
 * The rollout after this instant.
 *
 * @param goal the settled state that the Route's traffic asks for
 * @param previous what the Ingress carries
 * @param now nanoseconds since the epoch
 * @returns the state to write, and when to come back (0 = never)
 */
export function stepRollout(
  goal: Rollout,
  previous: Rollout | undefined,
  now: number,
): { readonly rollout: Rollout; readonly next: number } {
  if (previous === undefined || previous.configurations.length === 0) return { rollout: goal, next: 0 };
  const next: ConfigurationRollout[] = [];
  let nextTime = Infinity;
  for (const wanted of goal.configurations) {
    const before = previous.configurations.find(
      (one) => (one.tag ?? '') === (wanted.tag ?? '') && one.configurationName === wanted.configurationName,
    );
    if (before === undefined || wanted.percent === 1) {
      next.push(wanted);
      continue;
    }
    const stepped = step(wanted, before, now);
    next.push(stepped);
    const { nextStepTime = 0 } = stepped.stepParams;
    if (nextStepTime > 0) nextTime = Math.min(nextTime, nextStepTime);
  }
  return { rollout: sorted(next), next: nextTime === Infinity ? 0 : nextTime };
}

function step(goal: ConfigurationRollout, previous: ConfigurationRollout, now: number): ConfigurationRollout {
  const shares = adjust(previous.revisions, goal.percent - previous.percent);
  const latest = goal.revisions[0]?.revisionName ?? '';
  const last = previous.revisions.at(-1);
  if (last === undefined || shares.length === 0 || last.revisionName === latest) {
    if (shares.length < 2) return goal;
    const underWay = { ...goal, revisions: shares, stepParams: previous.stepParams };
    return (previous.stepParams.stepSize ?? 0) > 0 ? move(underWay, now) : underWay;
  }
  // A newer Revision: it starts with one percent, taken from the newest that has any.
  const giver = shares.findLastIndex(({ percent }) => percent > 0);
  const rest = shares
    .map((share, i) => (i === giver ? { ...share, percent: share.percent - 1 } : share))
    .filter(({ percent }) => percent > 0);
  return {
    ...goal,
    revisions: [...rest, { revisionName: latest, percent: 1 }],
    stepParams: { starttime: now },
  };
}

/** The share of a Configuration changed: growth goes to its last Revision, loss comes from the oldest. */
function adjust(shares: readonly RevisionShare[], difference: number): RevisionShare[] {
  if (difference >= 0)
    return shares.map((share, i) =>
      i === shares.length - 1 ? { ...share, percent: share.percent + difference } : share,
    );
  let left = -difference;
  const kept: RevisionShare[] = [];
  for (const share of shares) {
    const taken = Math.min(left, share.percent);
    left -= taken;
    // One that gave all it had is gone; those after it are untouched.
    if (taken === 0 || share.percent > taken) kept.push({ ...share, percent: share.percent - taken });
  }
  return kept;
}

/** Moves one step's share from the older Revisions, newest of them first, to the last. */
function move(rollout: ConfigurationRollout, now: number): ConfigurationRollout {
  const { nextStepTime = 0, stepSize = 0, stepDuration = 0 } = rollout.stepParams;
  const last = rollout.revisions.at(-1);
  if (now < nextStepTime || rollout.revisions.length < 2 || last === undefined) return rollout;
  const older = rollout.revisions.slice(0, -1);
  let left = stepSize;
  while (left > 0 && older.length > 0) {
    const giver = older[older.length - 1];
    if (giver === undefined) break;
    if (giver.percent > left) {
      older[older.length - 1] = { ...giver, percent: giver.percent - left };
      break;
    }
    left -= giver.percent;
    older.pop();
  }
  const percent = Math.min(rollout.percent, last.percent + stepSize);
  const revisions = [...older, { ...last, percent }];
  return {
    ...rollout,
    revisions,
    stepParams: revisions.length > 1 ? { ...rollout.stepParams, nextStepTime: now + stepDuration } : {},
  };
}

/** @returns undefined for text that is not a rollout or does not add up: then it is begun afresh */
export function parseRollout(text: string | undefined): Rollout | undefined {
  if (text === undefined || text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const list = value.configurations ?? [];
  if (!Array.isArray(list)) return undefined;
  const configurations = list.map(parseConfiguration);
  return configurations.every((one) => one !== undefined) ? { configurations } : undefined;
}

function parseConfiguration(value: unknown): ConfigurationRollout | undefined {
  if (!isRecord(value) || typeof value.configurationName !== 'string' || typeof value.percent !== 'number')
    return undefined;
  const revisions = value.revisions ?? [];
  if (!Array.isArray(revisions)) return undefined;
  const shares: RevisionShare[] = [];
  for (const share of revisions as unknown[]) {
    if (!isRecord(share) || typeof share.revisionName !== 'string' || typeof share.percent !== 'number')
      return undefined;
    shares.push({ revisionName: share.revisionName, percent: share.percent });
  }
  const stepParams = parseParams(value.stepParams ?? {});
  const size = stepParams?.stepSize ?? 0;
  const total = shares.reduce((sum, { percent }) => sum + percent, 0);
  if (stepParams === undefined || value.percent > 100 || total !== value.percent || size < 0 || size > value.percent)
    return undefined;
  return {
    configurationName: value.configurationName,
    ...(typeof value.tag === 'string' && value.tag !== '' ? { tag: value.tag } : {}),
    percent: value.percent,
    revisions: shares,
    stepParams,
  };
}

function parseParams(value: unknown): StepParams | undefined {
  if (!isRecord(value)) return undefined;
  const known = ['starttime', 'nextStepTime', 'stepDuration', 'stepSize'] as const;
  const params: Partial<Record<(typeof known)[number], number>> = {};
  for (const key of known) {
    const number = value[key];
    if (number === undefined) continue;
    if (typeof number !== 'number') return undefined;
    params[key] = number;
  }
  return params;
}

/** As the annotation carries it. */
export function formatRollout(rollout: Rollout): string {
  return JSON.stringify(rollout.configurations.length === 0 ? {} : rollout);
}

function sorted(configurations: readonly ConfigurationRollout[]): Rollout {
  const key = (one: ConfigurationRollout) => `${one.tag ?? ''}\n${one.configurationName}`;
  return { configurations: [...configurations].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)) };
}
