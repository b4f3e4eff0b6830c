// What a person meets on the command line: help, mistakes, ports in use, a second instance, kill and restart.
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import t from 'tap';
import { cleanEnv, eventually, Instance, processesWith, runProgram, type Output } from './instance.ts';

const noUserNamespaces =
  spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0
    ? false
    : 'no user namespaces here';

const zeroth = (...args: string[]): Promise<Output> =>
  runProgram(process.execPath, [resolve('dist/zeroth.js'), ...args], '', cleanEnv());

/** Whatever a failed test has left running ends with it. */
async function leave(state: string): Promise<void> {
  await zeroth('down', '--state', state);
  rmSync(join(state, '..'), { recursive: true, force: true });
}

t.test('help, unknown verbs and flags', async (t) => {
  t.match(await zeroth('--help'), { code: 0, stdout: /usage: zeroth VERB[\s\S]*up[\s\S]*status/ });
  for (const verb of ['up', 'down', 'build', 'status', 'why', 'top', 'apply', 'get', 'delete', 'logs'])
    t.match(
      await zeroth(verb, '--help'),
      { code: 0, stdout: new RegExp(`usage: zeroth ${verb}[\\s\\S]*examples:`) },
      verb,
    );
  t.match(await zeroth('fly'), { code: 2, stderr: /^zeroth: there is no verb "fly"; see: zeroth --help\n$/ });
  t.match(await zeroth('up', '--colour'), {
    code: 2,
    stderr: /^zeroth: zeroth up: unknown option '--colour'[^\n]*\n$/,
  });
  t.match(await zeroth('up', '--http-port', 'eighty'), {
    code: 2,
    stderr: /--http-port takes a port[^\n]*"eighty"\n$/,
  });
  t.match(await zeroth('build', '.'), { code: 2, stderr: /needs a name/ });
});

t.test('a port in use is one clear line and exit 2', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  const state = mkdtempSync(join(tmpdir(), 'zeroth-e2e-'));
  t.teardown(() => {
    taken.close();
    rmSync(state, { recursive: true, force: true });
  });
  for (const [flag, other] of [
    ['--http-port', '--api-port'],
    ['--api-port', '--http-port'],
  ] as const) {
    const output = await zeroth('up', '--state', state, flag, String(port), other, '0');
    t.match(output, { code: 2, stderr: new RegExp(`^zeroth: .*${port}.*${flag}.*\\n$`) }, flag);
  }
  t.same(processesWith(state), [], 'nothing is left running');
});

t.test('a second up on the same state, detach, status, down, purge', async (t) => {
  const state = join(mkdtempSync(join(tmpdir(), 'zeroth-e2e-')), 'state');
  t.teardown(() => leave(state));
  const up = await zeroth('up', '--detach', '--state', state, '--http-port', '0', '--api-port', '0');
  t.match(up, { code: 0, stdout: /export KUBECONFIG=/ }, up.stderr);
  t.match(JSON.parse(readFileSync(join(state, 'ready.json'), 'utf8')), {
    http: /^http:\/\/127\.0\.0\.1:\d+$/,
    api: /^https:/,
    kubeconfig: join(state, 'kubeconfig'),
    pid: Number,
  });
  t.match(await zeroth('up', '--state', state), {
    code: 2,
    stderr: /in use by a running zeroth \(pid \d+\); stop it with: zeroth down/,
  });
  t.match(await zeroth('status', '--state', state), {
    code: 0,
    stdout: /control\s+\d+[\s\S]*activator\s+\d+[\s\S]*broker\s+\d+/,
  });
  t.match(await zeroth('apply', '-f', 'examples/hello/service.yaml', '--state', state), {
    code: 0,
    stdout: 'service.serving.knative.dev/hello created\n',
  });
  await eventually('the missing image is named with the command that provides it', async () => {
    const { stdout } = await zeroth('status', '--state', state);
    return stdout.includes('zeroth build DIR -t hello');
  });
  t.match(await zeroth('build', 'examples/hello', '-t', 'hello', '--state', state), {
    code: 0,
    stdout: /^hello\S*\nsha256:[0-9a-f]{64}\n$/,
  });
  await eventually('ready once the image is there', async () => {
    const { stdout } = await zeroth('get', 'ksvc', '--state', state);
    return /hello\s+http:\S+\s+hello-00001\s+hello-00001\s+True/.test(stdout);
  });
  t.match(await zeroth('delete', 'ksvc', 'hello', '--state', state), {
    code: 0,
    stdout: 'service.serving.knative.dev/hello deleted\n',
  });
  const crashing = join(state, '..', 'crashing.json');
  writeFileSync(
    crashing,
    JSON.stringify({
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: 'crashing' },
      spec: {
        template: { spec: { containers: [{ image: 'hello', command: ['sh', '-c', 'echo no config; exit 3'] }] } },
      },
    }),
  );
  t.match(await zeroth('apply', '-f', crashing, '--state', state), { code: 0 });
  await eventually('the last words of a crashing container are one line of status', async () => {
    const { stdout } = await zeroth('status', '--state', state);
    return /^ {2}default\/crashing is not ready: RevisionFailed: .*no config/m.test(stdout) && !/^\./m.test(stdout);
  });
  t.match(await zeroth('down', '--state', state), { code: 0, stdout: /stopped/ });
  t.notOk(existsSync(join(state, 'ready.json')));
  t.match(await zeroth('status', '--state', state), { code: 1, stdout: /nothing runs/ });
  t.match(await zeroth('down', '--purge', '--state', state), { code: 0 });
  t.notOk(existsSync(state), 'purged');
  t.same(processesWith(state), []);
});

