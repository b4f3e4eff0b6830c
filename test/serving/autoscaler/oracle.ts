/**
 * A revision's life by the published rules alone (reference sections 4.2 to 4.6): written down as they stand, sharing
 * nothing with the autoscaler but the form of a scenario. What the autoscaler's own replay is compared with.
 */
import type { Scenario } from '../../../serving/autoscaler/simulate.ts';
import { kpa, linearAverage, weightedAverage, type Write } from './formulas.ts';

export interface Expected {
  readonly second: number;
  readonly desired: number;
  readonly excessBurst: number;
  readonly want: number;
  readonly replicas: number;
  readonly ready: number;
  readonly active: string;
  readonly initialized: boolean;
  readonly mode: string;
  readonly activators: number;
}

const START = 1_700_000_000;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

export function expectedOf(scenario: Scenario): Expected[] {
  const { annotations: own = {}, config = {}, containerConcurrency = 0, startup, readyAtStart = 0 } = scenario;
  const number = (value: string | undefined, fallback: number) => (value === undefined ? fallback : Number(value));
  const seconds = (value: string | undefined, fallback: number) =>
    value === undefined ? fallback : Number(value.slice(0, -1)) * (UNITS[value.slice(-1)] ?? NaN);

  // 4.2: targets.
  const rps = own['metric'] === 'rps';
  let total = rps ? number(config['requests-per-second-target-default'], 200) : containerConcurrency;
  if (total === 0) total = number(config['container-concurrency-target-default'], 100);
  if (own['target'] !== undefined) {
    total = Number(own['target']);
    if (!rps && containerConcurrency !== 0) total = Math.min(total, containerConcurrency);
  }
  const share = rps ? 70 : number(config['container-concurrency-target-percentage'], 70);
  const target = Math.max(0.01, total * (number(own['target-utilization-percentage'], share) / 100));

  // 4.3: windows.
  const stableWindow = seconds(own['window'], seconds(config['stable-window'], 60));
  const percentage = number(own['panic-window-percentage'], number(config['panic-window-percentage'], 10));
  const panicWindow = Math.max(1, Math.round((stableWindow * percentage) / 100));
  const average = own['metric-aggregation-algorithm'] === 'weighted-exponential' ? weightedAverage : linearAverage;

  const tbc = number(own['target-burst-capacity'], number(config['target-burst-capacity'], 211));
  const min = number(own['min-scale'], number(config['min-scale'], 0));
  const max = number(own['max-scale'], number(config['max-scale'], 0));
  const clusterInitial = number(config['initial-scale'], 1);
  let initial = number(own['initial-scale'], clusterInitial);
  if (initial === 0 && config['allow-zero-initial-scale'] !== 'true') initial = clusterInitial;
  const delay = seconds(own['scale-down-delay'], seconds(config['scale-down-delay'], 0));
  const grace = seconds(config['scale-to-zero-grace-period'], 30);
  const retentionPeriod = seconds(
    own['scale-to-zero-pod-retention-period'],
    seconds(config['scale-to-zero-pod-retention-period'], 0),
  );
  const patience = (scenario.progressDeadline ?? 600) + 30;

  const writes: Write[] = [];
  const panicState = {
    panicTime: readyAtStart > 1 ? START * 1000 : null,
    maxPanic: readyAtStart > 1 ? readyAtStart : 0,
  };
  const decisions: { step: number; pods: number }[] = [];
  let desired = -1;
  let excessBurst = tbc <= 0 ? tbc : Math.trunc(initial * total - tbc);
  let replicas = readyAtStart > 0 ? readyAtStart : initial;
  let startsAt = Array.from({ length: replicas }, () => (readyAtStart > 0 ? 0 : startup));
  let active: 'True' | 'False' | 'Unknown' = readyAtStart > 0 ? 'True' : 'Unknown';
  let reason = '';
  let since: number | undefined = readyAtStart > 0 ? -86_400 : undefined;
  let initialized = readyAtStart > 0;
  let mode = 'Proxy';
  let proxiedSince: number | undefined = 0;

  return scenario.trace.map((load, second) => {
    const reachable = second < (scenario.unreachableFrom ?? Infinity);
    const ready = startsAt.filter((at) => at <= second).length;
    writes.push({ second: START + second, value: load });

    // 4.4: the decision, every two seconds or as load comes to a revision at zero.
    if (second % 2 === 0 || (desired === 0 && load > 0)) {
      const at = START + second;
      const round = (value: number) => (average === linearAverage ? Math.round(value * 1e6) / 1e6 : value);
      const stable = round(average(writes, stableWindow, at));
      const panic = round(average(writes, panicWindow, at));
      const spec = {
        target,
        total,
        targetBurstCapacity: tbc,
        maxScaleUpRate: number(config['max-scale-up-rate'], 1000),
        maxScaleDownRate: number(config['max-scale-down-rate'], 2),
        panicThreshold:
          number(own['panic-threshold-percentage'], number(config['panic-threshold-percentage'], 200)) / 100,
        stableWindow: stableWindow * 1000,
        reachable,
        activationScale: number(own['activation-scale'], 0),
      };
      const result = kpa(spec, stable, panic, ready, panicState, at * 1000);
      desired = result.desired;
      excessBurst = result.ebc;
      if (delay > 0 && reachable) {
        const step = Math.floor(at / 2);
        decisions.push({ step, pods: desired });
        const window = decisions.filter((one) => one.step > step - Math.ceil(delay / 2));
        desired = Math.max(...window.map(({ pods }) => pods));
      }
    }

    // 4.5: bounds and the way to zero.
    const proxied = mode === 'Proxy' || ready === 0;
    proxiedSince = proxied ? (proxiedSince ?? second) : undefined;
    let want = desired;
    let apply = desired >= 0 || active === 'Unknown';
    if (apply) {
      let least = reachable ? min : 0;
      if (initial > 1 && !initialized && reachable) least = Math.max(least, initial);
      if (want < least) want = least;
      else if (max !== 0 && want > max) want = max;
      if (want === 0) [want, apply] = zero();
      else apply = want > 0;
    }
    function zero(): [number, boolean] {
      if ((config['enable-scale-to-zero'] ?? 'true').toLowerCase() !== 'true') return [1, true];
      const age = since === undefined ? -1 : second - since;
      if (active === 'Unknown') return age > patience ? [0, true] : [-1, false];
      if (active === 'True') return age >= stableWindow ? [0, false] : [1, true];
      const retention = reachable ? retentionPeriod : 0;
      if (age >= Math.max(grace, retention)) return [0, true];
      if (age < retention) return [0, false];
      return [0, proxiedSince !== undefined && second - proxiedSince >= grace];
    }
    if (apply) {
      replicas = want;
      startsAt = startsAt.sort((a, b) => a - b).slice(0, replicas);
      while (startsAt.length < replicas) startsAt.push(second + startup);
    }
    mode = want > 0 && excessBurst >= 0 ? 'Serve' : 'Proxy';
    const activators =
      tbc === 0
        ? 2
        : Math.max(2, Math.ceil((ready * total + Math.max(0, tbc)) / number(config['activator-capacity'], 100)));

    // 4.6: conditions.
    const bound = reachable ? min : 0;
    const threshold = Math.max(bound, initialized ? 1 : initial);
    if (ready >= threshold) initialized = true;
    const before = `${active} ${reason}`;
    const wasUnset = since === undefined;
    const gaveUp = active === 'False' && reason === 'TimedOut';
    if (want === 0 || threshold === 0) {
      // The reason of a target that never started stays until it is asked for again (Knative: until the next pass).
      const timedOut = threshold > 0 && (active === 'Unknown' || gaveUp);
      [active, reason] = ['False', timedOut ? 'TimedOut' : 'NoTraffic'];
    } else if (ready < threshold) {
      if (want > 0 || active !== 'False') [active, reason] = ['Unknown', 'Queued'];
      else if (!gaveUp) reason = 'NoTraffic';
    } else if (want > 0 || active !== 'False') [active, reason] = ['True', ''];
    if (wasUnset || `${active} ${reason}` !== before) since = second;

    return {
      second,
      desired,
      excessBurst,
      want,
      replicas,
      ready,
      active: [active, reason].filter((part) => part !== '').join(' '),
      initialized,
      mode,
      activators,
    };
  });
}
