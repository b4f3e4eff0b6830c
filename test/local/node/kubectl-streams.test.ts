import { execFile, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openPki } from '../../../local/apiserver/pki.ts';
import { isReady, openCluster } from './cluster.ts';
import { until } from './until.ts';
import { kubectlMissing, kubectlPath } from '../../kubectl.ts';

const KUBECTL = await kubectlPath();
const skip = await kubectlMissing();
const noTerminal =
  skip || (spawnSync('script', ['--version']).status !== 0 && 'no script(1) to give kubectl a terminal');

const cluster = await openCluster(t);
const pki = await openPki(join(cluster.dir, 'pki'));
const { port } = await cluster.server.listen({ host: '127.0.0.1', port: 0, tls: pki, tokens: [pki.token] });
const kubeconfig = join(cluster.dir, 'kubeconfig');
writeFileSync(
  kubeconfig,
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: `https://127.0.0.1:${String(port)}`, 'certificate-authority': pki.caFile } },
    ],
    users: [{ name: 'u', user: { token: pki.token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }),
);
const env = { ...process.env, KUBECONFIG: kubeconfig };

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function kubectl(args: string[], input = ''): Promise<Answer> {
  return new Promise((resolve) => {
    const child = execFile(KUBECTL, args, { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
    child.stdin?.end(input);
  });
}

const PROGRAM = `
let n = 0;
require('http').createServer((q, s) => { console.log('line ' + ++n); s.end('port ' + process.env.PORT); }).listen(process.env.PORT);
console.error('to stderr');
`;
await cluster.run('web', {
  containers: [
    {
      name: 'main',
      image: process.execPath,
      args: ['-e', PROGRAM],
      env: [{ name: 'COLOR', value: 'green' }],
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { port: 8080 } },
    },
    { name: 'side', image: '/bin/sleep', args: ['600'] },
  ],
});
await cluster.see('web', isReady);

void t.test('kubectl logs: all, tail, time stamps, follow', { skip }, async (t) => {
  t.match((await kubectl(['logs', 'web', '-c', 'main'])).out, /to stderr\n(line 1\n)?/);
  t.equal((await kubectl(['logs', 'web', '-c', 'main', '--tail=1', '--limit-bytes=4'])).out, 'line');
  t.match(
    (await kubectl(['logs', 'web', '-c', 'main', '--timestamps', '--tail=1'])).out,
    /^\d{4}-\d\d-\d\dT[\d:.]+Z line/,
  );
  t.match((await kubectl(['logs', 'web', '-c', 'none'])).err, /container none is not valid for pod web/);
  t.match(
    (await kubectl(['logs', 'web', '-c', 'main', '-p'])).err,
    /previous terminated container "main" in pod "web" not found/,
  );
  const follow = spawn(KUBECTL, ['logs', '-f', 'web', '-c', 'main', '--tail=0'], { env });
  let seen = '';
  follow.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await until(async () => {
    const connection = await cluster.agent.connect(await cluster.get('web'), 8080);
    connection.end('GET / HTTP/1.0\r\n\r\n');
    await text(connection);
    return /line \d+\n/.test(seen);
  });
  follow.kill();
  t.pass();
});

void t.test('kubectl exec: environment, input, exit status, a missing program', { skip }, async (t) => {
  t.equal((await kubectl(['exec', 'web', '-c', 'main', '--', 'sh', '-c', 'echo $COLOR'])).out, 'green\n');
  t.equal((await kubectl(['exec', '-i', 'web', '-c', 'side', '--', 'cat'], 'typed\n')).out, 'typed\n');
  const failed = await kubectl(['exec', 'web', '-c', 'main', '--', 'sh', '-c', 'echo bad >&2; exit 9']);
  t.match(failed, { code: 9, err: /^bad\n/ });
  t.match(await kubectl(['exec', 'web', '-c', 'main', '--', 'no-such-program']), {
    code: 1,
    err: /no-such-program: not found/,
  });
});

void t.test('kubectl exec -it gives a terminal of the right size', { skip: noTerminal }, async (t) => {
  // kubectl asks for a terminal only when it has one itself: script(1) gives it one.
  const command = `'${KUBECTL}' exec -it web -c main -- sh -c 'tty; while stty size | grep -q ^0; do sleep 0.05; done; stty size; exit 3'`;
  const args = ['-q', '-e', '-c', `stty rows 33 cols 77; ${command}`, '/dev/null'];
  const terminal = spawn('script', args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => terminal.once('exit', resolve));
  t.match(await text(terminal.stdout), /\/dev\/pts\/\d+\r\n33 77\r\n/);
  t.equal(await ended, 3);
});

void t.test('kubectl port-forward reaches the declared port', { skip }, async (t) => {
  const forward = spawn(KUBECTL, ['port-forward', 'pod/web', ':8080'], { env });
  let seen = '';
  forward.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  forward.stderr.on('data', (chunk: Buffer) => t.comment(chunk.toString()));
  await until(() => /127\.0\.0\.1:(\d+) ->/.test(seen));
  const local = Number(/127\.0\.0\.1:(\d+) ->/.exec(seen)?.[1]);
  const body = await new Promise<string>((resolve, reject) => {
    get({ host: '127.0.0.1', port: local, agent: false }, (response) => void text(response).then(resolve, reject)).on(
      'error',
      reject,
    );
  });
  t.match(body, /^port \d+$/);
  forward.kill();
});