t.test(
  'paths with spaces, a kubeconfig elsewhere: what is printed and written can be used from anywhere',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'zeroth e2e '));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const state = join(folder, 'my state');
    const kubeconfig = join(folder, "it's", 'kube config');
    const named = ['--state', state, '--kubeconfig', relative('.', kubeconfig), '--domain', 'example.test'];
    const up = await zeroth('up', '--detach', ...named, '--http-port', '0', '--api-port', '0');
    t.match(up, { code: 0 }, up.stderr);
    t.match(JSON.parse(readFileSync(join(state, 'ready.json'), 'utf8')), { kubeconfig });
    const [line] = /^ *export KUBECONFIG=.*$/m.exec(up.stdout) ?? [''];
    const shell = await runProgram('sh', ['-c', `${line}; cat "$KUBECONFIG"`], '', cleanEnv());
    t.match(shell, { code: 0, stdout: /current-context/ });
    t.match(await zeroth('down', '--purge', '--state', state), { code: 0, stdout: /stopped/ });
  },
);

t.test(
  'down meets an instance that is still starting; a second up at the same moment takes nothing from it',
  async (t) => {
    const state = join(mkdtempSync(join(tmpdir(), 'zeroth-e2e-')), 'state');
    t.teardown(() => rmSync(state, { recursive: true, force: true }));
    const up = () => zeroth('up', '--state', state, '--http-port', '0', '--api-port', '0');
    const both = [up(), up()];
    const refused = await Promise.race(both);
    t.match(refused, { code: 2, stderr: /in use/ });
    await eventually('one of them says that it runs', () => existsSync(join(state, 'run.json')));
    t.match(await zeroth('down', '--state', state), { code: 0, stdout: /stopped/ });
    t.same((await Promise.all(both)).map(({ code }) => code).sort(), [0, 2]);
    t.notOk(existsSync(join(state, 'ready.json')));
  },
);

t.test('SIGKILL of the root: no process stays; the next up has the same objects', async (t) => {
  const first = await Instance.start();
  await first.zeroth(['build', 'examples/hello', '-t', 'hello']);
  t.match(await first.zeroth(['apply', '-f', 'examples/hello/service.yaml']), { code: 0 });
  await eventually('served', async () => (await first.fetch('hello.default.localhost')).status === 200);
  await first.kill();
  await eventually(
    'all processes of the instance ended',
    () => processesWith(first.state).length === 0 && processesWith('K_SERVICE=hello').length === 0,
  );
  const second = await Instance.start([], first.state);
  t.teardown(() => second.remove());
  await eventually('served again', async () => (await second.fetch('hello.default.localhost')).status === 200);
});

t.test('SIGKILL of the gateway: it is back on its port, and the Service answers', async (t) => {
  const zeroth = await Instance.start();
  t.teardown(() => zeroth.remove());
  await zeroth.zeroth(['build', 'examples/hello', '-t', 'hello']);
  await zeroth.zeroth(['apply', '-f', 'examples/hello/service.yaml']);
  await eventually('served', async () => (await zeroth.fetch('hello.default.localhost')).status === 200);
  process.kill(zeroth.pidOf('activator'), 'SIGKILL');
  await eventually('served again on the same port', async () => {
    const answer = await zeroth.fetch('hello.default.localhost').catch(() => undefined);
    return answer?.status === 200;
  });
});

t.test('a torn tail of the API store is repaired; a corrupt middle is refused, and nothing is destroyed', async (t) => {
  const first = await Instance.start();
  t.teardown(() => rmSync(first.state, { recursive: true, force: true }));
  for (let i = 0; i < 20; i++)
    await first.zeroth(
      ['apply', '-f', '-'],
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: m-${i}}, data: {a: "${'x'.repeat(500)}"}}`,
    );
  await first.kill();
  const files = readdirSync(join(first.state, 'api'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(first.state, 'api', name))
    .filter((path) => statSync(path).isFile() && statSync(path).size > 4_096)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const [log = ''] = files;
  truncateSync(log, statSync(log).size - 7);
  const second = await Instance.start([], first.state);
  const { stdout } = await second.zeroth(['get', 'cm', '-o', 'name']);
  t.ok(
    stdout.split('\n').filter((line) => line.startsWith('configmap/m-')).length >= 19,
    'all but the torn record are there',
  );
  await second.kill();
  const bytes = readFileSync(log);
  bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
  writeFileSync(log, bytes);
  const size = statSync(log).size;
  const output = await runProgram(
    process.execPath,
    [resolve('dist/zeroth.js'), 'up', '--state', first.state, '--http-port', '0', '--api-port', '0'],
    '',
    cleanEnv(),
  );
  t.not(output.code, 0);
  t.match(output.stderr, /^zeroth: [^\n]*(corrupt|damaged)[^\n]*\n$/, 'one clear line');
  t.equal(statSync(log).size, size, 'the file is as it was');
});

t.test('a full disk is one clear line, with --detach too', { skip: noUserNamespaces }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroth-e2e-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const onFullDisk = (...flags: string[]): Promise<Output> => {
    const start = `node ${resolve('dist/zeroth.js')} up --state ${folder}/state --http-port 0 --api-port 0 ${flags.join(' ')}`;
    const script = `mount -t tmpfs -o size=64k tmpfs ${folder} && { cat /dev/zero > ${folder}/fill 2> /dev/null; ${start}; }`;
    return runProgram('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script], '', cleanEnv());
  };
  for (const flags of [[], ['--detach']]) {
    const output = await onFullDisk(...flags);
    t.match(
      output,
      { code: 1, stderr: /^zeroth: cannot write[^\n]*no space left on the disk[^\n]*\n$/ },
      flags.join(' '),
    );
  }
});
