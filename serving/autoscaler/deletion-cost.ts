/**
 * Which pods of a revision are to go when it shrinks: those with fewest requests, said by the pods' deletion costs,
 * which whoever removes them goes by. Pure.
 * Source: Kubernetes, "ReplicaSet", pod deletion cost.
 */
export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

export interface CostedPod {
  readonly name: string;
  /** Requests in flight. */
  readonly inFlight: number;
  /** As its annotation says; 0 when it has none. */
  readonly cost: number;
}

/** Pods that go first, that may go, and that stay: no other costs are ever written. */
const GO = -1;
const MAY_GO = 0;
const STAY = 1;

/**
 * @param ready   pods of the revision that could take a request
 * @param leaving how many of them are one too many
 * @returns the costs to write, by pod: as few as make the idlest go. Empty when that is so already, or all are alike.
 */
export function deletionCosts(ready: readonly CostedPod[], leaving: number): ReadonlyMap<string, number> {
  if (leaving <= 0 || leaving >= ready.length) return new Map();
  // Among equally busy ones those go that cost least now: that is fewer writes.
  const order = [...ready].sort((a, b) => a.inFlight - b.inFlight || a.cost - b.cost);
  const last = order[leaving - 1];
  const next = order[leaving];
  if (last === undefined || next === undefined) return new Map();
  const going = order.slice(0, leaving);
  const staying = order.slice(leaving);
  // Of those as busy as the last to go, any may go.
  const idler = ready.filter((pod) => pod.inFlight < last.inFlight);
  const alike = ready.filter((pod) => pod.inFlight === last.inFlight);
  const busier = ready.filter((pod) => pod.inFlight > last.inFlight);
  if (holds(idler, alike) && holds(alike, busier) && holds(idler, busier)) return new Map();
  const plans = [
    [...costing(going, (cost) => cost < MAY_GO, GO), ...costing(staying, (cost) => cost >= MAY_GO, MAY_GO)],
    [...costing(going, (cost) => cost < STAY, MAY_GO), ...costing(staying, (cost) => cost >= STAY, STAY)],
    [
      ...costing(idler, (cost) => cost < MAY_GO, GO),
      ...costing(alike, (cost) => cost === MAY_GO, MAY_GO),
      ...costing(busier, (cost) => cost > MAY_GO, STAY),
    ],
  ];
  return new Map(plans.reduce((best, plan) => (plan.length < best.length ? plan : best)));
}

/** Every one of the first costs less than every one of the second. */
function holds(first: readonly CostedPod[], second: readonly CostedPod[]): boolean {
  return Math.max(-Infinity, ...first.map(({ cost }) => cost)) < Math.min(Infinity, ...second.map(({ cost }) => cost));
}

/** A cost for those that have not a fitting one. */
function costing(pods: readonly CostedPod[], fits: (cost: number) => boolean, cost: number): [string, number][] {
  return pods.filter((pod) => !fits(pod.cost)).map(({ name }) => [name, cost]);
}
