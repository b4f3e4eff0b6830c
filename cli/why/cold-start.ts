/** The last cold start of a revision in a line. */
import type { Graph, LastColdStart } from './graph.ts';
import { formatAge, formatSeconds } from './words.ts';

const PHASES: readonly [phase: string, text: string][] = [
  ['wake_to_scaled', 'to scale up'],
  ['scaled_to_created', 'to make the pod'],
  ['created_to_started', 'to start it'],
  ['started_to_ready', 'until it was ready'],
  ['ready_to_first_byte', 'to the first byte'],
];

/** `71 ms, 2m ago: 2 ms to scale up, …`; undefined when none was seen. */
export function coldStartText(graph: Graph, revision: string): string | undefined {
  const last = graph.coldStarts.find((one) => one.revision === revision);
  const total = last?.phases['total'];
  if (last === undefined || total === undefined) return undefined;
  return `${formatSeconds(total)}, ${formatAge(graph.now - last.at)} ago: ${phasesText(last)}`;
}

function phasesText({ phases }: LastColdStart): string {
  return PHASES.flatMap(([phase, text]) => {
    const seconds = phases[phase];
    return seconds === undefined ? [] : [`${formatSeconds(seconds)} ${text}`];
  }).join(', ');
}
