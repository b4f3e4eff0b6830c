/** Small wordings that all explanations share. */
import type { Condition, KubeObject } from '../../api/object.ts';
import { shellWord } from '../shell-word.ts';
import type { Step } from './diagnosis.ts';
import { conditionsOf, statusOf, type Graph } from './graph.ts';

/** `2h13m`, `45s`: the two largest units. @param milliseconds ≥ 0 */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const units: readonly [name: string, seconds: number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ];
  let rest = seconds;
  const parts: string[] = [];
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : parts.join('');
}

/** `71 ms`, `1.25 s`. */
export function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}

/** A container's last words come with their line ends. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** ` -n NS`, or nothing when commands mean that namespace anyway. */
export function inNamespace(graph: Graph, namespace: string | undefined): string {
  return namespace === undefined || namespace === graph.defaultNamespace ? '' : ` -n ${shellWord(namespace)}`;
}

export function condition(object: KubeObject, type: string): Condition | undefined {
  return conditionsOf(object).find((one) => one.type === type);
}

/** Ready as clients read it: of the generation that is there. */
export function isReady(object: KubeObject, type = 'Ready'): boolean {
  return condition(object, type)?.status === 'True' && !isBehind(object);
}

/** The controller has not looked at what was last written. */
export function isBehind(object: KubeObject): boolean {
  const { generation } = object.metadata;
  const seen = statusOf(object)?.observedGeneration;
  return generation !== undefined && (seen ?? 0) < generation;
}

/** A command that makes an object, for any POSIX shell. */
export function applyCommand(object: object, flag: string): string {
  return `echo ${shellWord(JSON.stringify(object))} | zeroth apply${flag} -f -`;
}

/** A link of the chain that says what one condition says. */
export function stepOf(object: KubeObject, of: Condition | undefined): Step {
  const { kind } = object;
  const { name } = object.metadata;
  return {
    kind,
    name,
    state: of?.status === 'True' ? 'ok' : of?.status === 'False' ? 'failed' : 'waiting',
    ...(of?.reason === undefined || of.reason === '' ? {} : { reason: of.reason }),
    ...(of?.message === undefined || of.message === '' ? {} : { text: oneLine(of.message) }),
    ...(of?.lastTransitionTime === undefined ? {} : { since: of.lastTransitionTime }),
  };
}

/** The names nearest to a word that was meant to be one of them, at most three. */
export function nearest(word: string, names: Iterable<string>): string[] {
  const limit = Math.max(1, Math.ceil(word.length / 4));
  return [...new Set(names)]
    .map((name) => ({ name, distance: isBeginning(word, name) ? 1 : editDistance(word, name) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

function isBeginning(word: string, name: string): boolean {
  return Math.min(word.length, name.length) >= 4 && (name.startsWith(word) || word.startsWith(name));
}

/** Levenshtein's distance. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
