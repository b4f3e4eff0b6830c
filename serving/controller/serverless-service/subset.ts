/**
 * Which of the activators a revision uses: the same ones as long as they are there, different ones for different
 * revisions. Pure. Source: behaviour of knative.dev/pkg/hash ChooseSubset, so that its controllers choose alike.
 */
import type { Endpoints } from '../../../api/core.ts';

export type Subset = NonNullable<Endpoints['subsets']>[number];

/** Positions on a circle. */
const CIRCLE = 1n << 11n;

/** @param count how many are wanted; all when there are no more @param target what they are chosen for */
export function chooseSubset(from: readonly string[], count: number, target: string): ReadonlySet<string> {
  const all = [...new Set(from)].sort();
  if (count >= all.length) return new Set(all);
  const places = [...placesOf(all, target)].sort(([a], [b]) => (a < b ? -1 : 1));
  const chosen = new Set<number>();
  let angle = hash(`${target}start-angle-salt`) % CIRCLE;
  const step = hash(`${target}step-angle-salt`) % CIRCLE;
  while (chosen.size < count) {
    let at = places.findIndex(([place]) => place >= angle);
    if (at < 0) at = 0;
    while (chosen.has(at)) at = (at + 1) % places.length;
    chosen.add(at);
    angle = (angle + step) % CIRCLE;
  }
  return new Set([...chosen].map((at) => places[at]?.[1] ?? ''));
}

/** Each name has a place of its own; one that finds its place taken hashes on. */
function placesOf(names: readonly string[], target: string): ReadonlyMap<bigint, string> {
  const places = new Map<bigint, string>();
  for (const name of names) {
    let text = `${name}${target}`;
    let value = hash(text);
    while (places.has(value % CIRCLE)) {
      text += value.toString(16);
      value = hash(text);
    }
    places.set(value % CIRCLE, name);
  }
  return places;
}

/** FNV-1a, 64 bits. */
function hash(text: string): bigint {
  let value = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return value;
}

/** The addresses of `count` activators (0 = all of them), in the order they stand. */
export function subsetOf(subsets: readonly Subset[], count: number, target: string): Subset[] {
  const addresses = subsets.flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip));
  if (count === 0 || addresses.length === 0) return [...subsets];
  const chosen = chooseSubset(addresses, count, target);
  return subsets
    .map((subset) => ({ ...subset, addresses: (subset.addresses ?? []).filter(({ ip }) => chosen.has(ip)) }))
    .filter(({ addresses: left }) => left.length > 0);
}
