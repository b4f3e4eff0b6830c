import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import { build } from 'esbuild';
import t from 'tap';
import { systemClock } from '../../../../kube/clock.ts';
import { candidates, detectIsolation, type Isolation } from '../../../../local/node/runtime/process/machine.ts';
import { ProcessRuntime } from '../../../../local/node/runtime/process/process-runtime.ts';
import { processIds } from '../../../../local/node/runtime/process/proc.ts';
import type { ContainerSpec } from '../../../../local/node/runtime/runtime.ts';
import { until } from '../until.ts';

const folder = mkdtempSync(join(tmpdir(), 'zeroth-runtime-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;

function spec(argv: string[], more: Partial<ContainerSpec> = {}): ContainerSpec {
  const scratch = join(folder, `scratch-${number++}`);
  mkdirSync(scratch, { recursive: true });
  return {
    podUid: `uid-${number}`,
    name: 'main',
    argv,
    env: { PATH: process.env.PATH ?? '' },
    imageFolder: undefined,
    workingDir: '/',
    mounts: [],
    scratch,
    hosts: '127.0.0.1 localhost\n127.9.9.9 hello.default.svc\n',
    hostname: 'pod-1',
    ...more,
  };
}

const bare = candidates(false).find((isolation) => isolation.argv.length === 0) as Isolation;
const signalled = candidates(false).find((one) => one.deathSignal && !one.pidNamespace) as Isolation;
const best = await detectIsolation(folder);

for (const [name, isolation] of [
  ['with what this machine permits', best],
  ['in a user namespace', await detectIsolation(folder, false)],
  ['with a death signal alone', signalled],
  ['without any namespace', bare],
] as const) {
  const runtimeFolder = join(folder, `runtime-${number++}`);
  const runtime = await ProcessRuntime.open({ folder: runtimeFolder, clock: systemClock, isolation, warm: 1 });
  t.teardown(() => runtime.stop());

  void t.test(`${name}: arguments and environment arrive as they were given`, async (t) => {
    const values = ['', ' two  words ', '$HOME `id` "quoted" \'single\'', 'line\nbreak\n', '\\n\\', '*', '-n', 'ünï'];
    const env = { PATH: process.env.PATH ?? '', 'odd.name-x': 'a b', UID: '7', IFS: ':', V: 'x\ny', _: '1' };
    const program = 'console.log(JSON.stringify([process.argv.slice(1), process.env]))';
    const container = await runtime.start(spec(['node', '-e', program, '--', ...values], { env }));
    const [seenArgs, seenEnv] = JSON.parse(await text(container.stdout)) as [string[], Record<string, string>];
    t.same(seenArgs, values);
    const { PATH, 'odd.name-x': odd, UID, IFS, V } = seenEnv;
    t.same({ PATH, odd, UID, IFS, V }, { PATH: env.PATH, odd: 'a b', UID: '7', IFS: ':', V: 'x\ny' });
    t.same(await container.exited, { code: 0 });
  });

  void t.test(`${name}: exit status, signals and output of both streams`, async (t) => {
    const failing = await runtime.start(spec(['sh', '-c', 'echo out; echo err > /dev/stderr; exit 3']));
    const [out, err] = await Promise.all([text(failing.stdout), text(failing.stderr)]);
    t.same([out, err, (await failing.exited).code], ['out\n', 'err\n', 3]);
    const sleeping = await runtime.start(spec(['sleep', '600']));
    await until(() => sleeping.pid() !== undefined);
    sleeping.terminate();
    const said = text(sleeping.stderr);
    t.equal((await sleeping.exited).code, 143, 'SIGTERM ends a program that does not handle it');
    t.equal(await said, '', 'and only the program writes to its log');
    const absent = await runtime.start(spec(['/nosuch/program']));
    t.match(await text(absent.stderr), /nosuch/, 'nor is silent when it cannot start');
    t.equal((await absent.exited).code, 127);
    const polite = await runtime.start(
      spec([
        'node',
        '-e',
        'process.on("SIGTERM", () => process.exit(5)); console.log("up"); setInterval(() => {}, 1e6)',
      ]),
    );
    await new Promise((resolve) => polite.stdout.once('data', resolve));
    polite.terminate();
    t.equal((await polite.exited).code, 5);
    const missing = await runtime.start(spec(['no-such-program-here']));
    t.equal((await missing.exited).code, 127);
  });

  void t.test(`${name}: a wrapper's children that handle SIGTERM get to finish`, async (t) => {
    const inner =
      'process.on("SIGTERM",()=>{console.log("bye");process.exit(0)});console.log("up");setInterval(()=>{},1e6)';
    const container = await runtime.start(spec(['sh', '-c', `node -e '${inner}'; exit $?`]));
    const output: string[] = [];
    container.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    await until(() => output.join('').includes('up'));
    container.terminate();
    await container.exited;
    t.match(output.join(''), /bye/);
  });

  void t.test(`${name}: daemons that left the group die with the container`, async (t) => {
    const mark = `${String(process.pid)}${String(number++)}`;
    const container = await runtime.start(
      spec(['sh', '-c', `setsid sh -c "sleep 8${mark} & wait" & echo started; sleep 600`]),
    );
    await until(() => running(`sleep\0${`8${mark}`}`).length === 1);
    container.kill();
    await container.exited;
    await until(() => running(`sleep\0${`8${mark}`}`).length === 0);
    t.pass('gone');
  });

  void t.test(`${name}: finds where a program listens, and runs a command beside it`, async (t) => {
    const program =
      'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })';
    const container = await runtime.start(
      spec(['node', '-e', program], { env: { PATH: process.env.PATH ?? '', WHO: 'me' } }),
    );
    const port = Number(await new Promise<Buffer>((resolve) => container.stdout.once('data', resolve)));
    t.same(container.listeners(), [{ address: '127.0.0.1', port }]);
    const stdout = new PassThrough();
    const stdin = new PassThrough();
    const output = text(stdout);
    const done = container.command(['sh', '-c', 'echo $WHO; cat; exit 4'], {
      stdin,
      stdout,
      signal: new AbortController().signal,
    });
    stdin.end('typed');
    t.equal(await done, 4);
    stdout.end();
    t.equal(await output, 'me\ntyped');
    await t.rejects(
      container.command(['nothing-of-that-name'], { signal: new AbortController().signal }),
      /nothing-of-that-name: not found/,
    );
    container.kill();
    t.equal((await container.exited).code, 137);
  });

  if (isolation.privateFolders)
    void t.test(`${name}: last words and mount points in /dev and /run are the container's own`, async (t) => {
      const source = join(folder, `volume-${String(number++)}`);
      mkdirSync(source);
      writeFileSync(join(source, 'key'), 'value');
      const mounts = ['/dev/zeroth-volume', '/run/zeroth/deep', '/var/run/secrets/kubernetes.io/serviceaccount'].map(
        (target) => ({ source, target, readOnly: true }),
      );
      const script = `cat ${mounts.map(({ target }) => `${target}/key`).join(' ')} > /dev/termination-log; exit 7`;
      const container = await runtime.start(
        spec(['sh', '-c', script], { mounts, terminationLog: '/dev/termination-log' }),
      );
      const err = text(container.stderr);
      t.match(await container.exited, { code: 7, lastWords: 'valuevaluevalue' }, await err);
      for (const path of ['/dev/termination-log', '/dev/zeroth-volume', '/run/zeroth']) t.notOk(existsSync(path), path);
    });

  if (isolation.mountNamespace) {
    void t.test('hosts file: the container sees its own, and later changes', async (t) => {
      const container = await runtime.start(
        spec(['sh', '-c', 'getent hosts hello.default.svc; read x < /proc/1/fd/0; sleep 600']),
      );
      t.match(String(await new Promise<Buffer>((resolve) => container.stdout.once('data', resolve))), /^127\.9\.9\.9/);
      container.setHosts('127.8.8.8 hello.default.svc\n');
      const stdout = new PassThrough();
      const output = text(stdout);
      await container.command(['cat', '/etc/hosts'], { stdout, signal: new AbortController().signal });
      stdout.end();
      t.equal(await output, '127.8.8.8 hello.default.svc\n');
      t.not(readFileSync('/etc/hosts', 'utf8'), '127.8.8.8 hello.default.svc\n', 'the host keeps its own');
      container.kill();
      await container.exited;
    });

    void t.test('volumes appear at their own path, also where the host has none', async (t) => {
      const source = join(folder, `volume with space ${String(number++)}`);
      mkdirSync(source);
      writeFileSync(join(source, 'key'), 'value');
      const mounts = ['/zeroth-data/config', '/etc/zeroth-config', '/var/run/secrets/zeroth', '/opt'].map((target) => ({
        source,
        target,
        readOnly: target !== '/opt',
      }));
      const script = mounts.map(({ target }) => `cat ${target}/key`).join(' && ');
      const container = await runtime.start(
        spec(
          ['sh', '-c', `${script} && touch /opt/new && ! touch /zeroth-data/config/new && ls -d /proc/1 /etc/passwd`],
          { mounts },
        ),
      );
      const [out, err] = await Promise.all([text(container.stdout), text(container.stderr)]);
      t.equal(out, 'valuevaluevaluevalue/etc/passwd\n/proc/1\n', err);
      t.same(await container.exited, { code: 0 });
    });

    void t.test('the image is written to in a layer of the container', { skip: !isolation.overlay }, async (t) => {
      const imageFolder = join(folder, `image-${String(number++)}`);
      mkdirSync(imageFolder);
      writeFileSync(join(imageFolder, 'file'), 'image');
      const container = await runtime.start(
        spec(['sh', '-c', 'cat file; echo changed > file; cat file'], { imageFolder, workingDir: undefined }),
      );
      t.equal(await text(container.stdout), 'imagechanged\n');
      t.equal(readFileSync(join(imageFolder, 'file'), 'utf8'), 'image');
    });
  }
}

t.test('a killed agent leaves no process, whatever it had started', async (t) => {
  const program = join(folder, 'agent.mjs');
  await build({
    entryPoints: ['test/local/node/runtime/agent.fixture.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: program,
  });
  for (const kind of ['best', 'bare']) {
    const mark = `7${String(process.pid)}${String(number++)}`;
    const child = spawn(process.execPath, [program, join(folder, mark), kind, mark], { stdio: 'inherit' });
    await until(() => running(`sleep\0${mark}`).length === 2, 20_000);
    child.kill('SIGKILL');
    await until(() => running(`sleep\0${mark}`).length === 0, 5_000);
    t.pass(kind);
  }
});

function running(commandLine: string): number[] {
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').startsWith(commandLine);
    } catch {
      return false;
    }
  });
}
