/** `zeroth top`: a live table of what every revision does and uses. */
import type { ReadStream } from 'node:tty';
import { CLUSTER_FLAGS, connect } from './cluster.ts';
import { CommandError, UsageError } from './errors.ts';
import { StateFolder } from './state.ts';
import { rowsOf, type Row } from './top/rows.ts';
import { Screen } from './top/screen.ts';
import { takeSnapshot, type Snapshot } from './top/snapshot.ts';
import { rateText, tableOf } from './top/table.ts';
import type { Verb } from './verb.ts';

const DEFAULT_INTERVAL = 2;

export const top: Verb = {
  name: 'top',
  summary: 'Show requests, latency, queue, pods, processor and memory of each revision, the busiest first.',
  usage: '[-n NS | -A] [--once] [--interval SECONDS] [-o json]',
  flags: {
    ...CLUSTER_FLAGS,
    'all-namespaces': { type: 'boolean', short: 'A', help: 'revisions of all namespaces' },
    once: { type: 'boolean', help: 'one table, as when it is piped' },
    interval: { type: 'string', help: `SECONDS|time between two looks (default ${DEFAULT_INTERVAL})` },
    output: { type: 'string', short: 'o', help: 'FORM|json: one look, as data' },
  },
  examples: ['zeroth top -A', 'zeroth top --once | head -5', 'zeroth top -n shop -o json --interval 10'],
  positionals: [0, 0],
  async run(args) {
    const output = args.text('output');
    if (output !== undefined && output !== 'json') throw new UsageError(`-o takes json, not "${output}"`);
    const interval = intervalOf(args.text('interval'));
    const cluster = connect(args);
    const state = StateFolder.nearest(args.text('state'));
    const everywhere = args.flag('all-namespaces');
    const look = (): Promise<Snapshot> => takeSnapshot(cluster, state, everywhere ? undefined : cluster.namespace);
    if (output === undefined && !args.flag('once') && process.stdout.isTTY && process.stdin.isTTY) {
      const title = everywhere ? 'all namespaces' : `namespace ${cluster.namespace}`;
      await live(look, interval, title, everywhere);
      return 0;
    }
    const before = await look();
    await pause(interval);
    const after = await look();
    const rows = rowsOf(before, after);
    if (output === 'json') {
      const seconds = (after.at - before.at) / 1000;
      process.stdout.write(
        JSON.stringify({ at: new Date().toISOString(), seconds, revisions: rows }, undefined, 2) + '\n',
      );
    } else if (rows.length === 0)
      process.stderr.write(
        everywhere ? 'No revisions found\n' : `No revisions found in ${cluster.namespace} namespace.\n`,
      );
    else process.stdout.write(tableOf(rows, { namespaces: everywhere }));
    return 0;
  },
};

/** @returns ms. Throws `UsageError`. */
function intervalOf(text: string | undefined): number {
  const seconds = text === undefined ? DEFAULT_INTERVAL : Number(text);
  if (!(seconds >= 0.2 && seconds <= 3600) || text?.trim() === '')
    throw new UsageError(`--interval takes seconds from 0.2 to 3600, not "${text ?? ''}"`);
  return seconds * 1000;
}

/** Until somebody ends it. A look that fails is told and tried again. */
async function live(
  look: () => Promise<Snapshot>,
  interval: number,
  title: string,
  namespaces: boolean,
): Promise<void> {
  let end: () => void = () => undefined;
  let over = false;
  const ended = new Promise<void>((resolve) => {
    end = () => {
      over = true;
      resolve();
    };
  });
  const screen = new Screen(process.stdin as ReadStream, process.stdout, end);
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  screen.open();
  try {
    let before = await look();
    screen.show(() => `${title}: looking for ${interval / 1000} s …  (q ends)\n`);
    while (!over) {
      await Promise.race([pause(interval), ended]);
      if (over) return;
      try {
        const after = await look();
        const rows = rowsOf(before, after);
        before = after;
        screen.show(
          ({ lines, width }) =>
            `${headOf(title, rows).slice(0, width)}\n\n${tableOf(rows, { namespaces, lines: lines - 2, width })}`,
        );
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        const { message } = error;
        screen.show(({ width }) => `${title}: ${message}`.slice(0, width));
      }
    }
  } finally {
    screen.close();
    for (const signal of signals) process.off(signal, end);
  }
}

function headOf(title: string, rows: readonly Row[]): string {
  const sum = (read: (row: Row) => number): number => rows.reduce((total, row) => total + read(row), 0);
  const running = rows.filter(({ ready }) => ready > 0).length;
  return `${title}: ${rateText(sum(({ rps }) => rps))} requests/s, ${sum(({ inFlight }) => inFlight)} in flight, ${sum(({ queued }) => queued)} queued; ${running} of ${rows.length} revisions have pods, ${sum(({ ready }) => ready)} in all   (q ends)`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
