/** A diagnosis as one screen of text. */
import { columns } from '../columns.ts';
import type { Command, Diagnosis, Step } from './diagnosis.ts';
import { formatAge } from './words.ts';

/** Characters of a line's explanation; the whole is in -o json. */
const MOST = 140;

/** @param now ms since the epoch */
export function renderDiagnosis(diagnosis: Diagnosis, now: number): string {
  const { subject, ready, since, cause, steps, facts, warnings, next } = diagnosis;
  const name = `${subject.kind} ${subject.namespace === undefined ? '' : `${subject.namespace}/`}${subject.name}`;
  const age = since === undefined ? '' : `, for ${formatAge(now - Date.parse(since))}`;
  const state = ready ? 'is ready' : steps[0]?.state === 'waiting' ? 'is not ready yet' : 'is not ready';
  const lines = [`${name} ${state}${age}`];
  if (cause !== undefined) lines.push(`because ${cause}`);
  if (facts.length > 0) lines.push('', ...table(facts.map((fact) => [`  ${fact.name}`, fact.text])));
  if (steps.length > 1 || (!ready && steps[0]?.text !== undefined)) lines.push('', ...chain(steps, now));
  if (warnings.length > 0) lines.push('', ...warnings.map((text) => `warning: ${text}`));
  if (next.length > 0) lines.push('', 'next:', ...commands(next));
  return `${lines.join('\n')}\n`;
}

const MARKS = { ok: '✓', waiting: '…', failed: '✗' } as const;

function chain(steps: readonly Step[], now: number): string[] {
  return steps.flatMap(({ kind, name, state, reason, text: own, since, log = [] }, depth) => {
    // What only repeats the next link is left out.
    const inner = steps[depth + 1]?.text?.slice(0, 40);
    const text =
      inner !== undefined && inner !== '' && own !== undefined && own.length > inner.length && own.includes(inner)
        ? undefined
        : own;
    const indent = '  '.repeat(depth);
    const age = since === undefined ? '' : ` ${formatAge(now - Date.parse(since))}`;
    const head = `  ${indent}${MARKS[state]} ${kind} ${name}`;
    const tail = [reason, text].filter((part) => part !== undefined && part !== '').join(': ');
    return [
      `${head}${tail === '' ? '' : `  ${short(tail)}`}${age === '' ? '' : `  (${age.trim()})`}`,
      ...log.map((line) => `  ${indent}    | ${short(line)}`),
    ];
  });
}

function commands(next: readonly Command[]): string[] {
  return next.map(({ run, why }) => `  ${run}   # ${why}`);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const [first, ...rest] = rows;
  return first === undefined ? [] : columns(first, rest).trimEnd().split('\n');
}

function short(text: string): string {
  return text.length <= MOST ? text : `${text.slice(0, MOST - 1)}…`;
}
