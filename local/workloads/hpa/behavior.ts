/**
 * How fast a HorizontalPodAutoscaler may go where its metrics want to be. Pure.
 * Source: Kubernetes, "Horizontal Pod Autoscaling", configurable scaling behavior.
 */
import type { HorizontalPodAutoscaler } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';

type Spec = HorizontalPodAutoscaler['spec'];
type Rules = NonNullable<NonNullable<Spec['behavior']>['scaleUp']>;
type Policy = NonNullable<Rules['policies']>[number];

interface Change {
  /** ms since the epoch. */
  readonly at: number;
  /** Pods; what was recommended, or how many were added or taken. */
  readonly pods: number;
}

/** What was recommended and done of late. */
export interface History {
  readonly recommended: readonly Change[];
  readonly added: readonly Change[];
  readonly taken: readonly Change[];
}

export interface Step {
  readonly replicas: number;
  /** Why it is not what was desired; undefined when it is. */
  readonly held?: 'ScaleUpStabilized' | 'ScaleDownStabilized';
  readonly limited?: 'ScaleUpLimit' | 'ScaleDownLimit' | 'TooManyReplicas' | 'TooFewReplicas';
}

export const NO_HISTORY: History = { recommended: [], added: [], taken: [] };
const SECOND = 1000;
const DOWN_WINDOW = 300;
/** The longest window and period that can be asked for, ms. */
const REMEMBERED = 3_600_000;
const MOST_REMEMBERED = 1000;
const UP: readonly Policy[] = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
];
const DOWN: readonly Policy[] = [{ type: 'Percent', value: 100, periodSeconds: 15 }];

/** @param desired by the metrics @param history before this recommendation */
export function stepTowards(spec: Spec, current: number, desired: number, history: History, now: number): Step {
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  const since = (seconds: number) =>
    history.recommended.filter(({ at }) => at > now - seconds * SECOND).map(({ pods }) => pods);
  const least = Math.min(desired, ...since(scaleUp?.stabilizationWindowSeconds ?? 0));
  const most = Math.max(desired, ...since(scaleDown?.stabilizationWindowSeconds ?? DOWN_WINDOW));
  const stable = Math.min(Math.max(current, least), most);
  const held = stable === desired ? undefined : stable > desired ? 'ScaleDownStabilized' : 'ScaleUpStabilized';
  const min = spec.minReplicas ?? 1;
  if (stable > current) {
    const limit = Math.max(current, upLimit(spec, current, history, now));
    if (stable > Math.min(limit, spec.maxReplicas))
      return limit < spec.maxReplicas
        ? { replicas: limit, held, limited: 'ScaleUpLimit' }
        : { replicas: spec.maxReplicas, held, limited: 'TooManyReplicas' };
  } else if (stable < current) {
    const limit = Math.min(current, downLimit(spec, current, history, now));
    if (stable < Math.max(limit, min))
      return limit > min
        ? { replicas: limit, held, limited: 'ScaleDownLimit' }
        : { replicas: min, held, limited: 'TooFewReplicas' };
  }
  return { replicas: stable, held };
}

/** What is to be remembered of one step. @param desired what the metrics wanted */
export function remember(history: History, desired: number, current: number, replicas: number, now: number): History {
  const recent = (changes: readonly Change[]) =>
    changes.filter(({ at }) => at > now - REMEMBERED).slice(-MOST_REMEMBERED + 1);
  const change = (pods: number): Change[] => (pods > 0 ? [{ at: now, pods }] : []);
  return {
    recommended: [...recent(history.recommended), { at: now, pods: desired }],
    added: [...recent(history.added), ...change(replicas - current)],
    taken: [...recent(history.taken), ...change(current - replicas)],
  };
}

function upLimit(spec: Spec, current: number, history: History, now: number): number {
  const rules = spec.behavior?.scaleUp;
  if (spec.behavior === undefined) return Math.max(2 * current, 4);
  if (rules?.selectPolicy === 'Disabled') return current;
  const limits = (rules?.policies ?? UP).map(({ type, value, periodSeconds }) => {
    const start = current - within(history.added, periodSeconds, now) + within(history.taken, periodSeconds, now);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(spec: Spec, current: number, history: History, now: number): number {
  const rules = spec.behavior?.scaleDown;
  if (rules?.selectPolicy === 'Disabled') return current;
  const limits = (rules?.policies ?? DOWN).map(({ type, value, periodSeconds }) => {
    const start = current + within(history.taken, periodSeconds, now) - within(history.added, periodSeconds, now);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}

function within(changes: readonly Change[], seconds: number, now: number): number {
  return changes.filter(({ at }) => at > now - seconds * SECOND).reduce((total, { pods }) => total + pods, 0);
}
