/**
 * Writes of each change, beside those that Knative's controllers make for it at the least. How Knative's were counted,
 * reconciler by reconciler, is in docs/control-plane.md.
 */
import type { Figure } from '../figure.ts';
import type { ChangeCost } from './one-change.ts';

type Counts = Readonly<Record<string, number>>;

const SERVING = 'serving.knative.dev';
const NETWORKING = 'networking.internal.knative.dev';
const AUTOSCALING = 'autoscaling.internal.knative.dev';

/** What every new Revision at zero takes. */
const REVISION: Counts = {
  [`revisions.${SERVING}`]: 1,
  [`revisions.${SERVING}/status`]: 3,
  [`configurations.${SERVING}/status`]: 2,
  'deployments.apps': 1,
  'images.caching.internal.knative.dev': 1,
  [`podautoscalers.${AUTOSCALING}`]: 1,
  [`podautoscalers.${AUTOSCALING}/status`]: 2,
  [`metrics.${AUTOSCALING}`]: 1,
  [`metrics.${AUTOSCALING}/status`]: 1,
  [`serverlessservices.${NETWORKING}`]: 1,
  [`serverlessservices.${NETWORKING}/status`]: 1,
  services: 2,
  endpoints: 1,
};

/** What every new set of rules takes. */
const RULES: Counts = { [`ingresses.${NETWORKING}`]: 1, [`ingresses.${NETWORKING}/status`]: 1 };

/** A Revision that traffic comes to or goes from. */
const REACHABILITY: Counts = {
  [`revisions.${SERVING}`]: 1,
  [`podautoscalers.${AUTOSCALING}`]: 1,
  [`podautoscalers.${AUTOSCALING}/status`]: 1,
};

const KNATIVE: Readonly<Record<string, Counts>> = {
  'a new Service': sum(REVISION, RULES, {
    [`configurations.${SERVING}`]: 1,
    // Created, and given the labeler's finalizer.
    [`routes.${SERVING}`]: 2,
    [`routes.${SERVING}/status`]: 3,
    [`services.${SERVING}/status`]: 3,
    // The placeholder: made before the Ingress is ready, pointed at the gateway after.
    services: 2,
    events: 9,
  }),
  'a new template': sum(REVISION, RULES, REACHABILITY, {
    [`configurations.${SERVING}`]: 1,
    [`routes.${SERVING}/status`]: 2,
    [`services.${SERVING}/status`]: 3,
    events: 3,
  }),
  'traffic split in two': sum(RULES, REACHABILITY, {
    [`routes.${SERVING}`]: 1,
    [`routes.${SERVING}/status`]: 2,
    [`services.${SERVING}/status`]: 2,
  }),
  'a label': {
    [`configurations.${SERVING}`]: 1,
    [`routes.${SERVING}`]: 1,
    [`ingresses.${NETWORKING}`]: 1,
    services: 1,
  },
  // The finalizer of its Route; the rest is Kubernetes' garbage collection.
  removal: { [`routes.${SERVING}`]: 1 },
};

/** Kubernetes' own controllers write these for Knative as well; here they are `local/workloads`. */
const OF_KUBERNETES =
  /^(\w+ (replicasets\.apps|deployments\.apps\/status|endpoints|endpointslices\.|pods)|patch deployments\.apps$)/;

function isOfKubernetes(change: string, write: string): boolean {
  return OF_KUBERNETES.test(write) || (change === 'removal' && write.startsWith('delete '));
}

/**
 * A table a change for `print`, and a figure a change: all writes but those of Kubernetes' own controllers, with Knative's
 * least as the target.
 */
export function compareWrites(costs: readonly ChangeCost[], print: (line: string) => void): Figure[] {
  return costs.map(({ change, writes, passes, took }) => {
    const [ours, kubernetes] = [new Map<string, string[]>(), new Map<string, number>()];
    let own = 0;
    for (const [write, count] of writes) {
      if (isOfKubernetes(change, write)) {
        kubernetes.set(write, count);
        continue;
      }
      own += count;
      const [verb = '', resource = '', ...code] = write.split(' ');
      ours.set(resource, [...(ours.get(resource) ?? []), [count, verb, ...code].join(' ')]);
    }
    const theirs = KNATIVE[change] ?? {};
    const least = Object.values(theirs).reduce((all, count) => all + count, 0);
    print(`\n${change}: ${own} writes, Knative at least ${least}; ${passes} passes, ${took.toFixed(0)} ms`);
    for (const resource of [...new Set([...ours.keys(), ...Object.keys(theirs)])].sort()) {
      const verbs = ours.get(resource)?.join(', ') ?? '–';
      print(`  ${resource.padEnd(58)} ${verbs.padEnd(24)} ${theirs[resource] ?? '–'}`);
    }
    const rest = [...kubernetes].map(([write, count]) => `${count} ${write}`).sort();
    if (rest.length > 0) print(`  of Kubernetes: ${rest.join(', ')}`);
    return {
      name: `writes: ${change}`,
      value: own,
      unit: '',
      target: least,
      better: 'less',
      note: `target: Knative's least; with those of Kubernetes' own controllers ${[...kubernetes.values()].reduce((all, count) => all + count, own)}`,
    };
  });
}

function sum(...all: readonly Counts[]): Counts {
  const total: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  return total;
}
