/** `zeroth up`: starts an instance in the foreground, or in the background with --detach. */
import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync, statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, diskFull, UsageError } from './errors.ts';
import { shellWord } from './shell-word.ts';
import { StateFolder, type Ready } from './state.ts';
import { STATE_FLAG, type Arguments, type Verb } from './verb.ts';

export const up: Verb = {
  name: 'up',
  summary: 'Start the API server, controllers, gateway and broker on this machine.',
  usage:
    '[--state DIR] [--http-port N] [--https-port N] [--api-port N] [--kubeconfig FILE] [--domain D] [--demo] [--detach]',
  flags: {
    state: STATE_FLAG,
    'http-port': { type: 'string', help: 'N|port of the HTTP gateway on 127.0.0.1 (default 8080, 0 = any free one)' },
    'https-port': {
      type: 'string',
      help: 'N|port of the gateway for https (default 8443, or any free one where that is taken or --http-port is 0)',
    },
    'api-port': { type: 'string', help: 'N|port of the API server on 127.0.0.1 (default 6443, 0 = any free one)' },
    kubeconfig: { type: 'string', help: 'FILE|where to write the kubeconfig (default DIR/kubeconfig)' },
    domain: { type: 'string', help: 'D|domain of external URLs (default localhost)' },
    demo: { type: 'boolean', help: 'also run an example service and an example event flow' },
    detach: { type: 'boolean', help: 'return when ready; stop it with: zeroth down' },
    'log-level': { type: 'string', help: 'LEVEL|debug, info, warn or error, for DIR/zeroth.log (default info)' },
  },
  examples: [
    'zeroth up                                 # Ctrl-C drains and stops everything',
    'zeroth up --demo                          # with something to look at',
    'zeroth up --detach --state /tmp/ci --http-port 0 --api-port 0   # in CI; see /tmp/ci/ready.json',
  ],
  positionals: [0, 0],
  async run(args) {
    const state = StateFolder.own(args.text('state'));
    return args.flag('detach') ? detach(args, state) : foreground(args, state);
  },
};

async function foreground(args: Arguments, state: StateFolder): Promise<number> {
  const domain = args.text('domain') ?? 'localhost';
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(domain))
    throw new UsageError(`--domain takes a DNS name such as localhost or example.com, not "${domain}"`);
  const level = args.text('log-level') ?? 'info';
  if (level !== 'debug' && level !== 'info' && level !== 'warn' && level !== 'error')
    throw new UsageError(`--log-level takes debug, info, warn or error, not "${level}"`);
  const httpPort = args.port('http-port', 8080);
  const httpsPort = args.text('https-port') === undefined ? undefined : args.port('https-port', 0);
  const apiPort = args.port('api-port', 6443);
  refuseSecond(state);
  const { runControl } = await import('./control.ts');
  return runControl({
    state,
    httpPort,
    httpsPort,
    apiPort,
    domain,
    kubeconfig: resolve(args.text('kubeconfig') ?? state.path('kubeconfig')),
    demo: args.flag('demo'),
    logLevel: level,
    print: (line) => process.stdout.write(line + '\n'),
  });
}

function refuseSecond(state: StateFolder): void {
  const run = state.running();
  if (run === undefined) return;
  throw new UsageError(
    `${state.dir} is in use by a running zeroth (pid ${run.pid}); stop it with: zeroth down --state ${shellWord(state.dir)}, or choose another --state`,
  );
}

/** Starts ourselves again without a terminal, shows what it prints, and returns once it is ready. */
async function detach(args: Arguments, state: StateFolder): Promise<number> {
  state.create();
  refuseSecond(state);
  state.clearReady();
  const output = state.path('up.out');
  const fd = openSync(output, 'w', 0o600);
  const flags = ['state', 'http-port', 'https-port', 'api-port', 'kubeconfig', 'domain', 'log-level'].flatMap(
    (flag) => {
      const value = args.text(flag);
      return value === undefined ? [] : [`--${flag}`, value];
    },
  );
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      fileURLToPath(import.meta.resolve(process.argv[1] ?? '')),
      'up',
      ...flags,
      ...(args.flag('demo') ? ['--demo'] : []),
    ],
    { detached: true, stdio: ['ignore', fd, fd] },
  );
  closeSync(fd);
  const ready = await waitReady(child, state);
  process.stdout.write(readFileSync(output, 'utf8'));
  if (typeof ready === 'number') {
    // On a full disk it could not even write what is wrong.
    if (statfsSync(state.dir).bavail === 0) throw diskFull(` to ${state.dir}`);
    return ready === 0 ? 1 : ready;
  }
  child.unref();
  return 0;
}

async function waitReady(child: ReturnType<typeof spawn>, state: StateFolder): Promise<Ready | number> {
  let code: number | undefined;
  child.once('error', (error) => {
    throw new CommandError(`cannot start in the background: ${error.message}`);
  });
  child.once('exit', (exit) => (code = exit ?? 1));
  for (;;) {
    const ready = state.ready();
    if (ready !== undefined) return ready;
    if (code !== undefined) return code;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
