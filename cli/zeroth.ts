#!/usr/bin/env node
/**
 * The `zeroth` command: finds the verb, parses its words, runs it. Verbs load what they need when they run, so that
 * `zeroth --help` costs nothing. Exit codes: 0 done, 1 failed, 2 wrong words or a port in use.
 */
import { CommandError, machineRefusal } from './errors.ts';
import { helpOf, parseArguments, type Verb } from './verb.ts';
import { version } from './version.ts';

const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  up: async () => (await import('./up.ts')).up,
  down: async () => (await import('./down.ts')).down,
  build: async () => (await import('./build.ts')).build,
  status: async () => (await import('./status.ts')).status,
  why: async () => (await import('./why.ts')).why,
  top: async () => (await import('./top.ts')).top,
  apply: async () => (await import('./apply.ts')).apply,
  get: async () => (await import('./get.ts')).get,
  delete: async () => (await import('./delete.ts')).remove,
  logs: async () => (await import('./logs.ts')).logs,
  webhook: async () => (await import('./webhook.ts')).webhook,
};

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(await overview());
    return 0;
  }
  if (name === '--version' || name === 'version') {
    process.stdout.write(`zeroth ${version()}\n`);
    return 0;
  }
  const load = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (load === undefined) {
    process.stderr.write(`zeroth: there is no verb "${name}"; see: zeroth --help\n`);
    return 2;
  }
  const verb = await load();
  const args = parseArguments(verb, rest);
  if (args === 'help') {
    process.stdout.write(helpOf(verb));
    return 0;
  }
  return verb.run(args);
}

async function overview(): Promise<string> {
  const verbs = await Promise.all(Object.values(VERBS).map((load) => load()));
  return [
    "zeroth: Knative's API without the weight, on one machine.",
    '',
    'usage: zeroth VERB [flags]',
    '',
    ...verbs.map((verb) => `  ${verb.name.padEnd(8)} ${verb.summary}`),
    '',
    'examples:',
    '  zeroth up --demo                  # start everything, with an example service and event flow',
    '  zeroth build ./app -t hello       # make a folder into an image',
    '  zeroth apply -f service.yaml      # or: kubectl apply -f service.yaml',
    '  zeroth status                     # what runs',
    '  zeroth why hello                  # why it is not ready, and what to do',
    '  zeroth top -A                     # what every revision does, live',
    '  zeroth down                       # stop it; the state stays',
    '',
    'Flags and examples of a verb: zeroth VERB --help',
    '',
  ].join('\n');
}

// A reader that went away (`zeroth get … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const told = error instanceof CommandError ? error : machineRefusal(error);
  if (told === undefined) throw error;
  process.stderr.write(`zeroth: ${told.message}\n`);
  process.exitCode = told.exitCode;
}
