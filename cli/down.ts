/** `zeroth down`: stops the instance of a state folder and waits for its end. */
import { existsSync, rmSync } from 'node:fs';
import { CommandError } from './errors.ts';
import { shellWord } from './shell-word.ts';
import { processStart, StateFolder, type Run } from './state.ts';
import { STATE_FLAG, type Verb } from './verb.ts';

const PATIENCE = 60_000;

export const down: Verb = {
  name: 'down',
  summary: 'Stop it, wait, and leave the state for the next up.',
  usage: '[--state DIR] [--purge]',
  flags: { state: STATE_FLAG, purge: { type: 'boolean', help: 'remove the state folder as well' } },
  examples: [
    'zeroth down                      # the next up has the same objects and owes the same events',
    'zeroth down --purge              # leave nothing behind',
  ],
  positionals: [0, 0],
  async run(args) {
    const state = StateFolder.nearest(args.text('state'));
    const run = state.running();
    if (run === undefined) process.stdout.write(`nothing runs in ${state.dir}\n`);
    else {
      await stop(run);
      process.stdout.write(`stopped (pid ${run.pid})\n`);
    }
    if (args.flag('purge')) purge(state);
    else if (run !== undefined)
      process.stdout.write(
        `the state is kept in ${state.dir}; start again with: zeroth up --state ${shellWord(state.dir)}\n`,
      );
    return 0;
  },
};

async function stop(run: Run): Promise<void> {
  process.kill(run.pid, 'SIGTERM');
  const deadline = Date.now() + PATIENCE;
  let told = Date.now() + 1_000;
  while (processStart(run.pid) === run.started) {
    if (Date.now() > deadline)
      throw new CommandError(
        `pid ${run.pid} still runs after ${PATIENCE / 1000} s; end it with: kill -9 ${run.pid} (no stored object or event is lost)`,
      );
    if (Date.now() > told) {
      process.stdout.write('waiting for requests and pods to finish…\n');
      told = Infinity;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Removes only what looks like a state folder: a mistyped --state must not cost a home directory. */
function purge(state: StateFolder): void {
  if (!existsSync(state.dir)) return;
  if (!existsSync(state.path('api')) && !existsSync(state.path('images')) && !existsSync(state.path('pki')))
    throw new CommandError(
      `${state.dir} does not look like a state folder (no api, images or pki in it); nothing was removed`,
    );
  rmSync(state.dir, { recursive: true, force: true });
  process.stdout.write(`removed ${state.dir}\n`);
}
